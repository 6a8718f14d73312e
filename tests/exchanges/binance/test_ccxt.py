"""The sandbox speaks Binance's real protocol: the unmodified ccxt reads it, pointed there by its addresses alone."""

import asyncio
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import ccxt.async_support
import ccxt.pro
import pytest

from tests.exchanges.theirs import Kept, exact, soon
from tests.sandbox_server import SandboxServer

API = "/binance/api/v3"
SPOT_ONLY = {"options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}}


def pointed(client: Any, server: SandboxServer) -> Any:
    """The client with its REST and stream addresses at the sandbox."""
    client.urls["api"]["public"] = f"{server.at('binance')}/api/v3"
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["spot"] = f"{server.ws('binance')}/ws"
    return client


@pytest.fixture
def rest(sandbox: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.async_support.binance(SPOT_ONLY), sandbox))


@pytest.fixture
def streams(quiet: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.pro.binance(SPOT_ONLY), quiet))


async def test_markets_are_those_of_exchange_info(rest: Any, sandbox: SandboxServer):
    markets = await soon(rest.load_markets())
    listed = {entry["symbol"]: entry for entry in sandbox.get(f"{API}/exchangeInfo")["symbols"]}
    assert {market["id"] for market in markets.values()} == listed.keys()
    for market in markets.values():
        filters = {one["filterType"]: one for one in listed[market["id"]]["filters"]}
        assert market["spot"] and market["active"]
        assert exact(market["precision"]["price"]) == Decimal(filters["PRICE_FILTER"]["tickSize"])
        assert exact(market["precision"]["amount"]) == Decimal(filters["LOT_SIZE"]["stepSize"])
        assert exact(market["limits"]["cost"]["min"]) == Decimal(filters["NOTIONAL"]["minNotional"])


@pytest.mark.parametrize("interval", ["1s", "1m", "1h", "1d", "1w", "1M"])
async def test_candles_are_those_of_klines(rest: Any, sandbox: SandboxServer, interval: str):
    since_ms = 1_735_689_600_000
    candles = await soon(rest.fetch_ohlcv("BTC/USDT", interval, since=since_ms, limit=5))
    rows = sandbox.get(f"{API}/klines?symbol=BTCUSDT&interval={interval}&startTime={since_ms}&limit=5")
    assert len(candles) == 5
    assert [[candle[0], *map(exact, candle[1:])] for candle in candles] == [
        [row[0], *map(Decimal, row[1:6])] for row in rows
    ]


async def test_trades_are_those_of_agg_trades(rest: Any, sandbox: SandboxServer):
    trades = await soon(rest.fetch_trades("ETH/USDT", since=1_735_689_600_000, limit=50))
    rows = sandbox.get(f"{API}/aggTrades?symbol=ETHUSDT&fromId={trades[0]['id']}&limit={len(trades)}")
    assert len(trades) > 5
    for trade, row in zip(trades, rows, strict=True):
        assert (trade["id"], trade["timestamp"]) == (str(row["a"]), row["T"])
        assert (exact(trade["price"]), exact(trade["amount"])) == (Decimal(row["p"]), Decimal(row["q"]))
        assert trade["side"] == ("sell" if row["m"] else "buy")


async def test_tickers_and_the_book_make_sense(rest: Any):
    ticker = await soon(rest.fetch_ticker("BTC/USDT"))
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert ticker["bid"] < ticker["ask"]
    assert len(await soon(rest.fetch_tickers())) == 20
    book = await soon(rest.fetch_order_book("BTC/USDT", 500))
    assert len(book["bids"]) == len(book["asks"]) == 500
    assert book["bids"][0][0] < book["asks"][0][0]


async def test_an_unknown_symbol_is_the_error_that_ccxt_knows(rest: Any):
    await soon(rest.load_markets())
    with pytest.raises(ccxt.BadSymbol):
        await soon(rest.public_get_klines({"symbol": quote("NOSUCH"), "interval": "1m"}))


async def test_the_limit_is_the_error_that_ccxt_knows(rest: Any, sandbox: SandboxServer):
    await soon(rest.load_markets())
    await asyncio.to_thread(sandbox.fault, "status", status=429, path="/api/v3/time")
    with pytest.raises(ccxt.DDoSProtection):
        await soon(rest.fetch_time())


async def test_watched_trades_are_those_of_rest(streams: Any, quiet: SandboxServer):
    seen: dict[int, Any] = {}
    while len(seen) < 5:
        seen |= {int(trade["id"]): trade for trade in await soon(streams.watch_trades("BTC/USDT"))}
    first, last = min(seen), max(seen)
    rows = quiet.get(f"{API}/historicalTrades?symbol=BTCUSDT&fromId={first}&limit={last - first + 1}")
    assert [row["id"] for row in rows] == sorted(seen)
    for row in rows:
        trade = seen[row["id"]]
        assert (exact(trade["price"]), exact(trade["amount"])) == (Decimal(row["price"]), Decimal(row["qty"]))
        assert (trade["timestamp"], trade["side"]) == (row["time"], "sell" if row["isBuyerMaker"] else "buy")


async def test_the_watched_book_is_that_of_rest_at_the_same_update(streams: Any, quiet: SandboxServer):
    compared = 0
    while compared < 3:
        book = await soon(streams.watch_order_book("BTC/USDT"))
        snapshot = await asyncio.to_thread(quiet.get, f"{API}/depth?symbol=BTCUSDT&limit=1000")
        if snapshot["lastUpdateId"] != book["nonce"]:
            continue
        compared += 1
        for side in ("bids", "asks"):
            ours = [(Decimal(price), Decimal(quantity)) for price, quantity in snapshot[side]]
            assert [(exact(price), exact(quantity)) for price, quantity, *_ in book[side]] == ours


async def test_the_watched_ticker_and_candles_move(streams: Any, quiet: SandboxServer):
    ticker = await soon(streams.watch_ticker("BTC/USDT"))
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    first = (await soon(streams.watch_ohlcv("BTC/USDT", "1s")))[-1]
    newest = first
    while newest[0] < first[0] + 2000:
        newest = (await soon(streams.watch_ohlcv("BTC/USDT", "1s")))[-1]
    closed = [candle for candle in streams.ohlcvs["BTC/USDT"]["1s"] if candle[0] < newest[0]]
    rows = quiet.get(f"{API}/klines?symbol=BTCUSDT&interval=1s&startTime={closed[0][0]}&limit={len(closed)}")
    assert [[candle[0], *map(exact, candle[1:])] for candle in closed] == [
        [row[0], *map(Decimal, row[1:6])] for row in rows
    ]
