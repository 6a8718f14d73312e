"""Who may listen, how they prove it, and what the others are told."""

import time
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from websockets.exceptions import ConnectionClosed

from streams import consumer, rights
from tests.streams.live import Web

pytestmark = pytest.mark.usefixtures("closed")


@pytest.fixture
def closed(web: Web, settings: Any) -> None:
    """Reading needs a token or a session."""
    settings.OPEN_READ = False


@pytest.fixture
def user(listed: None) -> Any:
    return get_user_model().objects.create_user("reader", password="a long password")


def token(user: Any, **lifetime: float) -> str:
    made = AccessToken.for_user(user)
    if lifetime:
        made.set_exp(lifetime=timedelta(**lifetime))
    return str(made)


async def ping(client: Any) -> dict[str, Any]:
    await client.say(action="ping", id=1)
    return await client.next()


async def test_a_token_in_the_header_opens(web: Web, user: Any) -> None:
    async with web.client(additional_headers={"Authorization": f"Bearer {token(user)}"}) as client:
        assert (await ping(client))["result"] is True


async def test_a_token_as_subprotocol_opens_and_only_its_name_is_echoed(web: Web, user: Any) -> None:
    async with web.client(subprotocols=["bearer", token(user)]) as client:
        assert client.socket.subprotocol == "bearer"
        assert (await ping(client))["result"] is True


async def test_a_session_opens_from_our_own_page_only(web: Web, user: Any) -> None:
    browser = Client()
    await sync_to_async(browser.force_login)(user)
    cookie = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    async with web.client(additional_headers=cookie, origin=web.url) as client:
        assert (await ping(client))["result"] is True
    async with web.client(additional_headers=cookie, origin="https://elsewhere.example") as client:
        assert await client.close_code() == 4403


async def test_a_session_that_was_made_up_opens_nothing(web: Web) -> None:
    async with web.client(additional_headers={"Cookie": "sessionid=" + "a" * 32}) as client:
        assert (await ping(client))["error"]["code"] == "not_authenticated"


async def test_a_token_may_come_as_the_first_message(web: Web, user: Any) -> None:
    async with web.client() as client:
        refused = await ping(client)
        assert (refused["result"], refused["error"]["code"]) == (False, "not_authenticated")
        await client.say(action="authenticate", token="nonsense", id=2)
        assert (await client.next())["error"]["code"] == "not_authenticated"
        await client.say(action="authenticate", token=token(user), id=3)
        reply = await client.next()
        assert reply["result"] is True and reply["expires_time"] > time.time() * 1000
        assert (await ping(client))["result"] is True


async def test_who_brings_no_token_in_time_is_closed_with_4401(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "AUTHENTICATE_WITHIN_S", 0.2)
    async with web.client() as client:
        assert await client.close_code() == 4401


@pytest.mark.parametrize("kind", ["garbage", "expired", "refresh", "gone"])
async def test_a_token_that_is_worth_nothing_is_closed_with_4401(web: Web, user: Any, kind: str) -> None:
    made = {"garbage": "x.y.z", "expired": token(user, seconds=-1), "refresh": str(RefreshToken.for_user(user))}
    given = made.get(kind) or token(user)
    if kind == "gone":
        await sync_to_async(get_user_model().objects.filter(pk=user.pk).update)(is_active=False)
    async with web.client(additional_headers={"Authorization": f"Bearer {given}"}) as client:
        assert await client.close_code() == 4401


async def test_a_token_that_ends_is_announced_and_then_closes_unless_another_came(web: Web, user: Any) -> None:
    async with web.client(subprotocols=["bearer", token(user, seconds=2)]) as client:
        notice = await client.next()
        assert (notice["event"], notice["notice"]) == ("notice", "token_expires")
        assert notice["expires_time"] % 1000 == 0
        assert await client.close_code() == 4401
    async with web.client(subprotocols=["bearer", token(user, seconds=2)]) as client:
        await client.say(action="authenticate", token=token(user))
        await client.until(lambda message: message.get("action") == "authenticate")
        with pytest.raises(TimeoutError):
            await client.until(lambda message: False, patience_s=2.5)


async def test_open_reading_is_for_programs_and_our_own_page(web: Web, settings: Any) -> None:
    settings.OPEN_READ = True
    async with web.client() as client:
        assert (await ping(client))["result"] is True
    async with web.client(origin="https://elsewhere.example") as client:
        assert await client.close_code() == 4403
    settings.CSRF_TRUSTED_ORIGINS = ["https://elsewhere.example"]
    async with web.client(origin="https://elsewhere.example") as client:
        assert (await ping(client))["result"] is True


async def test_open_reading_is_not_for_a_name_that_is_not_ours(web: Web, settings: Any) -> None:
    """A page whose own name resolves to this machine is of one origin with it, and still not ours."""
    settings.OPEN_READ = True
    foreign = {"Host": "rebound.example:8000"}
    async with web.client(additional_headers=foreign, origin="http://rebound.example:8000") as client:
        assert await client.close_code() == 4403


async def test_a_message_that_is_too_large_is_closed_with_1009(web: Web, settings: Any) -> None:
    settings.OPEN_READ = True
    async with web.client() as client:
        with pytest.raises(ConnectionClosed):
            await client.socket.send("x" * 300_000)
            await client.until(lambda message: False)
        assert client.socket.close_code == 1009


@pytest.mark.parametrize("proof", ["token", "session"])
async def test_who_may_no_longer_listen_is_closed_at_the_next_look_and_the_others_stay(
    web: Web, user: Any, monkeypatch: pytest.MonkeyPatch, proof: str
) -> None:
    monkeypatch.setattr(rights, "CHECK_S", 0.2)
    browser = Client()
    await sync_to_async(browser.force_login)(user)
    cookie = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    bearer = {"Authorization": f"Bearer {token(user)}"}
    other = await sync_to_async(get_user_model().objects.create_user)("other", password="a long password")
    async with (
        web.client(additional_headers=bearer if proof == "token" else cookie) as client,
        web.client(additional_headers={"Authorization": f"Bearer {token(other)}"}) as stays,
    ):
        assert (await ping(client))["result"] is True
        if proof == "token":
            await sync_to_async(get_user_model().objects.filter(pk=user.pk).update)(is_active=False)
        else:
            await sync_to_async(browser.logout)()
        assert await client.close_code() == 4401
        assert (await ping(stays))["result"] is True
