"""The sandbox speaks Hyperliquid's real protocol: the unmodified ccxt reads it as our adapter does, number by number.

What differs on purpose: ccxt calls a market by an asset's usual name (UBTC as BTC), takes the impact prices for the
best ones (the documents call them the price of a larger order), and its `fetch_trades` reads the fills of an account.
Source: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint/perpetuals
"""

import asyncio
import json
from typing import Any

import ccxt
import ccxt.pro
import pytest

from exchanges.events import Candle, Depth, Ticker, Trade
from exchanges.symbols import Instrument
from tests.exchanges.ours import Ours, by_id, of, until
from tests.exchanges.theirs import WAIT_S, Kept, same, same_book, same_candle, same_candles, same_trade, soon
from tests.sandbox_server import SandboxServer, StartSandbox

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
async def client(server: SandboxServer, kept: Kept) -> Any:
    client = kept(pointed(ccxt.pro.hyperliquid(), server))
    await soon(client.load_markets())
    return client


async def loaded(server: SandboxServer) -> Ours:
    return await Ours.loaded("hyperliquid", server)


def coin(market: Any) -> str:
    return market["baseName"] if market["swap"] else market["id"]


def mine(ours: Ours, client: Any, symbol: str) -> Instrument:
    return ours.instruments.by_venue_symbol[coin(client.market(symbol))]


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
        assert same_candles(theirs, candles, 20)
    async with asyncio.timeout(WAIT_S):
        while True:
            depth, book = await asyncio.gather(ours.depth(market, 20), client.fetch_order_book(symbol))
            if same_book(book, depth):
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
        assert same_trade(trade, trades[trade["id"]])


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
        first_us = min(event.trade_us for event in of(heard, Trade))
        while len(seen) < 3:
            new = await soon(client.watch_trades(symbol))
            seen |= {trade["id"]: trade for trade in new if trade["timestamp"] * 1000 >= first_us}
        found = await until(lambda: ids if seen.keys() <= (ids := by_id(heard)).keys() else None)
        for trade_id, trade in seen.items():
            assert same_trade(trade, found[trade_id])

        book = await soon(client.watch_order_book(symbol))
        depths = await until(lambda: [one for one in of(heard, Depth) if one.event_us == book["timestamp"] * 1000])
        assert same_book(book, depths[0])

        ticker = await soon(client.watch_ticker(symbol))
        assert await until(
            lambda: [
                one
                for one in of(heard, Ticker)
                if same(ticker["quoteVolume"], one.quote_volume_24h) and same(ticker["previousClose"], one.open_24h)
            ]
        )
        candle = (await soon(client.watch_ohlcv(symbol, "1m")))[-1]
        assert await until(lambda: [one for one in of(heard, Candle) if same_candle(candle, one)])
