"""Repairs of trades: what is said where one fails, comes late, or is overtaken by another gap."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from channels.layers import get_channel_layer

from exchanges.contract import Request
from exchanges.errors import Unreachable
from exchanges.events import Trade
from exchanges.symbols import Instrument, Instruments
from streams import repair
from streams.connection import redis
from streams.history import Kept
from streams.lease import Lease
from streams.lost_trades import ById
from streams.numbering import Numbering
from streams.publishers.redis import Publisher
from streams.recall import Recall
from streams.repair import Repairs

NOW_NS = time.time_ns()
BTC = Instrument(symbol="BTC-USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="spot", status="trading")
MARKETS = Instruments([BTC])


def trade(number: int) -> Trade:
    return Trade(
        symbol="BTC-USDT", venue_symbol="BTCUSDT", received_ns=NOW_NS, event_us=NOW_NS // 1000, trade_id=str(number),
        price="1", quantity="1", side="buy", trade_us=number,
    )  # fmt: skip


class Exchange:
    """An exchange's answers, each given once it is released."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.lacks: set[int] = set()
        self.open = asyncio.Event()
        self.error: Exception | None = None
        self.code, self.limits, self.rest = "binance", (), self
        self.numbers_trades = lambda instrument: True
        self.trades_request = lambda instrument, from_id, from_us: Request.get("/trades", from_id=from_id)
        self.read_trades = lambda body, instrument, received_ns: body

    async def fetch(self, request: Request) -> list[Trade]:
        await self.open.wait()
        if self.error:
            raise self.error
        first = int(request.query["from_id"])
        return [trade(number) for number in range(first, self.newest + 1) if number not in self.lacks]


class Said:
    """A line, and what was said of it, in order."""

    def __init__(self) -> None:
        self._publisher = Publisher(redis(), get_channel_layer(), 1000, 2**20, lambda: None, lambda lease: None)
        lease = Lease("lease:binance:0-0", "1:one")
        self.numbering = Numbering("binance", lease, MARKETS, self._publisher, "", lambda *_: None)
        kept = Kept(time_us=NOW_NS // 1000, trade_id="100")
        self.line = self.numbering.open(("trade", "BTC-USDT"), kept, NOW_NS)

    @property
    def events(self) -> list[Any]:
        waiting = self._publisher._batches
        return [_short(json.loads(event)) for batch in waiting for event in batch.events]

    async def until(self, found: Callable[[Any], bool]) -> None:
        async with asyncio.timeout(5):
            while not any(map(found, self.events)):
                await asyncio.sleep(0)


def _short(event: dict[str, Any]) -> tuple[Any, ...]:
    match event["event"]:
        case "trade":
            return event["source"], int(event["trade_id"]) if event["trade_id"].isdigit() else event["trade_id"]
        case "gap":
            return "gap", event["repair"]
    return event["event"], event["count"], event["complete"]


@pytest.fixture
async def said() -> Said:
    return Said()


def repairs(exchange: Exchange, said: Said) -> Repairs:
    found = Repairs(exchange, MARKETS, said.numbering, Recall(exchange, exchange, redis(), 600))
    found.lost(said.line, "sequence", NOW_NS)
    return found


def live(found: Repairs, said: Said, number: int) -> None:
    if not found.take(trade(number)):
        said.numbering.take(trade(number))


def is_repaired(event: Any) -> bool:
    return event[0] == "repaired"


@pytest.mark.parametrize("error", [Unreachable("away"), ValueError("ours")])
async def test_live_trades_do_not_wait_for_a_repair_that_failed(said: Said, error: Exception) -> None:
    exchange = Exchange(103)
    exchange.error = error
    exchange.open.set()
    found = repairs(exchange, said)
    live(found, said, 103)
    await said.until(lambda event: event == ("live", 103))
    assert said.events == [("gap", "pending"), ("repaired", 0, False), ("live", 103)]
    live(found, said, 104)
    assert said.events[-1] == ("live", 104)


async def test_what_was_said_live_while_a_repair_took_long_is_not_said_again(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "WAIT_S", 0)
    exchange = Exchange(104)
    found = repairs(exchange, said)
    found.tick(ById.quiet_s + 1)  # no live trade yet: the repair begins by itself
    async with asyncio.timeout(5):
        while not found._wounds["trade", "BTC-USDT"].released:
            await asyncio.sleep(0)
    live(found, said, 103)
    live(found, said, 104)
    exchange.open.set()
    await said.until(is_repaired)
    told = [event for event in said.events if event[0] in ("live", "backfill")]
    assert told == [("live", 103), ("live", 104), ("backfill", 101), ("backfill", 102)]
    assert said.line.trade_id == "104"


async def test_a_gap_among_trades_that_wait_is_covered_by_the_same_repair(said: Said) -> None:
    exchange = Exchange(105)
    found = repairs(exchange, said)
    live(found, said, 102)
    found.lost(said.line, "sequence", NOW_NS)  # 103 is missing too
    live(found, said, 104)
    exchange.open.set()
    await said.until(lambda event: event == ("live", 104))
    told = [event[1] for event in said.events if event[0] in ("live", "backfill")]
    assert told == [101, 102, 103, 104]
    assert [event for event in said.events if is_repaired(event)] == [("repaired", 3, True)]


async def test_a_gap_after_trades_that_could_not_wait_is_repaired_by_itself(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "WAIT_S", 0)
    exchange = Exchange(105)
    found = repairs(exchange, said)
    live(found, said, 102)
    await said.until(lambda event: event == ("live", 102))
    found.lost(said.line, "sequence", NOW_NS)
    exchange.open.set()
    live(found, said, 104)
    await said.until(lambda _: sum(map(is_repaired, said.events)) == 2)
    told = [event for event in said.events if event[0] in ("live", "backfill")]
    assert told[:2] == [("live", 102), ("live", 104)]
    assert sorted(told[2:]) == [("backfill", 101), ("backfill", 103)]  # each repair waits for its own turn
    assert said.events.count(("repaired", 1, True)) == 2 and said.line.trade_id == "104"


@pytest.mark.parametrize(
    ("newest", "lacks", "told"),
    [(102, set(), [101, 102]), (105, {101}, [102, 103, 104]), (105, {102}, [101, 103, 104])],
)
async def test_a_repair_with_a_hole_left_says_that_it_is_incomplete(
    said: Said, newest: int, lacks: set[int], told: list[int]
) -> None:
    exchange = Exchange(newest)
    exchange.lacks = lacks
    exchange.open.set()
    live(repairs(exchange, said), said, 105)
    await said.until(lambda event: event == ("live", 105))
    assert said.events == [
        ("gap", "pending"), *[("backfill", number) for number in told], ("repaired", len(told), False), ("live", 105)
    ]  # fmt: skip


async def test_what_an_exchange_counts_beside_its_ids_is_repaired_by_the_count(said: Said) -> None:
    def counted(number: int) -> Trade:
        return msgspec.structs.replace(trade(number), trade_id=f"ETH-{1000 - number}", number=number)

    exchange = Exchange(103)
    exchange.read_trades = lambda body, instrument, received_ns: [counted(int(one.trade_id)) for one in body]
    exchange.open.set()
    found = repairs(exchange, said)
    assert found.take(counted(103))
    await said.until(lambda event: event[0] == "live")
    assert [event[1] for event in said.events if event[0] in ("live", "backfill")] == ["ETH-899", "ETH-898", "ETH-897"]
    assert ("repaired", 2, True) in said.events and said.line.trade_id == "103"


async def test_a_symbol_that_nobody_wants_any_more_is_not_repaired(said: Said) -> None:
    found = repairs(Exchange(103), said)
    live(found, said, 103)
    found.keep(())
    live(found, said, 104)
    assert said.events == [("gap", "pending"), ("live", 104)]
