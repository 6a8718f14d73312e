"""What the unmodified ccxt reads from the sandbox is what our adapter reads, number by number."""

import asyncio
from typing import Any

from exchanges.events import Ticker, Trade
from tests.exchanges.binance.test_ccxt import exact, pointed, quiet, rest, soon, streams  # noqa: F401 (fixtures)
from tests.exchanges.ours import Ours, books, until
from tests.sandbox_server import SandboxServer

START_MS = 1_735_689_600_000


def same(theirs: Any, ours: str | None) -> bool:
    """A number as ccxt read it, through a float of its own, and as we did."""
    return theirs is ours is None or (theirs is not None and ours is not None and exact(theirs) == exact_of(ours))


def exact_of(text: str) -> Any:
    return exact(float(text))  # ccxt's own reading of the same text


async def test_markets_candles_trades_ticker_and_book_by_rest(rest: Any, sandbox: SandboxServer):  # noqa: F811
    ours = Ours("binance", sandbox)
    await ours.load()
    markets = await soon(rest.load_markets())
    assert {(m["id"], m["base"], m["quote"]) for m in markets.values()} == {
        (one.venue_symbol, one.base, one.quote) for one in ours.instruments.by_symbol.values()
    }
    for market in markets.values():
        instrument = ours.instruments.by_venue_symbol[market["id"]]
        assert same(market["precision"]["price"], instrument.price_increment)
        assert same(market["precision"]["amount"], instrument.quantity_increment)
    btc = ours.instruments.by_symbol["BTC-USDT"]

    candles = await ours.candles(btc, "1h", START_MS, START_MS + 20 * 3_600_000)
    theirs = await soon(rest.fetch_ohlcv("BTC/USDT", "1h", since=START_MS, limit=20))
    assert len(candles) == len(theirs) == 20
    for candle, (open_ms, *figures) in zip(candles, theirs, strict=True):
        assert candle.open_ms == open_ms
        assert all(map(same, figures, (candle.open, candle.high, candle.low, candle.close, candle.volume)))

    found = await soon(rest.fetch_trades("BTC/USDT", limit=20, params={"fetchTradesMethod": "publicGetTrades"}))
    trades = {trade.trade_id: trade for trade in await ours.trades(btc, from_id=found[0]["id"])}
    for trade in found:
        mine = trades[trade["id"]]
        assert (trade["side"], trade["timestamp"]) == (mine.side, mine.trade_us // 1000)
        assert same(trade["price"], mine.price) and same(trade["amount"], mine.quantity)


async def test_the_ticker_and_the_book_of_one_moment(streams: Any, quiet: SandboxServer):  # noqa: F811
    ours = Ours("binance", quiet)
    await ours.load()
    btc = ours.instruments.by_symbol["BTC-USDT"]
    async with asyncio.timeout(20):
        while True:
            mine, theirs = await ours.depth(btc, 100), await soon(streams.fetch_order_book("BTC/USDT", 100))
            if mine.sequence == theirs["nonce"]:
                break
    for side, levels in ((theirs["bids"], mine.bids), (theirs["asks"], mine.asks)):
        assert len(side) == len(levels) == 100
        assert all(same(a[0], b[0]) and same(a[1], b[1]) for a, b in zip(side, levels, strict=True))
    ticker, ccxts = await ours.ticker(btc), await soon(streams.fetch_ticker("BTC/USDT"))
    if same(ccxts["last"], ticker.last_price):
        assert same(ccxts["open"], ticker.open_24h) or ccxts["timestamp"] != ticker.event_us


async def test_watched_trades_ticker_and_book(streams: Any, quiet: SandboxServer):  # noqa: F811
    ours = Ours("binance", quiet)
    await ours.load()
    async with ours.listening(("trade", "BTC-USDT"), ("depth", "BTC-USDT"), ("ticker", "BTC-USDT")) as heard:
        await until(lambda: [event for event in heard if isinstance(event, Trade)])
        seen: dict[str, Any] = {}
        while len(seen) < 5:
            seen |= {trade["id"]: trade for trade in await soon(streams.watch_trades("BTC/USDT"))}
        mine = await until(lambda: _by_id(heard) if seen.keys() <= _by_id(heard).keys() else None)
        for trade_id, trade in seen.items():
            assert same(trade["price"], mine[trade_id].price) and same(trade["amount"], mine[trade_id].quantity)
            assert (trade["side"], trade["timestamp"]) == (mine[trade_id].side, mine[trade_id].trade_us // 1000)

        ticker = await soon(streams.watch_ticker("BTC/USDT"))
        told = await until(
            lambda: [e for e in heard if isinstance(e, Ticker) and (e.event_us or 0) // 1000 == ticker["timestamp"]]
        )
        for theirs, name in (
            ("last", "last_price"), ("open", "open_24h"), ("high", "high_24h"), ("low", "low_24h"),
            ("baseVolume", "volume_24h"), ("quoteVolume", "quote_volume_24h"),
        ):  # fmt: skip
            assert same(ticker[theirs], getattr(told[0], name)), (name, ticker, told[0])

        compared = 0
        while compared < 3:
            book = await soon(streams.watch_order_book("BTC/USDT"))
            ours_now = books(heard).get(book["nonce"])
            if ours_now is None:
                continue
            compared += 1
            for side, levels in ((book["bids"], ours_now[0]), (book["asks"], ours_now[1])):
                assert {(exact(p), exact(q)) for p, q, *_ in side} == {
                    (exact_of(p), exact_of(q)) for p, q in levels.items()
                }


def _by_id(heard: list[Any]) -> dict[str, Trade]:
    return {event.trade_id: event for event in heard if isinstance(event, Trade)}
