"""The sandbox speaks Hyperliquid's real protocol: the unmodified ccxt reads it as our adapter does, number by number.

What differs on purpose: ccxt calls a market by an asset's usual name (UBTC as BTC), takes the impact prices for the
best ones (the documents call them the price of a larger order), and its `fetch_trades` reads the fills of an account.
Source: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint/perpetuals
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from decimal import Decimal
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.events import Candle, Depth, Ticker, Trade
from exchanges.symbols import Instrument
from tests.exchanges.ours import Ours, until
from tests.sandbox_server import SandboxServer, StartSandbox

WAIT_S = 15
START_MS = 1_794_787_200_000
PERPETUAL, SPOT = "BTC/USDC:USDC", "ETH/USDC"


def pointed(client: Any, server: SandboxServer) -> Any:
    client.urls["api"]["public"] = server.at("hyperliquid")
    client.urls["api"]["ws"] = {"public": f"{server.ws('hyperliquid')}/ws"}
    return client


@pytest.fixture
def server(start_sandbox: StartSandbox) -> SandboxServer:
    """A quiet one of each test's own: a budget of requests is an address's."""
    return start_sandbox(seed=5, rate=8, symbols=2)


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[Any]:
    client = pointed(ccxt.pro.hyperliquid(), server)
    await soon(client.load_markets())
    yield client
    await client.close()


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, WAIT_S)


async def loaded(server: SandboxServer) -> Ours:
    ours = Ours("hyperliquid", server)
    await ours.load()
    return ours


def coin(market: Any) -> str:
    return market["baseName"] if market["swap"] else market["id"]


def mine(ours: Ours, client: Any, symbol: str) -> Instrument:
    return ours.instruments.by_venue_symbol[coin(client.market(symbol))]


def same(theirs: Any, ours: str | None) -> bool:
    """A number as ccxt read it, through a float of its own, and as we did."""
    if theirs is None or ours is None:
        return theirs is None and ours is None
    return Decimal(repr(theirs)) == Decimal(repr(float(ours)))  # ccxt's own reading of the same text


def levels(book: Any, side: str) -> list[Any]:
    return [level[:2] for level in book[side]]


def alike(theirs: list[Any], ours: Any) -> bool:
    return len(theirs) == len(ours) and all(
        same(price, our_price) and same(amount, quantity)
        for (price, amount), (our_price, quantity) in zip(theirs, ours, strict=True)
    )


async def test_markets_are_the_same(client: Any, server: SandboxServer):
    ours = await loaded(server)
    found = {coin(market): market for markets in client.markets_by_id.values() for market in markets}
    assert set(found) == set(ours.instruments.by_venue_symbol) and len(found) == 6
    for name, market in found.items():
        one = ours.instruments.by_venue_symbol[name]
        assert one.kind == ("perpetual" if market["swap"] else "spot") and one.settle == market["settle"]
        assert one.quote == market["quote"] and one.base in (market["base"], f"U{market['base']}")
        assert (one.status == "trading") == market["active"]
        assert same(market["precision"]["amount"], one.quantity_increment)
        assert same(market["limits"]["cost"]["min"], one.min_notional)
        assert same(market["contractSize"], one.contract_size)


@pytest.mark.parametrize("symbol", [PERPETUAL, SPOT])
async def test_candles_the_book_and_the_day_are_the_same(client: Any, server: SandboxServer, symbol: str):
    ours = await loaded(server)
    market = mine(ours, client, symbol)
    for interval, length_ms in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)):
        start_ms = client.milliseconds() // length_ms * length_ms - 20 * length_ms
        until_ms = start_ms + 20 * length_ms
        theirs = await soon(client.fetch_ohlcv(symbol, interval, start_ms, 20, {"until": until_ms - 1}))
        candles = await ours.candles(market, interval, start_ms, until_ms)
        assert len(candles) == len(theirs) == 20 and all(candle.closed for candle in candles)
        for candle, (open_ms, *figures) in zip(candles, theirs, strict=True):
            assert candle.open_ms == open_ms
            assert all(map(same, figures, (candle.open, candle.high, candle.low, candle.close, candle.volume)))
    async with asyncio.timeout(WAIT_S):
        while True:
            depth, book = await asyncio.gather(ours.depth(market, 20), client.fetch_order_book(symbol))
            if alike(levels(book, "bids"), depth.bids) and alike(levels(book, "asks"), depth.asks):
                break
    body = await ours.fetch(ours.card.rest.ticker_request(market))
    ticker = ours.card.rest.read_ticker(body, market, 1)
    listed, contexts = json.loads(body)
    place = [one["name"] for one in listed["universe"]].index(market.venue_symbol)
    theirs = client.parse_ticker(contexts[place], client.market(symbol))
    assert same(theirs["quoteVolume"], ticker.quote_volume_24h) and theirs["quoteVolume"]
    assert same(theirs["previousClose"], ticker.open_24h)
    whole = await soon(client.fetch_ticker(symbol))
    assert whole["symbol"] == symbol and abs(whole["previousClose"] / theirs["previousClose"] - 1) < 0.01


async def test_recent_trades_are_read_as_ccxt_reads_such_rows(client: Any, server: SandboxServer):
    ours = await loaded(server)
    market = mine(ours, client, PERPETUAL)
    rows = await soon(client.public_post_info({"type": "recentTrades", "coin": "BTC"}))
    trades = {trade.trade_id: trade for trade in await ours.trades(market)}
    parsed = [one for one in client.parse_trades(rows) if one["id"] in trades]
    assert len(parsed) >= 5
    for trade in parsed:
        found = trades[trade["id"]]
        assert (trade["side"], trade["timestamp"]) == (found.side, (found.trade_us or 0) // 1000)
        assert same(trade["price"], found.price) and same(trade["amount"], found.quantity)


async def test_the_errors_are_those_that_ccxt_knows(client: Any, server: SandboxServer):
    assert await soon(client.fetch_time()) > START_MS
    await asyncio.to_thread(server.fault, "status", exchange="hyperliquid", status=429)
    with pytest.raises(ccxt.RateLimitExceeded):
        await soon(client.fetch_time())


@pytest.mark.parametrize("symbol", [PERPETUAL, SPOT])
async def test_watched_streams_are_the_same(client: Any, server: SandboxServer, symbol: str):
    ours = await loaded(server)
    name = mine(ours, client, symbol).symbol
    async with ours.listening(*[(stream, name) for stream in ("trade", "depth", "ticker", "candle_1m")]) as heard:
        await until(lambda: {Trade, Ticker, Depth, Candle} <= {type(event) for event in heard})
        seen: dict[str, Any] = {}
        first_us = min(event.trade_us for event in _of(heard, Trade))
        while len(seen) < 3:
            new = await soon(client.watch_trades(symbol))
            seen |= {trade["id"]: trade for trade in new if trade["timestamp"] * 1000 >= first_us}
        found = await until(lambda: ids if seen.keys() <= (ids := _by_id(heard)).keys() else None)
        for trade_id, trade in seen.items():
            one = found[trade_id]
            assert same(trade["price"], one.price) and same(trade["amount"], one.quantity)
            assert (trade["side"], trade["timestamp"]) == (one.side, one.trade_us // 1000)

        book = await soon(client.watch_order_book(symbol))
        depths = await until(lambda: [one for one in _of(heard, Depth) if one.event_us == book["timestamp"] * 1000])
        assert alike(levels(book, "bids"), depths[0].bids) and alike(levels(book, "asks"), depths[0].asks)

        ticker = await soon(client.watch_ticker(symbol))
        assert await until(
            lambda: [
                one
                for one in _of(heard, Ticker)
                if same(ticker["quoteVolume"], one.quote_volume_24h) and same(ticker["previousClose"], one.open_24h)
            ]
        )
        candle = (await soon(client.watch_ohlcv(symbol, "1m")))[-1]
        assert await until(
            lambda: [
                one
                for one in _of(heard, Candle)
                if one.open_ms == candle[0]
                and all(map(same, candle[1:], (one.open, one.high, one.low, one.close, one.volume)))
            ]
        )


def _of(heard: list[Any], kind: type) -> list[Any]:
    return [event for event in heard if isinstance(event, kind)]


def _by_id(heard: list[Any]) -> dict[str, Any]:
    return {event.trade_id: event for event in _of(heard, Trade)}
