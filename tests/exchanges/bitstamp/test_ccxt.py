"""The sandbox speaks Bitstamp's real protocol: the unmodified ccxt reads it as our adapter does, number by number.

What differs on purpose: ccxt takes the day's first price for the opening of 24 hours, works a quote volume out of a
rounded average, and follows the books by their changes, where we read whole pictures: the two meet in each state.
Source: https://www.bitstamp.net/api/ and https://www.bitstamp.net/websocket/v2/
"""

import asyncio
from typing import Any

import ccxt
import ccxt.pro
import pytest

from exchanges.events import Trade
from exchanges.symbols import Instrument
from tests.exchanges.ours import Ours, best, books, by_id, of, until
from tests.exchanges.theirs import WAIT_S, Kept, same, same_candles, same_levels, same_trade, soon
from tests.sandbox_server import SandboxServer, StartSandbox

BITCOIN, ETHER = "BTC/USDT", "ETH/USDT"
SIDES = ("bids", "asks")


@pytest.fixture
def server(start_sandbox: StartSandbox) -> SandboxServer:
    """A quiet one of each test's own: a budget of requests is an address's."""
    return start_sandbox(seed=5, rate=20, symbols=2)


@pytest.fixture
async def client(server: SandboxServer, kept: Kept) -> Any:
    client = kept(ccxt.pro.bitstamp())
    client.urls["api"] = {"public": f"{server.at('bitstamp')}/api", "ws": server.ws("bitstamp")}
    await soon(client.load_markets())
    return client


async def loaded(server: SandboxServer) -> Ours:
    return await Ours.loaded("bitstamp", server)


def mine(ours: Ours, client: Any, symbol: str) -> Instrument:
    return ours.instruments.by_venue_symbol[client.market(symbol)["id"]]


async def test_markets_are_the_same(client: Any, server: SandboxServer):
    ours = await loaded(server)
    found = {market["id"]: market for markets in client.markets_by_id.values() for market in markets}
    assert found.keys() == ours.instruments.by_venue_symbol.keys() and len(found) == 2
    for name, market in found.items():
        one = ours.instruments.by_venue_symbol[name]
        assert market["spot"] and (one.symbol, one.status) == (market["symbol"].replace("/", "-"), "trading")
        assert same(market["precision"]["price"], one.price_increment)
        assert same(market["precision"]["amount"], one.quantity_increment)
        assert same(market["limits"]["cost"]["min"], one.min_notional)
        assert same(market["limits"]["amount"]["min"], one.min_quantity)


@pytest.mark.parametrize(("interval", "length_ms"), [("1m", 60_000), ("4h", 14_400_000), ("1d", 86_400_000)])
async def test_candles_are_the_same(client: Any, server: SandboxServer, interval: str, length_ms: int):
    ours = await loaded(server)
    start_ms = client.milliseconds() // length_ms * length_ms - 20 * length_ms
    theirs = await soon(client.fetch_ohlcv(BITCOIN, interval, start_ms, 20))
    candles = await ours.candles(mine(ours, client, BITCOIN), interval, start_ms, start_ms + 20 * length_ms)
    assert same_candles(theirs, candles, 20)


async def test_the_book_and_the_day_are_the_same(client: Any, server: SandboxServer):
    ours = await loaded(server)
    market = mine(ours, client, ETHER)
    async with asyncio.timeout(WAIT_S):
        while True:
            depth, book = await asyncio.gather(ours.depth(market, 100), client.fetch_order_book(ETHER))
            if same_levels(book["bids"][:1000], depth.bids) and same_levels(book["asks"][:1000], depth.asks):
                break
    async with asyncio.timeout(WAIT_S):
        while True:
            ticker, theirs = await asyncio.gather(ours.ticker(market), client.fetch_ticker(ETHER))
            if same(theirs["baseVolume"], ticker.volume_24h) and theirs["timestamp"] == (ticker.event_us or 0) // 1000:
                break
    assert same(theirs["last"], ticker.last_price) and same(theirs["high"], ticker.high_24h)
    assert same(theirs["low"], ticker.low_24h) and same(float(theirs["info"]["open_24"]), ticker.open_24h)
    listed = await soon(client.fetch_tickers())
    assert listed.keys() == {BITCOIN, ETHER} and listed[ETHER]["info"]["pair"] == "ETH/USDT"


async def test_recent_trades_are_the_same(client: Any, server: SandboxServer):
    ours = await loaded(server)
    theirs = await soon(client.fetch_trades(BITCOIN))
    trades = {trade.trade_id: trade for trade in await ours.trades(mine(ours, client, BITCOIN))}
    known = [one for one in theirs if one["id"] in trades]
    assert len(known) > 100
    for trade in known:
        assert same_trade(trade, trades[trade["id"]])


async def test_the_errors_are_those_that_ccxt_knows(client: Any, server: SandboxServer):
    await asyncio.to_thread(server.fault, "status", exchange="bitstamp", status=429)
    with pytest.raises(ccxt.ExchangeError, match=r"400\.002"):
        await soon(client.fetch_ticker(BITCOIN))


async def test_watched_trades_are_the_same(client: Any, server: SandboxServer):
    ours = await loaded(server)
    async with ours.listening(("trade", mine(ours, client, BITCOIN).symbol)) as heard:
        await until(lambda: heard)
        seen: dict[str, Any] = {}
        first_us = min(trade.trade_us for trade in of(heard, Trade))
        while len(seen) < 5:
            new = await soon(client.watch_trades(BITCOIN))
            seen |= {trade["id"]: trade for trade in new if trade["timestamp"] * 1000 >= first_us}
        found = await until(lambda: ids if seen.keys() <= (ids := by_id(heard)).keys() else None)
    for trade_id, trade in seen.items():
        assert same_trade(trade, found[trade_id])


async def test_a_book_that_follows_the_changes_meets_ours_in_each_state(client: Any, server: SandboxServer):
    ours = await loaded(server)
    async with ours.listening(("depth", mine(ours, client, BITCOIN).symbol)) as heard:
        seen: dict[int, Any] = {}
        async with asyncio.timeout(WAIT_S):  # in this task: between the book and its number none may be applied
            while len(seen) < 5:
                book = await client.watch_order_book(BITCOIN)
                seen[book["nonce"]] = tuple([(level[0], level[1]) for level in book[side][:100]] for side in SIDES)
        await until(lambda: heard and heard[-1].event_us > max(seen))
    ours_at = books(heard, lambda event: event.event_us)
    met = seen.keys() & ours_at.keys()
    assert len(met) >= 3
    for nonce in met:
        assert all(map(same_levels, seen[nonce], best(ours_at[nonce])))
