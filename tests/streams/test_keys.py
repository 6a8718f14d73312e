"""API keys on `/stream/`: how they are sent, what they may have, and how they end."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from websockets.exceptions import ConnectionClosed

from marketdata import api_keys, keyring, times
from marketdata.models import ApiKey
from streams import quotas, rights
from streams.hold import Holder
from tests.streams.live import Listener, Web
from tests.streams.test_access import closed, ping, token, user
from tests.streams.test_quotas import TRADES, codes, given_back

__all__ = ["closed", "user"]
pytestmark = pytest.mark.usefixtures("closed")


@pytest.fixture
def key(user: Any) -> str:
    return keyring.issue(ApiKey(name="collector", user=user))


async def changed(**fields: Any) -> None:
    await ApiKey.objects.aupdate(**fields)


def header(key: str) -> dict[str, Any]:
    return {"additional_headers": {"X-Api-Key": key}}


async def authenticated(client: Listener, key: str) -> dict[str, Any]:
    await client.say(action="authenticate", token=key, id=1)
    return await client.next()


@pytest.mark.parametrize("way", ["X-Api-Key", "Authorization", "subprotocol", "action"])
async def test_a_key_opens_by_every_way_of_a_token(web: Web, key: str, way: str) -> None:
    headers = {"X-Api-Key": {"X-Api-Key": key}, "Authorization": {"Authorization": f"Bearer {key}"}}
    options = {"additional_headers": headers[way]} if way in headers else {}
    async with web.client(**options, subprotocols=["bearer", key] if way == "subprotocol" else None) as client:
        if way == "action":
            reply = await authenticated(client, key)
            assert reply == {"action": "authenticate", "result": True, "id": 1, "expires_time": None}
        assert client.socket.subprotocol == ("bearer" if way == "subprotocol" else None)
        assert (await ping(client))["result"] is True
        assert dict(quotas.connections) == {"key:collector": 1}
    await given_back()
    assert (await ApiKey.objects.aget()).last_used_time is not None


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("way", ["X-Api-Key", "subprotocol", "action"])
async def test_a_wrong_key_is_told_what_would_do(web: Web, key: str, settings: Any, way: str, is_open: bool) -> None:
    settings.OPEN_READ = is_open
    wrong = f"{key[:-5]}-----"
    options = {"X-Api-Key": header(wrong), "subprotocol": {"subprotocols": ["bearer", wrong]}}.get(way, {})
    async with web.client(**options) as client:
        refusal = await authenticated(client, wrong) if way == "action" else await client.next()
        assert (refusal["result"], refusal["error"]["code"]) == (False, "not_authenticated")
        assert "another is made in admin or by `manage.py apikey create`" in refusal["error"]["message"]
        if way != "action":
            assert await client.close_code() == 4401


@pytest.mark.parametrize("ends", ["revoked", "expired", "user", "deleted"])
@pytest.mark.parametrize("is_open", [True, False])
async def test_a_key_that_ends_closes_what_is_open_with_it_and_nothing_else(
    web: Web, key: str, user: Any, monkeypatch: pytest.MonkeyPatch, settings: Any, ends: str, is_open: bool
) -> None:
    settings.OPEN_READ = is_open
    monkeypatch.setattr(rights, "CHECK_S", 0.2)
    other = await get_user_model().objects.acreate(username="other")
    second = await sync_to_async(keyring.issue)(ApiKey(name="second", user=other))
    async with web.client(**header(key)) as client, web.client(**header(second)) as stays:
        assert (await ping(client))["result"] is True
        if ends == "user":
            await get_user_model().objects.filter(pk=user.pk).aupdate(is_active=False)
        elif ends == "deleted":
            await ApiKey.objects.filter(name="collector").adelete()
        else:
            field = {"revoked": "revoked_time", "expired": "expires_time"}[ends]
            await ApiKey.objects.filter(name="collector").aupdate(**{field: times.now()})
        assert await client.close_code() == 4401
        assert (await ping(stays))["result"] is True
    async with web.client(**header(key)) as again:
        assert await again.close_code() == 4401


async def test_a_key_that_was_given_by_action_ends_as_well(web: Web, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "CHECK_S", 0.2)
    async with web.client() as client:
        assert (await authenticated(client, key))["result"] is True
        await changed(revoked_time=times.now())
        assert await client.close_code() == 4401


async def test_what_a_client_was_before_ends_nothing(
    web: Web, key: str, user: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OPEN_READ = True
    monkeypatch.setattr(rights, "CHECK_S", 0.1)
    async with web.client(**header(key)) as client:
        assert (await authenticated(client, token(user)))["result"] is True
        await changed(revoked_time=times.now())
        with pytest.raises(TimeoutError):
            await client.until(lambda message: False, patience_s=0.5)
        assert (await ping(client))["result"] is True


async def test_a_key_that_expires_is_announced_and_then_closes(web: Web, key: str) -> None:
    await changed(expires_time=times.now() + timedelta(seconds=3))
    async with web.client(**header(key)) as client:
        notice = await client.next()
        assert (notice["notice"], notice["expires_time"] > time.time() * 1000) == ("token_expires", True)
        assert await client.close_code() == 4401


async def test_use_of_an_open_connection_is_noted_once_a_minute(
    web: Web, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rights, "CHECK_S", 0.1)
    async with web.client(**header(key)) as client:
        assert (await ping(client))["result"] is True
        long_ago = times.now() - timedelta(hours=1)
        await changed(last_used_time=long_ago)
        deadline_s = time.monotonic() + 10
        while (used := (await ApiKey.objects.aget()).last_used_time) == long_ago and time.monotonic() < deadline_s:
            await ping(client)
        assert used > long_ago + timedelta(minutes=59)


async def test_a_key_has_connections_of_its_own_apart_from_its_address(web: Web, key: str, settings: Any) -> None:
    settings.OPEN_READ, settings.MOST_CONNECTIONS = True, 1
    await changed(most_connections=2)
    async with web.client(**header(key)), web.client(**header(key)), web.client(**header(key)) as third:
        refusal = await third.next()
        assert refusal["error"]["code"] == "rate_limited"
        assert refusal["error"]["message"].startswith("2 connections of key:collector are open")
        assert await third.close_code() == 1013
        async with web.client() as anybody, web.client() as one_too_many:
            assert (await ping(anybody))["result"] is True
            assert await one_too_many.close_code() == 1013
    await given_back()


async def test_a_key_has_subscriptions_of_its_own_over_all_its_connections(
    web: Web, holder: Holder, key: str, settings: Any
) -> None:
    settings.MOST_SUBSCRIPTIONS = settings.MOST_USER_SUBSCRIPTIONS = 1
    await changed(most_subscriptions=3)
    async with web.client(**header(key)) as first, web.client(**header(key)) as second:
        await first.subscribe(*TRADES[:2])
        assert await codes(first, 2) == [None, None]
        await second.subscribe(*TRADES[2:])
        assert await codes(second, 2) == [None, "too_many_subscriptions"]
        assert dict(quotas.subscriptions) == {"key:collector": 3}
    await given_back()


async def test_a_key_without_quotas_has_those_of_the_settings(
    web: Web, holder: Holder, key: str, settings: Any
) -> None:
    settings.MOST_SUBSCRIPTIONS = 1
    async with web.client(**header(key)) as client:
        await client.subscribe(*TRADES[:2])
        assert await codes(client, 2) == [None, "too_many_subscriptions"]


async def test_all_connections_of_a_key_share_its_messages_a_second(web: Web, key: str) -> None:
    await changed(most_requests_s=1)
    async with web.client(**header(key)) as first, web.client(**header(key)) as second:
        for client in (first, second):
            for _ in range(quotas.BURST_S // 2):
                assert (await ping(client))["result"] is True
        for client in (first, second):
            refusals = [await ping(client) for _ in range(5)]
            assert refusals[-1]["error"]["code"] == "rate_limited"
            assert "1 requests a second would do; try again in" in refusals[-1]["error"]["message"]


async def test_who_says_to_be_a_key_counts_for_it_alone(web: Web, holder: Holder, key: str, user: Any) -> None:
    async with web.client(additional_headers={"Authorization": f"Bearer {token(user)}"}) as client:
        await client.subscribe(TRADES[0])
        assert await codes(client, 1) == [None]
        for proof in (key, token(user), key):
            await client.say(action="authenticate", token=proof)
            await client.until(lambda event: event.get("action") == "authenticate" and event["result"])
        assert dict(quotas.connections) == dict(quotas.subscriptions) == {"key:collector": 1}
    await given_back()


async def test_one_connection_too_many_of_a_key_leaves_the_count_as_it_was(settings: Any) -> None:
    settings.MOST_CONNECTIONS = 1
    first, second = quotas.Client("10.0.0.1"), quotas.Client("10.0.0.2")
    limits = quotas.Limits(connections=1)
    assert first.connect("key:x", limits) is None and second.connect() is None
    assert second.connect("key:x", limits) is not None
    assert dict(quotas.connections) == {"key:x": 1, "10.0.0.2": 1}
    first.leave()
    second.leave()
    assert not quotas.connections and not quotas.subscriptions


async def test_a_key_is_neither_logged_nor_repeated(
    web: Web, key: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.OPEN_READ = True
    caplog.set_level("DEBUG")
    said: list[dict[str, Any]] = []
    async with web.client(**header(key)) as client:
        for text in (
            f'{{"action": "authenticate", "token": "{key}"',
            json.dumps({"action": "authenticate", "token": [key]}),
            json.dumps({"action": key}),
            json.dumps({"action": "ping", "id": key}),
            json.dumps({"action": "subscribe", "topics": [key, f"binance.trade.{key}", f"{key}.trade.X"]}),
            json.dumps({"action": "subscribe", "pair": key, "stream": key, "exchange": key, key: key}),
            json.dumps({"action": "authenticate", "token": f"{key}x"}),
        ):
            await client.socket.send(text)
        said += await client.several(9, lambda event: "action" in event)
    async with web.client(**header(f"{key}x")) as client:
        said.append(await client.next())
    theirs = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("websockets"))
    shown = json.dumps(said, default=str) + theirs
    cut = api_keys.parsed(key).secret[:8]
    assert cut not in shown and "mdp_***" in shown


async def test_while_the_database_is_away_a_key_is_not_judged(
    web: Web, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(*_: Any) -> None:
        raise rights.DatabaseAway("it does not answer")

    async with web.client() as client:
        assert (await ping(client))["result"] is False
        monkeypatch.setattr("streams.access.database.ask", ask)
        assert (await authenticated(client, key))["error"]["code"] == "unavailable"
    async with web.client(**header(key)) as client:
        assert (await client.next())["error"]["code"] == "unavailable"
        with pytest.raises(ConnectionClosed) as ended:
            await client.next()
        assert ended.value.rcvd.code == 1013
