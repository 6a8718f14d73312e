"""The sandbox speaks Deribit's real protocol: the unmodified ccxt reads it as our adapter does, number by number.

ccxt leaves amounts as the exchange sends them (dollars of inverse futures); we give base units, and beside them the
exchange's own figure, which is what is compared.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from decimal import Decimal
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.deribit import units
from exchanges.events import Candle, Depth, Ticker, Trade
from exchanges.symbols import Instrument
from tests.exchanges.ours import Ours, until
from tests.sandbox_server import SandboxServer, StartSandbox

WAIT_S = 15
START_MS = 1_735_689_600_000
LINEAR, INVERSE, SPOT = "BTC/USDC:USDC", "BTC/USD:BTC", "BTC/USDT"


def pointed(client: Any, server: SandboxServer) -> Any:
    client.urls["api"]["rest"] = server.at("deribit")
    client.urls["api"]["ws"] = f"{server.ws('deribit')}/ws/api/v2"
    return client


@pytest.fixture
async def rest(sandbox: SandboxServer) -> AsyncIterator[Any]:
    client = pointed(ccxt.async_support.deribit(), sandbox)
    yield client
    await client.close()


@pytest.fixture
def quiet(start_sandbox: StartSandbox) -> SandboxServer:
    """Two trades a second and asset: two readers can look at the same state."""
    return start_sandbox(seed=5, rate=8, symbols=2)


@pytest.fixture
async def streams(quiet: SandboxServer) -> AsyncIterator[Any]:
    client = pointed(ccxt.pro.deribit(), quiet)
    yield client
    await client.close()


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, WAIT_S)


async def loaded(server: SandboxServer) -> Ours:
    ours = Ours("deribit", server)
    await ours.load()
    return ours


def same(theirs: Any, ours: str | None) -> bool:
    """A number as ccxt read it, through a float of its own, and as we did."""
    if theirs is None or ours is None:
        return theirs is None and ours is None
    return Decimal(repr(theirs)) == Decimal(repr(float(ours)))  # ccxt's own reading of the same text


def based(amount: Any, price: Any, market: Instrument) -> str:
    """An amount of ccxt's in base units."""
    number = Decimal(repr(price))
    return units.base(Decimal(repr(amount)), units.plain(number), units.counts_quote(market, market.venue_symbol))


async def test_markets_are_the_same(rest: Any, sandbox: SandboxServer):
    ours, markets = await loaded(sandbox), await soon(rest.load_markets())
    assert {market["id"] for market in markets.values()} == set(ours.instruments.by_venue_symbol)
    kinds = {"spot": "spot", "swap": "perpetual", "future": "future", "option": "option"}
    assert {market["type"] for market in markets.values()} == set(kinds)
    for market in markets.values():
        mine = ours.instruments.by_venue_symbol[market["id"]]
        assert (mine.base, mine.quote, mine.settle) == (market["base"], market["quote"], market["settle"])
        assert mine.kind == kinds[market["type"]] and market["active"] and mine.status == "trading"
        assert same(market["precision"]["price"], mine.price_increment)
        assert same(market["precision"]["amount"], mine.quantity_increment or mine.min_notional)
        assert same(market["contractSize"], mine.contract_size) and same(market["strike"], mine.strike)
        expiry_ms = None if mine.expiry_us is None else mine.expiry_us // 1000
        assert expiry_ms == (market["expiry"] if mine.kind in ("future", "option") else None)


@pytest.mark.parametrize(("interval", "length_ms"), [("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)])
@pytest.mark.parametrize("symbol", [LINEAR, INVERSE, SPOT])
async def test_candles_are_the_same(rest: Any, sandbox: SandboxServer, symbol: str, interval: str, length_ms: int):
    ours = await loaded(sandbox)
    theirs = await soon(rest.fetch_ohlcv(symbol, interval, since=START_MS, limit=20))
    market = ours.instruments.by_venue_symbol[rest.market(symbol)["id"]]
    candles = await ours.candles(market, interval, START_MS, START_MS + 20 * length_ms)
    assert len(candles) == len(theirs) == 20 and all(candle.closed for candle in candles)
    for candle, (open_ms, *figures) in zip(candles, theirs, strict=True):
        assert candle.open_ms == open_ms
        assert all(map(same, figures, (candle.open, candle.high, candle.low, candle.close, candle.volume)))


@pytest.mark.parametrize("symbol", [LINEAR, INVERSE, SPOT])
async def test_trades_are_the_same(rest: Any, sandbox: SandboxServer, symbol: str):
    ours = await loaded(sandbox)
    theirs = await soon(rest.fetch_trades(symbol, limit=20))
    market = ours.instruments.by_venue_symbol[rest.market(symbol)["id"]]
    mine = {trade.trade_id: trade for trade in await ours.trades(market)}
    assert len(theirs) == 20 and len(mine) == 1000
    for trade in theirs:
        found = mine[trade["id"]]
        assert (trade["side"], trade["timestamp"]) == (found.side, (found.trade_us or 0) // 1000)
        assert same(trade["price"], found.price) and same(trade["amount"], found.venue_quantity or found.quantity)
    since = await soon(rest.fetch_trades(symbol, since=START_MS, limit=5))
    assert len(since) == 5 and since[0]["timestamp"] >= START_MS


async def test_the_ticker_and_the_book_of_one_moment(streams: Any, quiet: SandboxServer):
    ours = await loaded(quiet)
    await soon(streams.load_markets())
    for symbol in (LINEAR, INVERSE):
        market = ours.instruments.by_venue_symbol[streams.market(symbol)["id"]]
        async with asyncio.timeout(WAIT_S):
            while True:
                mine, theirs = await ours.depth(market, 100), await streams.fetch_order_book(symbol, 100)
                if mine.sequence == theirs["nonce"]:
                    break
        for side, levels in ((theirs["bids"], mine.bids), (theirs["asks"], mine.asks)):
            assert len(side) == len(levels) == 100
            for (price, amount), (our_price, quantity) in zip(side, levels, strict=True):
                assert same(price, our_price) and based(amount, price, market) == quantity
        ticker = await ours.ticker(market)
        assert ticker.low_24h and ticker.bid_price and ticker.ask_price and ticker.last_price and ticker.high_24h
        assert Decimal(ticker.low_24h) <= Decimal(ticker.last_price) <= Decimal(ticker.high_24h)
        assert Decimal(ticker.bid_price) < Decimal(ticker.ask_price)


async def test_an_option_is_read_the_same(rest: Any, sandbox: SandboxServer):
    ours, _ = await loaded(sandbox), await soon(rest.load_markets())
    market = next(one for one in ours.instruments.by_symbol.values() if one.symbol.endswith("-100000-C_BTC"))
    symbol = rest.markets_by_id[market.venue_symbol][0]["symbol"]
    trade = (await soon(rest.fetch_trades(symbol, limit=1)))[0]
    mine = {one.trade_id: one for one in await ours.trades(market)}[trade["id"]]
    assert same(trade["price"], mine.price) and same(trade["amount"], mine.quantity) and mine.venue_quantity is None


async def test_the_errors_are_those_that_ccxt_knows(rest: Any, sandbox: SandboxServer):
    with pytest.raises(ccxt.ExchangeError, match="13020"):
        await soon(rest.public_get_ticker({"instrument_name": "NOSUCH-PERPETUAL"}))
    await asyncio.to_thread(sandbox.fault, "status", exchange="deribit", status=429, path="/api/v2/public/get_time")
    try:
        with pytest.raises(ccxt.DDoSProtection):
            await soon(rest.fetch_time())
    finally:
        await asyncio.to_thread(sandbox.clear)


@pytest.mark.parametrize(("theirs", "ours_symbol"), [(LINEAR, "BTC-USDC-PERP"), (INVERSE, "BTC-USD-PERP_BTC")])
async def test_watched_streams_are_the_same(streams: Any, quiet: SandboxServer, theirs: str, ours_symbol: str):
    ours = await loaded(quiet)
    market = ours.instruments.by_symbol[ours_symbol]
    wants = [(stream, ours_symbol) for stream in ("trade", "depth", "ticker", "candle_1m")]
    async with ours.listening(*wants) as heard:
        await until(lambda: {Trade, Ticker, Depth, Candle} <= {type(event) for event in heard})
        seen: dict[str, Any] = {}
        while len(seen) < 4:
            seen |= {trade["id"]: trade for trade in await soon(streams.watch_trades(theirs))}
        mine = await until(lambda: _by_id(heard) if seen.keys() <= _by_id(heard).keys() else None)
        for trade_id, trade in seen.items():
            found = mine[trade_id]
            assert same(trade["price"], found.price) and same(trade["amount"], found.venue_quantity or found.quantity)
            assert (trade["side"], trade["timestamp"]) == (found.side, found.trade_us // 1000)

        ticker = await soon(streams.watch_ticker(theirs))
        told = await until(lambda: [one for one in _of(heard, Ticker) if one.event_us == ticker["timestamp"] * 1000])
        for name, field in (("last", "last_price"), ("high", "high_24h"), ("low", "low_24h"), ("bid", "bid_price"),
                            ("ask", "ask_price"), ("baseVolume", "volume_24h"),
                            ("quoteVolume", "quote_volume_24h")):  # fmt: skip
            assert same(ticker[name], getattr(told[0], field)), (name, ticker, told[0])
        assert based(ticker["bidVolume"], ticker["bid"], market) == told[0].bid_quantity

        candle = (await soon(streams.watch_ohlcv(theirs, "1m")))[-1]
        await until(lambda: [one for one in _of(heard, Candle) if one.open_ms == candle[0]])

        compared = 0
        while compared < 2:
            book = await soon(streams.watch_order_book(theirs))
            now = _books(heard).get(book["timestamp"])  # ccxt keeps the time of the last message, not its number
            if now is None:
                continue
            compared += 1
            for side, levels in ((book["bids"], now[0]), (book["asks"], now[1])):
                assert {units.plain(Decimal(repr(p))): based(q, p, market) for p, q, *_ in side} == levels


def _of(heard: list[Any], kind: type) -> list[Any]:
    return [event for event in heard if isinstance(event, kind)]


def _by_id(heard: list[Any]) -> dict[str, Any]:
    return {event.trade_id: event for event in _of(heard, Trade)}


def _books(heard: list[Any]) -> dict[int, tuple[dict[str, str], dict[str, str]]]:
    """The book after each of our depth events, by the exchange's time in ms."""
    books: dict[int, Any] = {}
    bids: dict[str, str] = {}
    asks: dict[str, str] = {}
    for event in _of(heard, Depth):
        for side, levels in ((bids, event.bids), (asks, event.asks)):
            if event.type == "snapshot":
                side.clear()
            side.update(levels)
            for price in [price for price, quantity in side.items() if quantity == "0"]:
                del side[price]
        books[event.event_us // 1000] = dict(bids), dict(asks)
    return books
