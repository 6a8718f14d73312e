"""What one client, user or address may have, and how it is told."""

import asyncio
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from uvicorn.protocols.utils import ClientDisconnected
from websockets.exceptions import ConnectionClosed

from streams import quotas
from streams.consumer import StreamConsumer
from streams.hold import Holder
from tests.streams.heard import is_
from tests.streams.live import Web
from tests.streams.test_access import token, user

__all__ = ["user"]
TRADES = [f"binance.trade.{base}-USDT" for base in ("BTC", "ETH", "SOL", "XRP")]


async def codes(client: Any, count: int) -> list[str | None]:
    """Of the next replies to `subscribe`: the error's code, None where there is none."""
    replies = await client.several(count, lambda event: event.get("action") == "subscribe")
    return [reply.get("error", {}).get("code") for reply in replies]


async def given_back() -> None:
    """The server hears of a connection's end a moment later."""
    async with asyncio.timeout(10):
        while quotas.subscriptions or quotas.connections:
            await asyncio.sleep(0.01)


async def test_a_connection_has_so_many_subscriptions_and_another_in_place_of_one_it_left(
    web: Web, holder: Holder, settings: Any
) -> None:
    settings.MOST_SUBSCRIPTIONS = 2
    async with web.client() as client:
        await client.subscribe(*TRADES[:3])
        assert await codes(client, 3) == [None, None, "too_many_subscriptions"]
        await client.subscribe(TRADES[0])
        assert await codes(client, 1) == [None]
        await client.say(action="unsubscribe", topics=[TRADES[0]])
        await client.subscribe(TRADES[2])
        assert await codes(client, 1) == [None]
        await client.until(is_("trade", TRADES[2]))


async def test_a_user_has_so_many_over_all_connections(web: Web, holder: Holder, settings: Any, user: Any) -> None:
    settings.MOST_USER_SUBSCRIPTIONS = 3
    bearer = {"Authorization": f"Bearer {token(user)}"}
    async with web.client(additional_headers=bearer) as first, web.client(additional_headers=bearer) as second:
        await first.subscribe(*TRADES[:2])
        assert await codes(first, 2) == [None, None]
        await second.subscribe(*TRADES[2:])
        assert await codes(second, 2) == [None, "too_many_subscriptions"]
        async with web.client() as other:
            await other.subscribe(TRADES[0])
            assert await codes(other, 1) == [None]
    await given_back()


async def test_who_asks_too_often_is_told_when_to_ask_again(web: Web, settings: Any) -> None:
    settings.MOST_REQUESTS_S = 1
    async with web.client() as client:
        for _ in range(quotas.BURST_S + 1):
            await client.say(action="ping")
        replies = await client.several(quotas.BURST_S + 1, lambda event: "action" in event)
        assert [reply["result"] for reply in replies] == [True] * quotas.BURST_S + [False]
        assert replies[-1]["error"]["code"] == "rate_limited"
        assert "1 requests a second would do; try again in" in replies[-1]["error"]["message"]
        await client.subscribe(*TRADES)
        assert (await client.next())["error"]["code"] == "rate_limited"


async def test_behind_a_proxy_each_client_is_counted_by_its_own_address(web: Web, settings: Any) -> None:
    settings.MOST_CONNECTIONS = 1
    async with web.client(additional_headers={"X-Forwarded-For": "10.0.0.1"}) as first:
        async with web.client(additional_headers={"X-Forwarded-For": "10.0.0.2"}) as other:
            for client in (first, other):
                await client.say(action="ping")
                assert (await client.next())["result"]
        async with web.client(additional_headers={"X-Forwarded-For": "10.0.0.1"}) as again:
            assert (await again.next())["error"]["code"] == "rate_limited"
    await given_back()


@pytest.mark.parametrize("by_user", [True, False])
async def test_one_connection_too_many_is_told_so_and_closed(web: Web, settings: Any, user: Any, by_user: bool) -> None:
    settings.MOST_CONNECTIONS = 2
    options = {"additional_headers": {"Authorization": f"Bearer {token(user)}"}} if by_user else {}
    async with web.client(**options), web.client(**options), web.client(**options) as third:
        refusal = await third.next()
        assert refusal["error"]["code"] == "rate_limited"
        assert "2 connections of" in refusal["error"]["message"]
        with pytest.raises(ConnectionClosed) as closed:
            await third.next()
        assert closed.value.rcvd.code == 1013
    await given_back()
    async with web.client(**options) as again:
        await again.say(action="ping")
        assert (await again.next())["result"] is True


async def test_a_token_by_action_counts_for_its_user(web: Web, settings: Any, user: Any) -> None:
    settings.OPEN_READ = False
    async with web.client() as client:
        await client.say(action="authenticate", token=token(user))
        assert (await client.next())["result"] is True
        assert quotas.connections["reader"] == 1
    await given_back()


async def test_who_says_to_be_another_user_counts_for_that_one_alone(web: Web, settings: Any, user: Any) -> None:
    other = await get_user_model().objects.acreate(username="other")
    async with web.client() as client:
        await client.subscribe(TRADES[0])
        assert await codes(client, 1) == [None]
        for who in (user, other, user, other):
            await client.say(action="authenticate", token=token(who))
            await client.until(lambda event: event.get("action") == "authenticate" and event["result"])
        assert (quotas.connections["other"], quotas.subscriptions["other"]) == (1, 1)
        assert "reader" not in quotas.connections | quotas.subscriptions
    await given_back()


async def test_what_cannot_be_read_counts_as_a_request(web: Web, settings: Any) -> None:
    settings.MOST_REQUESTS_S = 1
    async with web.client() as client:
        for _ in range(quotas.BURST_S + 1):
            await client.socket.send("{")
        replies = await client.several(quotas.BURST_S + 1, lambda event: "action" in event)
    assert [reply["error"]["code"] for reply in replies] == ["bad_request"] * quotas.BURST_S + ["rate_limited"]


async def test_a_request_for_more_than_may_come_at_once_is_carried_out_after_a_pause(settings: Any) -> None:
    settings.MOST_REQUESTS_S = 1
    requests = quotas.Requests()
    assert requests.wait_s(1) == requests.wait_s(1_000) == 0
    assert requests.wait_s(1) > 0


@pytest.mark.parametrize("sent", range(3))
async def test_a_client_that_goes_while_it_is_refused_leaves_no_count_behind(
    listed: None, settings: Any, sent: int
) -> None:
    settings.MOST_CONNECTIONS = 1
    first = quotas.Client("127.0.0.1")
    first.connect()
    said: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        if len(said) == sent:
            raise ClientDisconnected
        said.append(message)

    scope = {"type": "websocket", "client": ["127.0.0.1", 1], "headers": [(b"host", b"127.0.0.1")], "subprotocols": []}
    for address in ("127.0.0.1", "127.0.0.2"):
        said.clear()
        with pytest.raises(ClientDisconnected):
            async with asyncio.timeout(5):
                await StreamConsumer.as_asgi()({**scope, "client": [address, 1]}, receive, send)
    assert dict(quotas.connections) == {"127.0.0.1": 1}
    first.leave()
