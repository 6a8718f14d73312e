"""The whole adapter in conversation with the sandbox, over real sockets and HTTP: what it reads is what is there."""

from typing import Any

import pytest

from exchanges.events import Candle, Depth, Gap, Status, Ticker, Trade
from exchanges.symbols import Instrument
from tests.exchanges.ours import Ours, of, until
from tests.sandbox_server import SandboxServer, StartSandbox

PAIRS, FUTURES = ("BTC-USD", "ETH-USD"), ("BTC-USD-PERP", "BTC-USD-20281229")


def kinds(heard: list[Any]) -> set[tuple[str, str]]:
    return {(event.stream, event.symbol) for event in heard}


@pytest.mark.parametrize(
    ("markets", "streams"),
    [
        (PAIRS, ("trade", "ticker")),
        (FUTURES, ("trade", "ticker")),
        ((*PAIRS, *FUTURES), ("depth", "depth_5", "candle_5m", "candle_1m")),
    ],
)
async def test_every_stream_speaks_without_a_gap(
    sandbox: SandboxServer, markets: tuple[str, ...], streams: tuple[str, ...]
) -> None:
    reader = await Ours.loaded("coinbase", sandbox)
    wants = [(stream, symbol) for stream in streams for symbol in markets]
    async with reader.listening(*wants) as heard:
        await until(lambda: kinds(heard) >= set(wants) and len(heard) > 100)
        assert not [event for event in heard if isinstance(event, Gap | Status)]
        for market in markets:
            ids = [int(trade.trade_id) for trade in of(heard, Trade) if trade.symbol == market]
            assert ids == list(range(ids[0], ids[0] + len(ids))) if ids else "trade" not in streams
        assert {type(event) for event in heard} <= {Trade, Ticker, Depth, Candle}


async def test_a_frame_that_is_missing_is_a_gap_of_every_book_and_a_new_snapshot(start_sandbox: StartSandbox) -> None:
    server = start_sandbox(seed=3, rate=100, symbols=2)
    reader = await Ours.loaded("coinbase", server)
    async with reader.listening(("depth", "BTC-USD"), ("depth", "ETH-USD")) as heard:
        await until(lambda: len(heard) > 10)
        server.fault("skip", exchange="coinbase", symbol="BTC-USDT", stream="depth", count=1)
        await until(lambda: {gap.symbol for gap in of(heard, Gap)} == {"BTC-USD", "ETH-USD"})
        for symbol in ("BTC-USD", "ETH-USD"):

            def after() -> list[Any]:
                mine = [event for event in heard if event.symbol == symbol]  # noqa: B023
                return mine[[isinstance(event, Gap) for event in mine].index(True) + 1 :]

            await until(lambda: len(after()) > 2)  # noqa: B023
            assert [event.type for event in after()[:3]] == ["snapshot", "delta", "delta"]


async def test_a_lost_match_is_a_gap(start_sandbox: StartSandbox) -> None:
    server = start_sandbox(seed=3, rate=50, symbols=1)
    reader = await Ours.loaded("coinbase", server)
    async with reader.listening(("trade", "BTC-USD")) as heard:
        await until(lambda: len(heard) > 3)
        server.fault("skip", exchange="coinbase", symbol="BTC-USDT", stream="trade", count=1)
        await until(lambda: of(heard, Gap))
        place = [isinstance(event, Gap) for event in heard].index(True)
        before = heard[place - 1]
        assert isinstance(before, Trade)
        again = await reader.trades(reader.instruments.by_symbol["BTC-USD"], str(int(before.trade_id) + 1))
        assert str(int(before.trade_id) + 1) in {trade.trade_id for trade in again}


@pytest.mark.parametrize("stream", ["trade", "ticker", "depth", "candle_5m", "candle_1h"])
async def test_a_market_that_is_not_listed_is_said_so(sandbox: SandboxServer, stream: str) -> None:
    reader = await Ours.loaded("coinbase", sandbox)
    nowhere = Instrument(symbol="NO-SUCH", venue_symbol="NO-SUCH", base="NO", quote="SUCH", kind="spot")
    reader.instruments.become([*reader.instruments.by_symbol.values(), nowhere])
    if stream == "candle_1h":
        request = reader.card.rest.candles_request(nowhere, "1h", 0, 1)
        with pytest.raises(AssertionError, match="NOT_FOUND"):
            await reader.fetch(request)
        return
    async with reader.listening((stream, "NO-SUCH"), (stream, "BTC-USD")) as heard:
        [told] = await until(lambda: of(heard, Status))
        assert (told.status, told.symbol, told.stream) == ("not_listed", "NO-SUCH", stream)
        await until(lambda: (stream, "BTC-USD") in kinds(heard))
