"""What the unmodified ccxt reads from Kraken's sandbox is what our adapter reads, number by number."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.events import Candle, Depth, Gap, Ticker, Trade
from tests.exchanges.ours import Ours, best, books, by_id, of, until
from tests.exchanges.theirs import WAIT_S, Kept, same, same_book, same_candle, same_levels, same_trade, soon
from tests.sandbox_server import SandboxServer


def pointed(client: Any, server: SandboxServer) -> Any:
    """The client with its REST and stream addresses at the sandbox."""
    client.urls["api"]["public"] = server.at("kraken")
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["publicV2"] = f"{server.ws('kraken')}/v2"
    client.enableRateLimit = False  # the sandbox's limit is wider than what a test asks
    return client


@pytest.fixture
def rest(sandbox: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.async_support.kraken(), sandbox))


@pytest.fixture
def streams(quiet: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.pro.kraken(), quiet))


async def test_markets(rest: Any, sandbox: SandboxServer) -> None:
    ours = await Ours.loaded("kraken", sandbox)
    markets = await soon(rest.load_markets())
    assert {(market["symbol"], market["base"], market["quote"]) for market in markets.values()} == {
        (one.venue_symbol, one.base, one.quote) for one in ours.instruments.by_symbol.values()
    }
    for market in markets.values():
        instrument = ours.instruments.by_venue_symbol[market["symbol"]]
        assert market["spot"] and market["active"] == (instrument.status == "trading")
        assert same(market["precision"]["price"], instrument.price_increment)
        assert same(market["precision"]["amount"], instrument.quantity_increment)
        assert same(market["limits"]["amount"]["min"], instrument.min_quantity)
        assert same(market["limits"]["cost"]["min"], instrument.min_notional)


@pytest.mark.parametrize(("interval", "length_ms"), [("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)])
async def test_candles(rest: Any, sandbox: SandboxServer, interval: str, length_ms: int) -> None:
    ours = await Ours.loaded("kraken", sandbox)
    now_ms = time.time_ns() // 1_000_000
    start_ms = now_ms - now_ms % length_ms - 20 * length_ms
    candles = await ours.candles(ours.instruments.by_symbol["BTC-USDT"], interval, start_ms, now_ms)
    theirs = await soon(rest.fetch_ohlcv("BTC/USDT", interval, since=start_ms, limit=20))
    assert len(theirs) == 20 and candles[0].open_ms == start_ms
    for candle, row in zip(candles, theirs, strict=False):
        assert candle.closed and same_candle(row, candle)


async def test_trades(rest: Any, sandbox: SandboxServer) -> None:
    ours = await Ours.loaded("kraken", sandbox)
    found = await soon(rest.fetch_trades("ETH/BTC", limit=20))
    mine = {trade.trade_id: trade for trade in await ours.trades(ours.instruments.by_symbol["ETH-BTC"])}
    assert len(found) == 20
    for trade in found:
        assert same_trade(trade, mine[trade["id"]])


async def test_the_ticker_and_the_book_of_one_moment(streams: Any, quiet: SandboxServer) -> None:
    ours = await Ours.loaded("kraken", quiet)
    btc = ours.instruments.by_symbol["BTC-USDT"]
    async with asyncio.timeout(WAIT_S):
        while True:
            before = await ours.depth(btc, 100)
            theirs = await streams.fetch_order_book("BTC/USDT", 100)
            after = await ours.depth(btc, 100)
            if (before.bids, before.asks) == (after.bids, after.asks):
                break
    assert same_book(theirs, after, 100)
    async with asyncio.timeout(WAIT_S):
        while True:
            first, ticker, second = (
                await ours.ticker(btc),
                await streams.fetch_ticker("BTC/USDT"),
                await ours.ticker(btc),
            )
            if (first.last_price, first.volume_24h) == (second.last_price, second.volume_24h):
                break
    for name, figure in (
        ("last", second.last_price), ("high", second.high_24h), ("low", second.low_24h), ("bid", second.bid_price),
        ("bidVolume", second.bid_quantity), ("ask", second.ask_price), ("askVolume", second.ask_quantity),
        ("baseVolume", second.volume_24h),
    ):  # fmt: skip
        assert same(ticker[name], figure), name
    # ccxt gives the field `o` as the open of its 24 hours; by Kraken's reference it is today's opening price.
    # https://docs.kraken.com/exchange/api-reference/market-data/get-ticker-information
    assert ticker["open"] is not None and second.open_24h is None


async def test_an_unknown_market_and_the_limit_are_errors_to_ccxt_too(rest: Any, sandbox: SandboxServer) -> None:
    await soon(rest.load_markets())
    with pytest.raises(ccxt.ExchangeError, match="EQuery:Unknown asset pair"):
        await soon(rest.public_get_ticker({"pair": "NOSUCH"}))
    fault = await asyncio.to_thread(sandbox.fault, "status", exchange="kraken", status=429, path="/0/public/Time")
    assert fault
    with pytest.raises(ccxt.DDoSProtection):
        await soon(rest.fetch_time())


async def test_watched_trades_ticker_candles_and_book(streams: Any, quiet: SandboxServer) -> None:
    ours = await Ours.loaded("kraken", quiet)
    wants = tuple((stream, "BTC-USDT") for stream in ("trade", "ticker", "depth", "candle_1m"))
    async with ours.listening(*wants) as heard:
        await until(lambda: {type(event) for event in heard} >= {Trade, Ticker, Depth, Candle})
        seen: dict[str, Any] = {}
        while len(seen) < 5:
            seen |= {trade["id"]: trade for trade in await soon(streams.watch_trades("BTC/USDT"))}
        mine = await until(lambda: ids if seen.keys() <= (ids := by_id(heard)).keys() else None)
        for trade_id, trade in seen.items():
            assert same_trade(trade, mine[trade_id])

        tickers: list[Any] = []
        async with asyncio.timeout(WAIT_S):  # a snapshot may show a moment that was no change to us
            while not any(alike(ticker, event) for ticker in tickers for event in of(heard, Ticker)):
                tickers.append(await streams.watch_ticker("BTC/USDT"))

        candle = (await soon(streams.watch_ohlcv("BTC/USDT", "1m")))[-1]
        await until(lambda: [one for one in of(heard, Candle) if same_candle(candle, one)])

        for _ in range(3):
            book = await soon(streams.watch_order_book("BTC/USDT", 25))
            sides = [list(map(tuple, book[side])) for side in ("bids", "asks")]  # theirs goes on changing
            await until(lambda: any(all(map(same_levels, sides, one)) for one in windows(heard)))  # noqa: B023
        assert not of(heard, Gap)


def alike(ticker: Any, event: Ticker) -> bool:
    """Whether they say the same; the open is the last price less the change to both."""
    figures = {
        "last": event.last_price, "open": event.open_24h, "high": event.high_24h, "low": event.low_24h,
        "bid": event.bid_price, "bidVolume": event.bid_quantity, "ask": event.ask_price,
        "askVolume": event.ask_quantity, "baseVolume": event.volume_24h,
    }  # fmt: skip
    return all(same(ticker[name], figure) for name, figure in figures.items())


def windows(heard: list[Any]) -> Iterator[Any]:
    """The best levels after each of our depth events, the newest first."""
    return (best(book, 25) for book in reversed(books(heard, id).values()))
