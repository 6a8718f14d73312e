"""The sandbox speaks Coinbase's real protocol: what the unmodified ccxt reads from it is what our adapter reads.

Their `coinbase` is Advanced Trade, their `coinbaseexchange` the Exchange. The first takes the side of a trade as it
comes, which is the maker's: Coinbase's channel pages say so of both interfaces ("makers side", "the maker order
side"), ccxt's own `coinbaseexchange` turns the very same trades round, and test_sandbox.py shows that the taker's side
is the one whose prices the trades are at.
"""

import asyncio
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.events import Ticker, Trade
from tests.exchanges.ours import Ours, books, by_id, moment_ms, of, until
from tests.exchanges.theirs import WAIT_S, Kept, same, same_book, same_candles, soon
from tests.sandbox_server import SandboxServer

START_MS = 1_735_689_600_000
OTHER_SIDE = {"buy": "sell", "sell": "buy"}


@pytest.fixture
def rest(sandbox: SandboxServer, kept: Kept) -> Any:
    client = kept(ccxt.async_support.coinbase())
    client.urls["api"]["rest"] = sandbox.at("coinbase")
    return client


@pytest.fixture
def streams(quiet: SandboxServer, kept: Kept) -> Any:
    client = kept(ccxt.pro.coinbase())
    client.urls["api"] |= {"rest": quiet.at("coinbase"), "ws": quiet.ws("coinbase")}
    return client


@pytest.fixture
def exchange(quiet: SandboxServer, kept: Kept) -> Any:
    client = kept(ccxt.pro.coinbaseexchange())
    client.urls["api"] |= {"public": quiet.at("coinbase"), "ws": quiet.ws("coinbase")}
    return client


@pytest.fixture
async def ours(quiet: SandboxServer) -> Ours:
    return await Ours.loaded("coinbase", quiet)


async def test_markets_and_candles_are_the_same(rest: Any, sandbox: SandboxServer) -> None:
    reader = await Ours.loaded("coinbase", sandbox)
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
        assert same_candles(found, candles, 20)


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
    assert same_book(book, own_book, 100)

    async with asyncio.timeout(WAIT_S):
        while True:
            before = await ours.ticker(bitcoin)
            ticker, own_ticker = await exchange.fetch_ticker("BTC/USD"), await ours.ticker(bitcoin)
            if (before.event_us, before.volume_24h) == (own_ticker.event_us, own_ticker.volume_24h):
                break
    assert same(ticker["last"], own_ticker.last_price) and same(ticker["baseVolume"], own_ticker.volume_24h)


async def test_watched_trades_are_the_same_but_for_the_side(streams: Any, ours: Ours) -> None:
    async with ours.listening(("trade", "BTC-USD")) as heard:
        await until(lambda: of(heard, Trade))
        seen: dict[str, Any] = {}
        first = int(of(heard, Trade)[0].trade_id)
        while len(seen) < 5:
            watched = await soon(streams.watch_trades("BTC/USD"))
            seen |= {trade["id"]: trade for trade in watched if int(trade["id"]) >= first}
        mine = await until(lambda: ids if seen.keys() <= (ids := by_id(heard)).keys() else None)
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
                mine = books(heard, moment_ms).get(book["timestamp"])
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
                found = [one for one in of(heard, Ticker) if (one.event_us or 0) // 1000 == ticker["timestamp"]]
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
