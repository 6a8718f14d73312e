"""What the unmodified ccxt reads from the sandbox is what our adapter reads, number by number."""

import asyncio
from typing import Any

from exchanges.events import Ticker, Trade
from tests.exchanges.binance.test_ccxt import rest, streams  # noqa: F401 (fixtures)
from tests.exchanges.ours import Ours, books, by_id, of, until
from tests.exchanges.theirs import exact, same, same_book, same_candles, same_trade, soon
from tests.sandbox_server import SandboxServer

START_MS = 1_735_689_600_000


async def test_markets_candles_trades_ticker_and_book_by_rest(rest: Any, sandbox: SandboxServer):  # noqa: F811
    ours = await Ours.loaded("binance", sandbox)
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
    assert same_candles(theirs, candles, 20)

    found = await soon(rest.fetch_trades("BTC/USDT", limit=20, params={"fetchTradesMethod": "publicGetTrades"}))
    trades = {trade.trade_id: trade for trade in await ours.trades(btc, from_id=found[0]["id"])}
    for trade in found:
        assert same_trade(trade, trades[trade["id"]])


async def test_the_ticker_and_the_book_of_one_moment(streams: Any, quiet: SandboxServer):  # noqa: F811
    ours = await Ours.loaded("binance", quiet)
    btc = ours.instruments.by_symbol["BTC-USDT"]
    async with asyncio.timeout(20):
        while True:
            mine, theirs = await ours.depth(btc, 100), await soon(streams.fetch_order_book("BTC/USDT", 100))
            if mine.sequence == theirs["nonce"]:
                break
    assert same_book(theirs, mine, 100)
    ticker, ccxts = await ours.ticker(btc), await soon(streams.fetch_ticker("BTC/USDT"))
    if same(ccxts["last"], ticker.last_price):
        assert same(ccxts["open"], ticker.open_24h) or ccxts["timestamp"] != ticker.event_us


async def test_watched_trades_ticker_and_book(streams: Any, quiet: SandboxServer):  # noqa: F811
    ours = await Ours.loaded("binance", quiet)
    async with ours.listening(("trade", "BTC-USDT"), ("depth", "BTC-USDT"), ("ticker", "BTC-USDT")) as heard:
        await until(lambda: of(heard, Trade))
        seen: dict[str, Any] = {}
        while len(seen) < 5:
            seen |= {trade["id"]: trade for trade in await soon(streams.watch_trades("BTC/USDT"))}
        mine = await until(lambda: ids if seen.keys() <= (ids := by_id(heard)).keys() else None)
        for trade_id, trade in seen.items():
            assert same_trade(trade, mine[trade_id])

        ticker = await soon(streams.watch_ticker("BTC/USDT"))
        told = await until(
            lambda: [one for one in of(heard, Ticker) if (one.event_us or 0) // 1000 == ticker["timestamp"]]
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
                    (exact(float(p)), exact(float(q))) for p, q in levels.items()
                }
