"""What the unmodified ccxt reads from the sandbox is what our adapter reads, number by number.

Where ccxt's reading is another one, the test names the page that proves it.
"""

import asyncio
from decimal import Decimal
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from exchanges.events import Candle, Depth, Ticker, Trade
from tests.exchanges.ours import Ours, books, by_id, of, until
from tests.exchanges.theirs import WAIT_S, Kept, exact, same, same_book, same_candle, same_candles, same_trade, soon
from tests.sandbox_server import SandboxServer, StartSandbox

START_MS = 1_735_689_600_000
SPOT, LINEAR, INVERSE = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"
OURS = {SPOT: "BTC-USDT", LINEAR: "BTC-USDT-PERP", INVERSE: "BTC-USD-PERP_BTC"}
KINDS = {"spot": "spot", "swap": "perpetual", "future": "future", "option": "option"}


def pointed(client: Any, server: SandboxServer) -> Any:
    """The client with its REST and stream addresses at the sandbox."""
    client.urls["api"]["rest"] = server.at("okx")
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"] = f"{server.ws('okx')}/ws/v5"
    return client


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> SandboxServer:
    """One of the test's own: what the tests before asked for counts against its limits otherwise."""
    return start_sandbox(seed=7, rate=400, symbols=20)


@pytest.fixture
def quiet(start_sandbox: StartSandbox) -> SandboxServer:
    """Of the test's own for the same reason, with few changes a second."""
    return start_sandbox(seed=5, rate=8, symbols=2)


@pytest.fixture
def rest(sandbox: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.async_support.okx(), sandbox))


@pytest.fixture
def streams(quiet: SandboxServer, kept: Kept) -> Any:
    return kept(pointed(ccxt.pro.okx(), quiet))


async def loaded(server: SandboxServer) -> Ours:
    return await Ours.loaded("okx", server)


async def test_markets_of_every_kind(rest: Any, sandbox: SandboxServer):
    ours, markets = await loaded(sandbox), await soon(rest.load_markets())
    listed = ours.instruments.by_venue_symbol
    assert {market["id"] for market in markets.values()} == listed.keys()
    assert {market["type"] for market in markets.values()} == KINDS.keys()
    for market in markets.values():
        one = listed[market["id"]]
        assert (market["base"], market["quote"], KINDS[market["type"]]) == (one.base, one.quote, one.kind)
        assert (market["active"], market["settle"]) == (one.status == "trading", one.settle)
        assert same(market["precision"]["price"], one.price_increment)
        assert market["expiry"] == (one.expiry_us // 1000 if one.expiry_us else None)
        assert (market["optionType"], same(market["strike"], one.strike)) == (one.option_type, True)
        if one.kind in ("perpetual", "future"):
            assert same(market["contractSize"], one.contract_size)


async def test_the_size_of_an_options_contract_is_a_product(rest: Any, sandbox: SandboxServer):
    """ccxt takes `ctVal` alone; the face value is `ctVal` times `ctMult`:
    https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments"""
    ours = await loaded(sandbox)
    markets = await soon(rest.load_markets())
    options = [market for market in markets.values() if market["option"] and market["base"] == "BTC"]
    assert len(options) == 4
    for market in options:
        told = Decimal(market["info"]["ctVal"]) * Decimal(market["info"]["ctMult"])
        assert Decimal(ours.instruments.by_venue_symbol[market["id"]].contract_size or 0) == told
        assert exact(market["contractSize"]) == 1 != told


@pytest.mark.parametrize("symbol", OURS)
async def test_candles(rest: Any, sandbox: SandboxServer, symbol: str):
    ours = await loaded(sandbox)
    for interval, length_ms in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)):
        mine = await ours.candles(
            ours.instruments.by_symbol[OURS[symbol]], interval, START_MS, START_MS + 10 * length_ms
        )
        theirs = await soon(rest.fetch_ohlcv(symbol, interval, since=START_MS, limit=10))
        assert same_candles(theirs, mine, 10)


@pytest.mark.parametrize("symbol", OURS)
async def test_trades(rest: Any, sandbox: SandboxServer, symbol: str):
    """ccxt leaves quantities in contracts: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades"""
    ours = await loaded(sandbox)
    theirs = await soon(rest.fetch_trades(symbol, limit=20))
    found = await ours.trades(ours.instruments.by_symbol[OURS[symbol]], from_id=theirs[0]["id"])
    mine = {trade.trade_id: trade for trade in found}
    assert len(theirs) == 20
    for trade in theirs:
        one = mine[trade["id"]]
        assert same_trade(trade, one) and (one.venue_quantity is None) == (symbol == SPOT)


async def test_the_book_of_one_moment(streams: Any, quiet: SandboxServer):
    ours = await loaded(quiet)
    btc = ours.instruments.by_symbol["BTC-USDT"]
    async with asyncio.timeout(WAIT_S):
        while True:
            before = await ours.depth(btc, 100)
            theirs = await soon(streams.fetch_order_book(SPOT, 100))
            if before.sequence == (await ours.depth(btc, 100)).sequence:
                break
    assert same_book(theirs, before, 100)


@pytest.mark.parametrize("symbol", [SPOT, INVERSE])
async def test_the_ticker_of_one_moment(streams: Any, quiet: SandboxServer, symbol: str):
    """Of derivatives ccxt tells the volume in contracts: `vol24h`, where `volCcy24h` is the base volume:
    https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-ticker"""
    ours = await loaded(quiet)
    async with ours.listening(("ticker", OURS[symbol])) as heard:
        theirs = await soon(streams.watch_ticker(symbol))

        def told() -> Ticker | None:
            return next((one for one in of(heard, Ticker) if one.event_us == theirs["timestamp"] * 1000), None)

        async with asyncio.timeout(WAIT_S):
            while (mine := told()) is None:
                theirs = await soon(streams.watch_ticker(symbol))
    for name, field in (("last", "last_price"), ("bid", "bid_price"), ("ask", "ask_price"), ("open", "open_24h"),
                        ("high", "high_24h"), ("low", "low_24h")):  # fmt: skip
        assert same(theirs[name], getattr(mine, field)), name
    if symbol == SPOT:
        assert same(theirs["baseVolume"], mine.volume_24h) and same(theirs["quoteVolume"], mine.quote_volume_24h)
        assert same(theirs["bidVolume"], mine.bid_quantity)
    else:
        assert same(float(theirs["info"]["volCcy24h"]), mine.volume_24h)
        assert not same(theirs["baseVolume"], mine.volume_24h)


async def test_watched_trades(streams: Any, quiet: SandboxServer):
    """ccxt watches merged matches; each carries the id of its last one and the sum of their quantities."""
    ours = await loaded(quiet)
    async with ours.listening(("trade", "BTC-USDT")) as heard:
        await until(lambda: of(heard, Trade))
        seen: dict[str, Any] = {}
        while len(seen) < 6:
            seen |= {trade["id"]: trade for trade in await soon(streams.watch_trades(SPOT))}
        mine = await until(lambda: by_number(heard) if max(map(int, seen)) in by_number(heard) else None)
    first, compared = min(mine), 0
    for trade_id, trade in seen.items():
        ids = range(int(trade_id) - int(trade["info"]["count"]) + 1, int(trade_id) + 1)
        if ids[0] < first:
            continue
        compared += 1
        assert exact(trade["amount"]) == sum(Decimal(mine[one].quantity) for one in ids)
        assert {(mine[one].side, mine[one].trade_us) for one in ids} >= {(trade["side"], trade["timestamp"] * 1000)}
        assert all(same(trade["price"], mine[one].price) for one in ids)
    assert compared >= 4


async def test_the_watched_book_at_the_same_number(streams: Any, quiet: SandboxServer):
    ours, compared = await loaded(quiet), 0
    async with ours.listening(("depth", "BTC-USDT")) as heard:
        while compared < 3:
            book = await soon(streams.watch_order_book(SPOT))
            at = [(book["nonce"], [list(map(exact, level[:2])) for level in book[side]]) for side in ("bids", "asks")]
            mine = await until(lambda: books(heard) if (newest(heard) or 0) >= book["nonce"] else None)  # noqa: B023
            if book["nonce"] not in mine:
                continue
            compared += 1
            for (_, theirs), levels in zip(at, mine[book["nonce"]], strict=True):
                assert {(price, quantity) for price, quantity in theirs} == {
                    (exact(float(price)), exact(float(quantity))) for price, quantity in levels.items()
                }


async def test_watched_candles(streams: Any, quiet: SandboxServer):
    ours = await loaded(quiet)
    async with ours.listening(("candle_1s", "BTC-USDT-PERP")) as heard:
        pushed: dict[int, list[Any]] = {}
        while len(pushed) < 5:  # the first was joined in its midst, and the last may still be running
            pushed |= {candle[0]: candle[1:] for candle in await soon(streams.watch_ohlcv(LINEAR, "1s"))}
        theirs = {open_ms: pushed[open_ms] for open_ms in sorted(pushed)[1:-1]}
        mine = await until(lambda: closed(heard) if theirs.keys() <= closed(heard).keys() else None)
    assert len(theirs) >= 3
    for open_ms, figures in theirs.items():
        assert same_candle([open_ms, *figures], mine[open_ms])


async def test_the_errors_are_those_that_ccxt_knows(rest: Any, sandbox: SandboxServer):
    await soon(rest.load_markets())
    with pytest.raises(ccxt.BadSymbol):
        await soon(rest.public_get_market_ticker({"instId": "NO-SUCH"}))
    await asyncio.to_thread(sandbox.fault, "status", exchange="okx", status=429, path="/api/v5/public/time")
    with pytest.raises(ccxt.RateLimitExceeded):
        await soon(rest.fetch_time())


def by_number(heard: list[Any]) -> dict[int, Trade]:
    return {int(trade_id): trade for trade_id, trade in by_id(heard).items()}


def closed(heard: list[Any]) -> dict[int, Candle]:
    return {candle.open_ms: candle for candle in of(heard, Candle) if candle.closed}


def newest(heard: list[Any]) -> int | None:
    return next((event.sequence for event in reversed(of(heard, Depth))), None)
