"""The sandbox speaks Deribit's real protocol: the unmodified ccxt reads it as our adapter does, number by number.

ccxt leaves amounts as the exchange sends them (dollars of inverse futures); we give base units, and beside them the
exchange's own figure, which is what is compared.
"""

import asyncio
from decimal import Decimal
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.deribit import units
from exchanges.events import Candle, Depth, Ticker, Trade
from exchanges.symbols import Instrument
from tests.exchanges.ours import Ours, books, by_id, moment_ms, of, until
from tests.exchanges.theirs import WAIT_S, Kept, same, same_candles, same_trade, soon
from tests.sandbox_server import SandboxServer

START_MS = 1_735_689_600_000
LINEAR, INVERSE, SPOT = "BTC/USDC:USDC", "BTC/USD:BTC", "BTC/USDT"


def pointed(client: Any, server: SandboxServer) -> Any:
    client.urls["api"]["rest"] = server.at("deribit")
    client.urls["api"]["ws"] = f"{server.ws('deribit')}/ws/api/v2"
    return client


@pytest.fixture
def rest(sandbox: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.async_support.deribit(), sandbox))


@pytest.fixture
def streams(quiet: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.pro.deribit(), quiet))


async def loaded(server: SandboxServer) -> Ours:
    return await Ours.loaded("deribit", server)


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
    assert same_candles(theirs, candles, 20)


@pytest.mark.parametrize("symbol", [LINEAR, INVERSE, SPOT])
async def test_trades_are_the_same(rest: Any, sandbox: SandboxServer, symbol: str):
    ours = await loaded(sandbox)
    theirs = await soon(rest.fetch_trades(symbol, limit=20))
    market = ours.instruments.by_venue_symbol[rest.market(symbol)["id"]]
    mine = {trade.trade_id: trade for trade in await ours.trades(market)}
    assert len(theirs) == 20 and len(mine) == 1000
    for trade in theirs:
        assert same_trade(trade, mine[trade["id"]])
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
        mine = await until(lambda: found if seen.keys() <= (found := by_id(heard)).keys() else None)
        for trade_id, trade in seen.items():
            assert same_trade(trade, mine[trade_id])

        ticker = await soon(streams.watch_ticker(theirs))
        told = await until(lambda: [one for one in of(heard, Ticker) if one.event_us == ticker["timestamp"] * 1000])
        for name, field in (("last", "last_price"), ("high", "high_24h"), ("low", "low_24h"), ("bid", "bid_price"),
                            ("ask", "ask_price"), ("baseVolume", "volume_24h"),
                            ("quoteVolume", "quote_volume_24h")):  # fmt: skip
            assert same(ticker[name], getattr(told[0], field)), (name, ticker, told[0])
        assert based(ticker["bidVolume"], ticker["bid"], market) == told[0].bid_quantity

        candle = (await soon(streams.watch_ohlcv(theirs, "1m")))[-1]
        await until(lambda: [one for one in of(heard, Candle) if one.open_ms == candle[0]])

        compared = 0
        while compared < 2:
            book = await soon(streams.watch_order_book(theirs))
            now = books(heard, moment_ms).get(
                book["timestamp"]
            )  # ccxt keeps the time of the last message, not its number
            if now is None:
                continue
            compared += 1
            for side, levels in ((book["bids"], now[0]), (book["asks"], now[1])):
                assert {units.plain(Decimal(repr(p))): based(q, p, market) for p, q, *_ in side} == levels
