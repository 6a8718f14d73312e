"""What the sandbox says of a quota that is spent, a market that is gone and a wrong key, in each exchange's words."""

import asyncio
import json
from urllib.error import HTTPError
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest
import websockets

from exchanges import registry
from exchanges.contract import Card
from exchanges.errors import NotAuthenticated, QuotaSpent, RateLimited
from tests.sandbox_server import SandboxServer, running

KEYS = {
    "alpaca": ("ALPACA_KEY_ID", "ALPACA_SECRET_KEY"),
    "alphavantage": ("ALPHAVANTAGE_KEY",),
    "coingecko": ("COINGECKO_DEMO_KEY",),
}


@pytest.fixture(scope="module")
def server():
    with running("--seed", "3", "--rate", "100", "--symbols", "4") as own:
        yield own


@pytest.fixture(autouse=True)
def all_clear(server: SandboxServer):
    yield
    server.clear()


def error_of(server: SandboxServer, card: Card, key: str = "any") -> Exception | None:
    """What our reader makes of the answer to the card's first request for its markets."""
    card = card.at(server.at(card.code))
    asked = card.rest.instruments_requests()[0]
    signed = card.sign(asked, dict.fromkeys(card.key_names, key))
    body = asked.body.encode() if asked.body else None
    request = HttpRequest(card.address(asked) + signed.target, body, dict(signed.headers), method=asked.method)
    try:
        with urlopen(request, timeout=10) as answer:
            status, headers, body = answer.status, answer.headers, answer.read()
    except HTTPError as refused:
        status, headers, body = refused.code, refused.headers, refused.read()
    return card.rest.read_error(status, {name.lower(): value for name, value in headers.items()}, body)


@pytest.mark.parametrize("card", registry.cards().values(), ids=lambda card: card.code)
def test_a_spent_quota_is_told_as_the_exchange_tells_it(server: SandboxServer, card: Card) -> None:
    server.fault("quota", exchange=card.code, count=1)
    error = error_of(server, card)
    assert isinstance(error, RateLimited)
    assert isinstance(error, QuotaSpent) == (card.code in ("alphavantage", "coingecko"))
    assert not isinstance(error_of(server, card), RateLimited)


@pytest.mark.parametrize("code", KEYS)
def test_one_key_is_wrong(server: SandboxServer, code: str) -> None:
    card = registry.card(code)
    before = server.get("/seen")[code]["requests"]
    assert error_of(server, card, "right") is None
    if code == "alphavantage":  # its list needs no key here, as where it is a file
        return
    assert isinstance(error_of(server, card, "wrong"), NotAuthenticated)
    assert server.get("/seen")[code]["requests"] == before + 2


@pytest.mark.parametrize("code", registry.cards())
def test_a_delisted_market_is_out_of_the_list_until_the_fault_is_cleared(server: SandboxServer, code: str) -> None:
    whole = listed(server, code)
    fault = server.fault("delist", exchange=code, symbol="btcusdt")
    gone = whole - listed(server, code)
    assert gone and len(gone) < len(whole)  # with what else the exchange makes of it: perpetuals, a share
    urlopen(HttpRequest(f"{server.url}/faults/{fault['id']}", method="DELETE")).close()
    assert listed(server, code) == whole


async def test_connections_are_dropped_and_the_market_is_silent_on_new_ones(server: SandboxServer) -> None:
    async with websockets.connect(f"{server.ws()}/ws/btcusdt@trade") as ws:
        await asyncio.wait_for(ws.recv(), 5)
        assert server.fault("delist", exchange="binance", symbol="BTC-USDT")["hits"] == 1
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                await asyncio.wait_for(ws.recv(), 5)
    async with websockets.connect(f"{server.ws()}/stream?streams=btcusdt@trade/ethusdt@trade") as ws:
        heard = [json.loads(await asyncio.wait_for(ws.recv(), 5))["stream"] for _ in range(20)]
        assert set(heard) == {"ethusdt@trade"}
        server.clear()
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                await asyncio.wait_for(ws.recv(), 5)


def listed(server: SandboxServer, code: str) -> set[str]:
    """The symbols of the exchange's lists."""
    card = registry.card(code).at(server.at(code))
    found: set[str] = set()
    for asked in card.rest.instruments_requests():
        signed = card.sign(asked, dict.fromkeys(card.key_names, "premium"))
        body = asked.body.encode() if asked.body else None
        headers = {**signed.headers, "Content-Type": "application/json"}
        with urlopen(HttpRequest(card.address(asked) + signed.target, body, headers, method=asked.method)) as answer:
            found |= {one.symbol for one in card.rest.read_instruments(answer.read(), [])}
    return found
