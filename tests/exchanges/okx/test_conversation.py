"""The adapter and the sandbox on real sockets: a break is a gap and a new book, a refusal is a status."""

import asyncio
from decimal import Decimal
from typing import Any

from exchanges.events import Depth, Gap, Status, Ticker, Trade
from exchanges.symbols import Instrument
from tests.exchanges.ours import Ours, of, until
from tests.sandbox_server import SandboxServer, StartSandbox


async def loaded(server: SandboxServer) -> Ours:
    return await Ours.loaded("okx", server)


async def test_a_skipped_update_is_a_gap_and_a_new_snapshot(start_sandbox: StartSandbox):
    server = start_sandbox(seed=3, rate=100, symbols=1)
    ours = await loaded(server)
    async with ours.listening(("depth", "BTC-USD-PERP_BTC"), ("depth_5", "BTC-USD-PERP_BTC")) as heard:
        await until(lambda: len(of(heard, Depth)) > 5)
        await asyncio.to_thread(server.fault, "skip", exchange="okx", symbol="BTC-USDT", stream="depth", count=1)
        await until(lambda: len(of(heard, Gap)) == 2)
        place = next(index for index, event in enumerate(heard) if isinstance(event, Gap))
        after = await until(lambda: full if len(full := of_depth(heard[place:])) > 2 else None)
    assert {gap.stream for gap in of(heard, Gap)} == {"depth", "depth_5"}
    assert [event.type for event in after[:3]] == ["snapshot", "delta", "delta"]
    assert not any(crossed(event) for event in of(heard, Depth) if event.type == "snapshot")


def of_depth(heard: list[Any]) -> list[Depth]:
    return [event for event in of(heard, Depth) if event.stream == "depth"]


def crossed(event: Depth) -> bool:
    return bool(event.bids and event.asks) and Decimal(event.bids[0][0]) >= Decimal(event.asks[0][0])


async def test_a_market_that_is_not_listed_says_so_and_the_others_flow(sandbox: SandboxServer):
    ours = await loaded(sandbox)
    nowhere = Instrument(symbol="NO-SUCH", venue_symbol="NO-SUCH", base="NO", quote="SUCH", kind="spot")
    ours.instruments.become([*ours.instruments.by_symbol.values(), nowhere])
    async with ours.listening(("ticker", "NO-SUCH"), ("ticker", "BTC-USDT"), ("ticker", "ETH-USDT")) as heard:
        [status] = await until(lambda: of(heard, Status))
        await until(lambda: of(heard, Ticker))
    assert (status.symbol, status.stream, status.status) == ("NO-SUCH", "ticker", "not_listed")


async def test_a_skipped_match_is_a_gap_and_rest_has_what_is_missing(start_sandbox: StartSandbox):
    server = start_sandbox(seed=3, rate=100, symbols=1)
    ours = await loaded(server)
    async with ours.listening(("trade", "BTC-USDT-PERP")) as heard:
        await until(lambda: len(of(heard, Trade)) > 5)
        await asyncio.to_thread(server.fault, "skip", exchange="okx", symbol="BTC-USDT", stream="trade", count=2)
        await until(lambda: isinstance(heard[-1], Trade) and of(heard, Gap))
        place = next(index for index, event in enumerate(heard) if isinstance(event, Gap))
    before, after = int(heard[place - 1].trade_id), int(heard[place + 1].trade_id)
    assert after > before + 1
    market = ours.instruments.by_symbol["BTC-USDT-PERP"]
    missing = [int(trade.trade_id) for trade in await ours.trades(market, str(before + 1))]
    assert missing[: after - before - 1] == list(range(before + 1, after))
