"""The sandbox speaks Alpaca's real protocol: the unmodified ccxt reads its crypto as our adapter does.

What differs on purpose: ccxt takes the bar of the day for a window of 24 hours, and adds a least cost of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.events import Candle, Depth, Ticker, Trade
from tests.exchanges.ours import Ours, until
from tests.sandbox_server import SandboxServer, StartSandbox

WAIT_S = 15
SYMBOL, OURS = "BTC/USD", "BTC-USD"


@pytest.fixture
def server(start_sandbox: StartSandbox) -> SandboxServer:
    return start_sandbox(seed=5, rate=8, symbols=2)


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[Any]:
    client = ccxt.pro.alpaca({"apiKey": "key", "secret": "secret"})
    client.urls["api"] = {
        "trader": server.at("alpaca"), "market": server.at("alpaca"),
        "ws": {"crypto": f"{server.ws('alpaca')}/v1beta3/crypto/us"},
    }  # fmt: skip
    await soon(client.load_markets())
    yield client
    await client.close()


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, WAIT_S)


async def loaded(server: SandboxServer) -> Ours:
    ours = Ours("alpaca", server)
    ours.card = replace(ours.card, keys=dict.fromkeys(ours.card.key_names, "sandbox"))
    bodies = [await ours.fetch(request) for request in ours.card.rest.instruments_requests()]
    ours.instruments.become(one for body in bodies for one in ours.card.rest.read_instruments(body))
    return ours


def same(theirs: Any, ours: str | None) -> bool:
    """A number as ccxt read it, through a float of its own, and as we did."""
    if theirs is None or ours is None:
        return theirs is None and ours is None
    return Decimal(repr(theirs)) == Decimal(repr(float(ours)))  # ccxt's own reading of the same text


def alike(theirs: list[Any], ours: Any) -> bool:
    return len(theirs) == len(ours) and all(
        same(price, our_price) and same(amount, quantity)
        for (price, amount, *_), (our_price, quantity) in zip(theirs, ours, strict=True)
    )


async def test_markets_and_the_clock_are_the_same(client: Any, server: SandboxServer):
    ours = await loaded(server)
    pairs = {one.venue_symbol: one for one in ours.instruments.by_symbol.values() if one.kind == "spot"}
    assert {market["id"] for market in client.markets.values()} == set(pairs) and len(pairs) == 2
    for market in client.markets.values():
        one = pairs[market["id"]]
        assert (one.base, one.quote, one.status) == (market["base"], market["quote"], "trading")
        assert same(market["precision"]["amount"], one.quantity_increment)
        assert same(market["precision"]["price"], one.price_increment)
        assert same(market["limits"]["amount"]["min"], one.min_quantity)
    assert await soon(client.fetch_time()) > 1_790_000_000_000


async def test_candles_trades_book_and_ticker_are_the_same(client: Any, server: SandboxServer):
    ours = await loaded(server)
    market = ours.instruments.by_symbol[OURS]
    for interval, length_ms in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)):
        start_ms = client.milliseconds() // length_ms * length_ms - 20 * length_ms
        until_ms = start_ms + 20 * length_ms
        theirs = await soon(client.fetch_ohlcv(SYMBOL, interval, start_ms, 20, {"until": until_ms - 1}))
        candles = await ours.candles(market, interval, start_ms, until_ms)
        assert len(candles) == len(theirs) == 20 and all(candle.closed for candle in candles)
        for candle, (open_ms, *figures) in zip(candles, theirs, strict=True):
            assert candle.open_ms == open_ms
            assert all(map(same, figures, (candle.open, candle.high, candle.low, candle.close, candle.volume)))
    trades = {trade.trade_id: trade for trade in await ours.trades(market)}
    since_ms = min(trade.trade_us or 0 for trade in trades.values()) // 1000 + 1
    found = await soon(client.fetch_trades(SYMBOL, since_ms, 50))
    assert len(found) == 50
    for one in found:
        trade = trades[one["id"]]
        assert (one["side"], one["timestamp"]) == (trade.side, (trade.trade_us or 0) // 1000)
        assert same(one["price"], trade.price) and same(one["amount"], trade.quantity)
    async with asyncio.timeout(WAIT_S):
        while True:
            depth, book = await asyncio.gather(ours.depth(market, 1000), client.fetch_order_book(SYMBOL))
            if alike(book["bids"], depth.bids) and alike(book["asks"], depth.asks):
                break
    async with asyncio.timeout(WAIT_S):
        while True:
            ticker, theirs = await asyncio.gather(ours.ticker(market), client.fetch_ticker(SYMBOL))
            mine = (ticker.last_price, ticker.bid_price, ticker.ask_price, ticker.bid_quantity, ticker.ask_quantity)
            if all(map(same, map(theirs.get, ("last", "bid", "ask", "bidVolume", "askVolume")), mine)):
                break


async def test_errors_are_those_that_ccxt_knows(client: Any, server: SandboxServer):
    await asyncio.to_thread(server.fault, "status", exchange="alpaca", status=429)
    with pytest.raises(ccxt.RateLimitExceeded):
        await soon(client.fetch_time())
    await asyncio.to_thread(server.clear)
    client.apiKey = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        await soon(client.fetch_time())


async def test_watched_streams_are_the_same(client: Any, server: SandboxServer):
    ours = await loaded(server)
    async with ours.listening(*[(stream, OURS) for stream in ("trade", "depth", "ticker")]) as heard:
        await until(lambda: {Trade, Ticker, Depth} <= {type(event) for event in heard})
        seen: dict[str, Any] = {}
        first_us = min(event.trade_us for event in _of(heard, Trade))
        while len(seen) < 3:
            new = await soon(client.watch_trades(SYMBOL))
            seen |= {trade["id"]: trade for trade in new if trade["timestamp"] * 1000 >= first_us}
        found = await until(lambda: ids if seen.keys() <= (ids := _by_id(heard)).keys() else None)
        for trade_id, trade in seen.items():
            one = found[trade_id]
            assert same(trade["price"], one.price) and same(trade["amount"], one.quantity)
            assert (trade["side"], trade["timestamp"]) == (one.side, one.trade_us // 1000)
        ticker = await soon(client.watch_ticker(SYMBOL))
        assert await until(
            lambda: [
                one
                for one in _of(heard, Ticker)
                if same(ticker["bid"], one.bid_price)
                and same(ticker["ask"], one.ask_price)
                and same(ticker["askVolume"], one.ask_quantity)
            ]
        )
        book = await soon(client.watch_order_book(SYMBOL))
        assert book["bids"] and Decimal(repr(book["bids"][0][0])) < Decimal(repr(book["asks"][0][0]))
        assert _of(heard, Depth)[0].type == "snapshot" and not _of(heard, Candle)


def _of(heard: list[Any], kind: type) -> list[Any]:
    return [event for event in heard if isinstance(event, kind)]


def _by_id(heard: list[Any]) -> dict[str, Any]:
    return {event.trade_id: event for event in _of(heard, Trade)}
