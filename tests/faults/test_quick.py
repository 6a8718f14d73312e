"""Faults that pass in seconds, one after the other on one platform: none costs a trade or shows one twice."""

import asyncio
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bench import EXCHANGES, PATIENCE_S, SLOTS, SYMBOL, Bench
from tests.faults.report import Told
from tests.faults.workers import another_worker, carried_by, loops

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc to find the processes of the platform"),
]

DETECTED_S = 10.0  # other tests may have the cores; the long run asks for what is promised
PROCESSES = ("beat", "jobs", "slot", "postgres", "redis", "web", "streams", "sandbox")


@dataclass(frozen=True)
class AtExchange:
    """A fault of the sandbox, at each of these exchanges at once; `shows` is the word that a client must be told."""

    name: str
    fault: str
    given: dict[str, Any] = field(default_factory=dict)
    shows: str = "nothing"
    codes: tuple[str, ...] = EXCHANGES

    async def strike(self, bench: Bench) -> None:
        for code in self.codes:
            await bench.fault(self.fault, exchange=code, symbol=SYMBOL, **self.given)


NUMBERED = ("binance", "okx", "coinbase", "deribit")  # books with a sequence; a checksum tells of the best levels alone
AT_EXCHANGES = (
    AtExchange("disconnect", "disconnect", shows="gap:disconnect"),
    AtExchange("trade skipped", "skip", {"stream": "trade"}, "gap:sequence"),
    AtExchange("change of a book skipped", "skip", {"stream": "depth"}, "gap:sequence", NUMBERED),
    AtExchange("sequence repeated", "duplicate", {"count": 10}),
    AtExchange("trade cut short", "broken_frame", {"instead": True, "stream": "trade"}, "gap:sequence"),
    AtExchange(
        "change of a book cut short", "broken_frame", {"instead": True, "stream": "depth"}, "gap:sequence", NUMBERED,
    ),
    AtExchange(
        "change of a book cut short", "broken_frame", {"instead": True, "stream": "depth"}, "gap:checksum", ("kraken",)
    ),
    AtExchange("wrong checksum", "checksum", {"stream": "depth"}, "gap:checksum", ("kraken",)),
    # OKX proves its books by their sequence, and by a checksum only where there is none.
    AtExchange("wrong checksum", "checksum", {"stream": "depth", "count": 5}, codes=("okx",)),
)  # fmt: skip


async def test_no_quick_fault_costs_a_trade_or_shows_one_twice_or_a_wrong_book(bench: Bench, told: Told) -> None:
    failed: list[str] = []
    for fault in AT_EXCHANGES:
        failed += await at_exchanges(fault, bench, told)
    for name in PROCESSES:
        failed += await killed(name, bench, told)
    failed += await restarted_in_turn(bench, told)
    assert not failed, "\n".join(failed)


async def at_exchanges(fault: AtExchange, bench: Bench, told: Told) -> list[str]:
    outcome = await bench.struck(lambda: fault.strike(bench))
    failed = outcome.verdict.all
    for code in fault.codes:
        row = outcome.row(f"{fault.name}, {code}", code)
        told(row)
        if fault.shows not in row.seen:
            failed.append(f"{row.fault}: a client was told {row.seen}, not {fault.shows}")
    return [f"{fault.name}: {line}" for line in failed]


async def killed(name: str, bench: Bench, told: Told) -> list[str]:
    outcome = await bench.struck(lambda: bench.send(name, signal.SIGKILL))
    row = outcome.row(f"kill -9 {name}")
    told(row)
    late = row.detected_s is not None and row.detected_s > DETECTED_S
    failed = outcome.verdict.all + ([f"detected after {row.detected_s:.1f} s"] if late else [])
    return [f"kill -9 {name}: {line}" for line in failed]


async def restarted_in_turn(bench: Bench, told: Told) -> list[str]:
    """Two streams workers beside each other, each asked to stop and started anew: nobody sees anything of it."""

    async def strike() -> None:
        first = bench.pid("streams")
        async with another_worker(bench) as second:
            await bench.send("streams", signal.SIGTERM)
            await carried_by(bench, second.pid, whole=True)
            await loops(bench, 2 * SLOTS)  # the supervisor has started the first anew
            await carried_by(bench, bench.pid("streams"), whole=False)
            second.terminate()
            code = await asyncio.to_thread(second.wait, PATIENCE_S)
            assert (code, bench.pid("streams") != first) == (0, True)

    outcome = await bench.struck(strike)
    row = outcome.row("streams workers restarted in turn")
    told(row)
    seen = [] if row.seen == "nothing" else [f"a client was told {row.seen}"]
    return [f"{row.fault}: {line}" for line in outcome.verdict.all + seen]
