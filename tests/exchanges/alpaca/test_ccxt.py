"""The sandbox speaks Alpaca's real protocol: the unmodified ccxt reads its crypto as our adapter does.

What differs on purpose: ccxt takes the bar of the day for a window of 24 hours, and adds a least cost of its own.
"""

import asyncio
from typing import Any

import ccxt
import ccxt.pro
import pytest

from exchanges.events import Candle, Depth, Ticker, Trade
from tests.exchanges.ours import Ours, by_id, of, until
from tests.exchanges.theirs import WAIT_S, Kept, exact, same, same_book, same_candles, same_trade, soon
from tests.sandbox_server import SandboxServer

SYMBOL, OURS = "BTC/USD", "BTC-USD"


@pytest.fixture
async def client(quiet: SandboxServer, kept: Kept) -> Any:
    client = kept(ccxt.pro.alpaca({"apiKey": "key", "secret": "secret"}))
    client.urls["api"] = {
        "trader": quiet.at("alpaca"), "market": quiet.at("alpaca"),
        "ws": {"crypto": f"{quiet.ws('alpaca')}/v1beta3/crypto/us"},
    }  # fmt: skip
    await soon(client.load_markets())
    return client


async def loaded(server: SandboxServer) -> Ours:
    return await Ours.loaded("alpaca", server, "sandbox")


async def test_markets_and_the_clock_are_the_same(client: Any, quiet: SandboxServer):
    ours = await loaded(quiet)
    pairs = {one.venue_symbol: one for one in ours.instruments.by_symbol.values() if one.kind == "spot"}
    assert {market["id"] for market in client.markets.values()} == set(pairs) and len(pairs) == 2
    for market in client.markets.values():
        one = pairs[market["id"]]
        assert (one.base, one.quote, one.status) == (market["base"], market["quote"], "trading")
        assert same(market["precision"]["amount"], one.quantity_increment)
        assert same(market["precision"]["price"], one.price_increment)
        assert same(market["limits"]["amount"]["min"], one.min_quantity)
    assert await soon(client.fetch_time()) > 1_790_000_000_000


async def test_candles_trades_book_and_ticker_are_the_same(client: Any, quiet: SandboxServer):
    ours = await loaded(quiet)
    market = ours.instruments.by_symbol[OURS]
    for interval, length_ms in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)):
        start_ms = client.milliseconds() // length_ms * length_ms - 20 * length_ms
        until_ms = start_ms + 20 * length_ms
        theirs = await soon(client.fetch_ohlcv(SYMBOL, interval, start_ms, 20, {"until": until_ms - 1}))
        candles = await ours.candles(market, interval, start_ms, until_ms)
        assert same_candles(theirs, candles, 20)
    trades = {trade.trade_id: trade for trade in await ours.trades(market)}
    since_ms = min(trade.trade_us or 0 for trade in trades.values()) // 1000 + 1
    found = await soon(client.fetch_trades(SYMBOL, since_ms, 50))
    assert len(found) == 50
    for trade in found:
        assert same_trade(trade, trades[trade["id"]])
    async with asyncio.timeout(WAIT_S):
        while True:
            depth, book = await asyncio.gather(ours.depth(market, 1000), client.fetch_order_book(SYMBOL))
            if same_book(book, depth):
                break
    async with asyncio.timeout(WAIT_S):
        while True:
            ticker, theirs = await asyncio.gather(ours.ticker(market), client.fetch_ticker(SYMBOL))
            mine = (ticker.last_price, ticker.bid_price, ticker.ask_price, ticker.bid_quantity, ticker.ask_quantity)
            if all(map(same, map(theirs.get, ("last", "bid", "ask", "bidVolume", "askVolume")), mine)):
                break


async def test_errors_are_those_that_ccxt_knows(client: Any, quiet: SandboxServer):
    await asyncio.to_thread(quiet.fault, "status", exchange="alpaca", status=429)
    with pytest.raises(ccxt.RateLimitExceeded):
        await soon(client.fetch_time())
    await asyncio.to_thread(quiet.clear)
    client.apiKey = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        await soon(client.fetch_time())


async def test_watched_streams_are_the_same(client: Any, quiet: SandboxServer):
    ours = await loaded(quiet)
    async with ours.listening(*[(stream, OURS) for stream in ("trade", "depth", "ticker")]) as heard:
        await until(lambda: {Trade, Ticker, Depth} <= {type(event) for event in heard})
        seen: dict[str, Any] = {}
        first_us = min(event.trade_us for event in of(heard, Trade))
        while len(seen) < 3:
            new = await soon(client.watch_trades(SYMBOL))
            seen |= {trade["id"]: trade for trade in new if trade["timestamp"] * 1000 >= first_us}
        found = await until(lambda: ids if seen.keys() <= (ids := by_id(heard)).keys() else None)
        for trade_id, trade in seen.items():
            assert same_trade(trade, found[trade_id])
        ticker = await soon(client.watch_ticker(SYMBOL))
        assert await until(
            lambda: [
                one
                for one in of(heard, Ticker)
                if same(ticker["bid"], one.bid_price)
                and same(ticker["ask"], one.ask_price)
                and same(ticker["askVolume"], one.ask_quantity)
            ]
        )
        book = await soon(client.watch_order_book(SYMBOL))
        assert book["bids"] and exact(book["bids"][0][0]) < exact(book["asks"][0][0])
        assert of(heard, Depth)[0].type == "snapshot" and not of(heard, Candle)
