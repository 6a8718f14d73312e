"""What the unmodified ccxt reads from the sandbox is what our adapter reads, number by number."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from decimal import Decimal
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.contract import Want
from exchanges.events import Candle, Depth, Gap, Rejected, Ticker, Trade
from tests.exchanges.ours import Ours, until
from tests.sandbox_server import SandboxServer, StartSandbox

EXCHANGE, BTC, DATED = "binance_futures", "BTC/USDT:USDT", "BTC/USDT:USDT-"
START_MS = 1_735_689_600_000
WAIT_S = 15


def pointed(client: Any, server: SandboxServer) -> Any:
    """The client with its REST and stream addresses at the sandbox."""
    for name, path in (("fapiPublic", "/fapi/v1"), ("fapiPublicV2", "/fapi/v2"), ("fapiPublicV3", "/fapi/v3")):
        client.urls["api"][name] = server.at(EXCHANGE) + path
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["linear"] = f"{server.ws(EXCHANGE)}/ws"
    return client


@pytest.fixture
def server(start_sandbox: StartSandbox) -> SandboxServer:
    return start_sandbox(seed=5, rate=8, symbols=2)


@pytest.fixture
async def theirs(server: SandboxServer) -> AsyncIterator[Any]:
    client = pointed(ccxt.pro.binanceusdm(), server)
    yield client
    await client.close()


@pytest.fixture
async def ours(server: SandboxServer) -> Ours:
    ours = Ours(EXCHANGE, server)
    await ours.load()
    return ours


async def soon(awaitable: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(awaitable, WAIT_S)


def same(theirs: Any, ours: str | None) -> bool:
    """A number as ccxt read it, through a float of its own, and as we did."""
    return theirs is ours is None or (theirs is not None and ours is not None and exact(theirs) == exact(float(ours)))


def exact(number: Any) -> Decimal:
    return Decimal(repr(number))


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
        for (open_ms, *figures), [candle] in zip(rows, mine, strict=True):
            assert candle.open_ms == open_ms
            assert all(map(same, figures, (candle.open, candle.high, candle.low, candle.close, candle.volume)))

    found = await soon(theirs.fetch_trades(BTC, limit=20))
    trades = {trade.trade_id: trade for trade in await ours.trades(btc, from_id=found[0]["id"])}
    for trade in found:
        one = trades[trade["id"]]
        assert (trade["side"], trade["timestamp"]) == (one.side, one.trade_us // 1000)
        assert same(trade["price"], one.price) and same(trade["amount"], one.quantity)

    async with asyncio.timeout(WAIT_S):
        while True:
            book, levels = await ours.depth(btc, 100), await soon(theirs.fetch_order_book(BTC, 100))
            if book.sequence == levels["nonce"]:
                break
    for side, mine in ((levels["bids"], book.bids), (levels["asks"], book.asks)):
        assert len(side) == len(mine) == 100
        assert all(same(a[0], b[0]) and same(a[1], b[1]) for a, b in zip(side, mine, strict=True))

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
            assert same(trade["price"], mine[trade_id].price) and same(trade["amount"], mine[trade_id].quantity)
            assert (trade["side"], trade["timestamp"]) == (mine[trade_id].side, mine[trade_id].trade_us // 1000)

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
        assert await until(
            lambda: [
                one
                for one in of(heard, Candle)
                if one.open_ms == candle[0]
                and all(map(same, candle[1:], (one.open, one.high, one.low, one.close, one.volume)))
            ]
        )
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
                for side, levels, sign in ((book["bids"], mine[0], -1), (book["asks"], mine[1], 1)):
                    best = sorted(levels, key=lambda price: sign * Decimal(price))  # noqa: B023
                    assert len(best) == 500  # ours is the window, ccxt's all it knows
                    assert all(
                        same(price, own) and same(quantity, levels[own])
                        for (price, quantity, *_), own in zip(side, best, strict=False)
                    )
        assert not of(heard, Gap)


async def test_every_markets_ticker_comes_by_one_subscription(server: SandboxServer, ours: Ours) -> None:
    async with ours.listening(("ticker", "*")) as heard:
        names = ours.instruments.by_symbol.keys()
        complete = await until(
            lambda: found if len(found := {one.symbol for one in of(heard, Ticker) if whole(one)}) == 6 else None
        )
        assert complete == names


def whole(ticker: Ticker) -> bool:
    return None not in (ticker.last_price, ticker.last_quantity, ticker.bid_price, ticker.ask_price, ticker.volume_24h)


async def test_a_skipped_diff_is_a_gap_and_a_new_snapshot(server: SandboxServer, ours: Ours) -> None:
    async with ours.listening(("depth", "BTC-USDT-PERP")) as heard:
        await until(lambda: len(of(heard, Depth)) > 2)
        await asyncio.to_thread(server.fault, "skip", exchange=EXCHANGE, symbol="BTC-USDT", stream="depth", count=1)
        place = await until(lambda: next((n for n, one in enumerate(heard) if isinstance(one, Gap)), None))
        await until(lambda: len(heard) > place + 2)
        assert [one.type for one in heard[place + 1 : place + 3]] == ["snapshot", "delta"]  # type: ignore[union-attr]


def of(heard: list[Any], kind: type) -> list[Any]:
    return [event for event in heard if isinstance(event, kind)]


def by_id(heard: list[Any]) -> dict[str, Trade]:
    return {event.trade_id: event for event in of(heard, Trade)}


def books(heard: list[Any]) -> dict[int | None, tuple[dict[str, str], dict[str, str]]]:
    """The book after each of our depth events, by the exchange's own number."""
    found: dict[int | None, Any] = {}
    bids: dict[str, str] = {}
    asks: dict[str, str] = {}
    for event in of(heard, Depth):
        for side, levels in ((bids, event.bids), (asks, event.asks)):
            if event.type == "snapshot":
                side.clear()
            side.update(levels)
            for price in [price for price, quantity in levels if quantity == "0"]:
                side.pop(price, None)
        found[event.sequence] = dict(bids), dict(asks)
    return found
