"""The sandbox speaks Coinbase's real protocol: what the unmodified ccxt reads from it is what our adapter reads.

Their `coinbase` is Advanced Trade, their `coinbaseexchange` the Exchange. The first takes the side of a trade as it
comes, which is the maker's: Coinbase's channel pages say so of both interfaces ("makers side", "the maker order
side"), ccxt's own `coinbaseexchange` turns the very same trades round, and test_sandbox.py shows that the taker's side
is the one whose prices the trades are at.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.events import Depth, Ticker, Trade
from tests.exchanges.ours import Ours, until
from tests.sandbox_server import SandboxServer, StartSandbox

WAIT_S = 15
START_MS = 1_735_689_600_000
OTHER_SIDE = {"buy": "sell", "sell": "buy"}


@pytest.fixture
def quiet(start_sandbox: StartSandbox) -> SandboxServer:
    """Few trades a second, so that two readers can look at the same state."""
    return start_sandbox(seed=5, rate=8, symbols=2)


@pytest.fixture
async def rest(sandbox: SandboxServer) -> AsyncIterator[Any]:
    client = ccxt.async_support.coinbase()
    client.urls["api"]["rest"] = sandbox.at("coinbase")
    yield client
    await client.close()


@pytest.fixture
async def streams(quiet: SandboxServer) -> AsyncIterator[Any]:
    client = ccxt.pro.coinbase()
    client.urls["api"] |= {"rest": quiet.at("coinbase"), "ws": quiet.ws("coinbase")}
    yield client
    await client.close()


@pytest.fixture
async def exchange(quiet: SandboxServer) -> AsyncIterator[Any]:
    client = ccxt.pro.coinbaseexchange()
    client.urls["api"] |= {"public": quiet.at("coinbase"), "ws": quiet.ws("coinbase")}
    yield client
    await client.close()


@pytest.fixture
async def ours(quiet: SandboxServer) -> Ours:
    return await loaded(quiet)


async def loaded(server: SandboxServer) -> Ours:
    reader = Ours("coinbase", server)
    bodies = [await reader.fetch(request) for request in reader.card.rest.instruments_requests()]
    reader.instruments.become(one for body in bodies for one in reader.card.rest.read_instruments(body))
    return reader


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, WAIT_S)


def same(theirs: Any, ours: str | None) -> bool:
    """A number as ccxt read it, through a float of its own, and as we did."""
    return theirs is ours is None or (theirs is not None and ours is not None and repr(theirs) == repr(float(ours)))


async def test_markets_and_candles_are_the_same(rest: Any, sandbox: SandboxServer) -> None:
    reader = await loaded(sandbox)
    markets = await soon(rest.load_markets())
    # Under their second name (BTC-USDC) ccxt has a market of its own; we have one book once.
    theirs = {market["id"]: market for market in markets.values() if not market["info"]["alias"]}
    assert theirs.keys() == reader.instruments.by_venue_symbol.keys()
    for venue_symbol, instrument in reader.instruments.by_venue_symbol.items():
        market = theirs[venue_symbol]
        assert (market["base"], market["quote"], market["active"]) == (instrument.base, instrument.quote, True)
        assert same(market["precision"]["price"], instrument.price_increment)
        if instrument.kind == "spot":
            assert same(market["precision"]["amount"], instrument.quantity_increment)
        else:
            assert same(market["contractSize"], instrument.contract_size)

    bitcoin = reader.instruments.by_symbol["BTC-USD"]
    for interval, length_ms in (("1m", 60_000), ("30m", 1_800_000), ("6h", 21_600_000), ("1d", 86_400_000)):
        candles = await reader.candles(bitcoin, interval, START_MS, START_MS + 20 * length_ms)
        found = await soon(rest.fetch_ohlcv("BTC/USD", interval, since=START_MS, limit=20))
        assert len(candles) == len(found) == 20
        for candle, (open_ms, *figures) in zip(candles, found, strict=True):
            assert candle.open_ms == open_ms
            assert all(map(same, figures, (candle.open, candle.high, candle.low, candle.close, candle.volume)))


async def test_trades_ticker_and_book_by_rest(streams: Any, exchange: Any, ours: Ours) -> None:
    bitcoin = ours.instruments.by_symbol["BTC-USD"]
    found = await soon(streams.fetch_trades("BTC/USD", limit=20))
    mine = {trade.trade_id: trade for trade in await ours.trades(bitcoin)}
    assert len(found) == 20 and found[0]["id"] in mine
    turned = {trade["id"]: trade for trade in await soon(exchange.fetch_trades("BTC/USD", limit=100))}
    for trade in found:
        own = mine[trade["id"]]
        assert same(trade["price"], own.price) and same(trade["amount"], own.quantity)
        assert trade["timestamp"] == (own.trade_us or 0) // 1000
        # The maker's, as it comes; their reader of the Exchange and we have the taker's.
        assert own.side == turned[trade["id"]]["side"] == OTHER_SIDE[trade["side"]]

    async with asyncio.timeout(WAIT_S):
        while True:
            before = await ours.depth(bitcoin, 100)
            book, own_book = await streams.fetch_order_book("BTC/USD", 100), await ours.depth(bitcoin, 100)
            if (before.bids, before.asks) == (own_book.bids, own_book.asks):
                break
    for side, levels in ((book["bids"], own_book.bids), (book["asks"], own_book.asks)):
        assert len(side) == len(levels) == 100
        assert all(same(a[0], b[0]) and same(a[1], b[1]) for a, b in zip(side, levels, strict=True))

    async with asyncio.timeout(WAIT_S):
        while True:
            ticker, own_ticker = await exchange.fetch_ticker("BTC/USD"), await ours.ticker(bitcoin)
            if ticker["info"]["trade_id"] and ticker["timestamp"] == (own_ticker.event_us or 0) // 1000:
                break
    assert same(ticker["last"], own_ticker.last_price) and same(ticker["baseVolume"], own_ticker.volume_24h)


async def test_watched_trades_are_the_same_but_for_the_side(streams: Any, ours: Ours) -> None:
    async with ours.listening(("trade", "BTC-USD")) as heard:
        await until(lambda: [event for event in heard if isinstance(event, Trade)])
        seen: dict[str, Any] = {}
        first = int(next(event.trade_id for event in heard if isinstance(event, Trade)))
        while len(seen) < 5:
            watched = await soon(streams.watch_trades("BTC/USD"))
            seen |= {trade["id"]: trade for trade in watched if int(trade["id"]) >= first}
        mine = await until(lambda: _by_id(heard) if seen.keys() <= _by_id(heard).keys() else None)
        for trade_id, trade in seen.items():
            own = mine[trade_id]
            assert same(trade["price"], own.price) and same(trade["amount"], own.quantity)
            assert (OTHER_SIDE[trade["side"]], trade["timestamp"]) == (own.side, (own.trade_us or 0) // 1000)


async def test_the_watched_book_is_ours_at_the_same_moment(streams: Any, ours: Ours) -> None:
    async with ours.listening(("depth", "BTC-USD")) as heard:
        await until(lambda: heard)
        compared = 0
        async with asyncio.timeout(WAIT_S):
            while compared < 3:
                book = await streams.watch_order_book("BTC/USD")
                mine = _books(heard).get(book["timestamp"])
                if mine is None:
                    continue
                compared += 1
                for side, levels in zip((book["bids"], book["asks"]), mine, strict=True):
                    assert {(repr(price), repr(quantity)) for price, quantity, *_ in side} == {
                        (repr(float(price)), repr(float(quantity))) for price, quantity in levels.items()
                    }


async def test_the_watched_ticker_of_the_exchange_is_ours(exchange: Any, streams: Any, ours: Ours) -> None:
    async with ours.listening(("ticker", "BTC-USD")) as heard:
        await until(lambda: heard)
        async with asyncio.timeout(WAIT_S):
            joined = await exchange.watch_ticker("BTC/USD")  # its figures are of the moment, not of the last match
            while True:
                ticker = await exchange.watch_ticker("BTC/USD")
                if ticker["timestamp"] == joined["timestamp"]:
                    continue
                found = [
                    one for one in heard
                    if isinstance(one, Ticker) and (one.event_us or 0) // 1000 == ticker["timestamp"]
                ]  # fmt: skip
                if found:
                    break
        for theirs, name in (
            ("last", "last_price"), ("open", "open_24h"), ("high", "high_24h"), ("low", "low_24h"),
            ("bid", "bid_price"), ("ask", "ask_price"), ("baseVolume", "volume_24h"),
        ):  # fmt: skip
            assert same(ticker[theirs], getattr(found[0], name)), (name, ticker, found[0])
    ticker = await soon(streams.watch_ticker("BTC/USD"))
    assert ticker["low"] <= ticker["last"] <= ticker["high"] and ticker["bid"] < ticker["ask"]


async def test_a_limit_and_an_unknown_market_are_errors_that_ccxt_knows(rest: Any, sandbox: SandboxServer) -> None:
    await soon(rest.load_markets())
    with pytest.raises(ccxt.BaseError):
        await soon(rest.v3PublicGetBrokerageMarketProductsProductId({"product_id": "NO-SUCH"}))
    await asyncio.to_thread(sandbox.fault, "status", status=429, exchange="coinbase", path="/api/v3/brokerage/time")
    with pytest.raises(ccxt.RateLimitExceeded):
        await soon(rest.v3PublicGetBrokerageTime())


def _by_id(heard: list[Any]) -> dict[str, Trade]:
    return {event.trade_id: event for event in heard if isinstance(event, Trade)}


def _books(heard: list[Any]) -> dict[int, tuple[dict[str, str], dict[str, str]]]:
    """The book after each of our depth events, by the millisecond of its frame."""
    books = {}
    sides: tuple[dict[str, str], dict[str, str]] = {}, {}
    for event in [event for event in heard if isinstance(event, Depth)]:
        for side, levels in zip(sides, (event.bids, event.asks), strict=True):
            if event.type == "snapshot":
                side.clear()
            side.update(levels)
            for price in [price for price, quantity in side.items() if quantity == "0"]:
                del side[price]
        books[(event.event_us or 0) // 1000] = dict(sides[0]), dict(sides[1])
    return books
