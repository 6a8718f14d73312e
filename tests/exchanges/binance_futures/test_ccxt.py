"""What the unmodified ccxt reads from the sandbox is what our adapter reads, number by number."""

import asyncio
from typing import Any

import ccxt.pro
import pytest

from exchanges.contract import Want
from exchanges.events import Candle, Depth, Gap, Rejected, Ticker, Trade
from tests.exchanges.ours import Ours, best, books, by_id, of, until
from tests.exchanges.theirs import WAIT_S, Kept, same, same_book, same_candle, same_levels, same_trade, soon
from tests.sandbox_server import SandboxServer

EXCHANGE, BTC, DATED = "binance_futures", "BTC/USDT:USDT", "BTC/USDT:USDT-"
START_MS = 1_735_689_600_000


def pointed(client: Any, server: SandboxServer) -> Any:
    """The client with its REST and stream addresses at the sandbox."""
    for name, path in (("fapiPublic", "/fapi/v1"), ("fapiPublicV2", "/fapi/v2"), ("fapiPublicV3", "/fapi/v3")):
        client.urls["api"][name] = server.at(EXCHANGE) + path
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["linear"] = f"{server.ws(EXCHANGE)}/ws"
    return client


@pytest.fixture
def theirs(quiet: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.pro.binanceusdm(), quiet))


@pytest.fixture
async def ours(quiet: SandboxServer) -> Ours:
    return await Ours.loaded(EXCHANGE, quiet)


async def test_markets_candles_trades_ticker_and_book_by_rest(theirs: Any, ours: Ours) -> None:
    markets = await soon(theirs.load_markets())
    assert len(markets) == len(ours.instruments) == 6
    for market in markets.values():
        mine = ours.instruments.by_venue_symbol[market["id"]]
        assert (market["base"], market["quote"], market["settle"]) == (mine.base, mine.quote, mine.settle)
        assert {"swap": "perpetual", "future": "future"}[market["type"]] == mine.kind
        assert market["expiry"] == (mine.expiry_us and mine.expiry_us // 1000)
        assert market["contractSize"] == 1 and mine.contract_size == "1"
        assert same(market["precision"]["price"], mine.price_increment)
        assert same(market["precision"]["amount"], mine.quantity_increment)
        assert same(market["limits"]["cost"]["min"], mine.min_notional)
    dated = next(symbol for symbol in markets if symbol.startswith(DATED))
    assert ours.instruments.by_venue_symbol[markets[dated]["id"]].symbol == f"BTC-USDT-20{dated[-6:]}"

    btc = ours.instruments.by_symbol["BTC-USDT-PERP"]
    for interval in ("1m", "1h", "1w", "1M"):
        rows = await soon(theirs.fetch_ohlcv(BTC, interval, since=START_MS, limit=5))
        mine = [await ours.candles(btc, interval, row[0], row[0] + 1) for row in rows]
        assert len(rows) == 5
        for row, [candle] in zip(rows, mine, strict=True):
            assert same_candle(row, candle)

    found = await soon(theirs.fetch_trades(BTC, limit=20))
    trades = {trade.trade_id: trade for trade in await ours.trades(btc, from_id=found[0]["id"])}
    for trade in found:
        assert same_trade(trade, trades[trade["id"]])

    async with asyncio.timeout(WAIT_S):
        while True:
            book, levels = await ours.depth(btc, 100), await soon(theirs.fetch_order_book(BTC, 100))
            if book.sequence == levels["nonce"]:
                break
    assert same_book(levels, book, 100)

    async with asyncio.timeout(WAIT_S):
        while True:
            ticker, day = await ours.ticker(btc), await soon(theirs.fetch_ticker(BTC))
            if same(day["last"], ticker.last_price) and same(day["baseVolume"], ticker.volume_24h):
                break
    assert same(day["high"], ticker.high_24h) and same(day["low"], ticker.low_24h)
    assert day["bid"] is ticker.bid_price is None


async def test_an_unknown_symbol_is_the_error_that_ccxt_knows(theirs: Any) -> None:
    await soon(theirs.load_markets())
    with pytest.raises(ccxt.BadSymbol):
        await soon(theirs.fapiPublicGetKlines({"symbol": "NOSUCH", "interval": "1m"}))


async def test_watched_trades_ticker_and_candles(theirs: Any, ours: Ours) -> None:
    """Trades of `@aggTrade`: ccxt's default is a stream in no document, whose ids REST does not serve without a key."""
    wants: list[Want] = [(stream, "BTC-USDT-PERP") for stream in ("trade", "ticker", "candle_1m")]
    async with ours.listening(*wants) as heard:
        seen: dict[str, Any] = {}
        await until(lambda: of(heard, Trade))
        while len(seen) < 3:
            new = await soon(theirs.watch_trades(BTC, params={"name": "aggTrade"}))
            seen |= {trade["id"]: trade for trade in new}
        mine = await until(lambda: found if seen.keys() <= (found := by_id(heard)).keys() else None)
        for trade_id, trade in seen.items():
            assert same_trade(trade, mine[trade_id])

        ticker = await soon(theirs.watch_ticker(BTC))
        [told, *_] = await until(
            lambda: [one for one in of(heard, Ticker) if (one.event_us or 0) // 1000 == ticker["timestamp"]]
        )
        for name, figure in (
            ("last", told.last_price), ("open", told.open_24h), ("high", told.high_24h), ("low", told.low_24h),
            ("baseVolume", told.volume_24h), ("quoteVolume", told.quote_volume_24h),
        ):  # fmt: skip
            assert same(ticker[name], figure), name
        await until(lambda: [one for one in of(heard, Ticker) if one.last_price and one.bid_price and one.ask_price])

        [*_, candle] = await soon(theirs.watch_ohlcv(BTC, "1m"))
        assert await until(lambda: [one for one in of(heard, Candle) if same_candle(candle, one)])
        assert not of(heard, Gap) and not of(heard, Rejected)


async def test_the_watched_book_is_the_same_at_the_same_update(theirs: Any, ours: Ours) -> None:
    async with ours.listening(("depth", "BTC-USDT-PERP")) as heard:
        await until(lambda: of(heard, Depth))
        compared = 0
        async with asyncio.timeout(WAIT_S):
            while compared < 3:
                book = await soon(theirs.watch_order_book(BTC))
                mine = books(heard).get(book["nonce"])
                if mine is None:
                    continue
                compared += 1
                for side, levels in zip((book["bids"], book["asks"]), best(mine), strict=True):
                    assert same_levels(side[:500], levels, 500)  # ours is the window, ccxt's all it knows
        assert not of(heard, Gap)


async def test_every_markets_ticker_comes_by_one_subscription(quiet: SandboxServer, ours: Ours) -> None:
    async with ours.listening(("ticker", "*")) as heard:
        names = ours.instruments.by_symbol.keys()
        complete = await until(
            lambda: found if len(found := {one.symbol for one in of(heard, Ticker) if whole(one)}) == 6 else None
        )
        assert complete == names


def whole(ticker: Ticker) -> bool:
    return None not in (ticker.last_price, ticker.last_quantity, ticker.bid_price, ticker.ask_price, ticker.volume_24h)


async def test_a_skipped_diff_is_a_gap_and_a_new_snapshot(quiet: SandboxServer, ours: Ours) -> None:
    async with ours.listening(("depth", "BTC-USDT-PERP")) as heard:
        await until(lambda: len(of(heard, Depth)) > 2)
        await asyncio.to_thread(quiet.fault, "skip", exchange=EXCHANGE, symbol="BTC-USDT", stream="depth", count=1)
        place = await until(lambda: next((n for n, one in enumerate(heard) if isinstance(one, Gap)), None))
        await until(lambda: len(heard) > place + 2)
        assert [one.type for one in heard[place + 1 : place + 3]] == ["snapshot", "delta"]  # type: ignore[union-attr]
