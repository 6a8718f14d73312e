"""Faults that last: `make test-faults` runs them, with the table of what each cost."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.faults.bench import EXCHANGES, SYMBOL, TOPICS, Bench, Outcome, running
from tests.faults.clock import COMPILER, wrong_clock
from tests.faults.idler import stop_reading
from tests.faults.measure import slowest_s
from tests.faults.report import Told
from tests.faults.table import Row
from tests.faults.workers import another_worker, carried_by
from tests.stores import open_folder

pytestmark = [
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc to find the processes of the platform"),
]

FAILOVER_S = 5.0
HALF_OPEN_S = 15.0
SILENT_S = 60.0  # of one topic, or of a connection that answers pings
OUTAGE_S = 60.0
STOPPED_S = 20.0
LONG_S = 200.0
SLOW_S = 2.0  # of an event to one client, whatever another does; the machine has other work
CROWD = 2000
PROCESSES = ("beat", "jobs", "slot", "postgres", "redis", "web", "streams", "sandbox")
Strike = Callable[[], Awaitable[object]]


async def judged(name: str, bench: Bench, told: Told, strike: Strike, within_s: float | None = None) -> Outcome:
    """One row for all exchanges; nothing lost, twice or wrong, and detected in time."""
    outcome = await bench.struck(strike, LONG_S)
    row = outcome.row(name)
    told(row)
    assert outcome.verdict.clean, "\n".join(outcome.verdict.all)
    in_time(row, within_s)
    return outcome


async def at_exchanges(
    name: str,
    bench: Bench,
    told: Told,
    strike: Callable[[str], Awaitable[object]],
    within_s: float | None = None,
    codes: tuple[str, ...] = EXCHANGES,
) -> None:
    """The fault at these exchanges at once; a row for each."""

    async def all_struck() -> None:
        for code in codes:
            await strike(code)

    try:
        outcome = await bench.struck(all_struck, LONG_S)
    finally:
        await bench.clear()
    rows = [outcome.row(f"{name}, {code}", code) for code in codes]
    for row in rows:
        told(row)
    assert outcome.verdict.clean, "\n".join(outcome.verdict.all)
    for row in rows:
        in_time(row, within_s)


def in_time(row: Row, within_s: float | None) -> None:
    if within_s is not None:
        assert row.detected_s is not None and row.detected_s <= within_s, row


async def until_new(bench: Bench, name: str, pid: int) -> int:
    """The next process of that name."""
    while bench.pid(name) == pid:
        await asyncio.sleep(0.02)
    return bench.pid(name)


@pytest.mark.parametrize("name", PROCESSES)
async def test_a_process_that_is_asked_to_end_costs_nothing(name: str, bench: Bench, told: Told) -> None:
    async def strike() -> None:
        await bench.send(name, signal.SIGTERM)
        if name == "postgres":  # it waits for its clients for as long as they like
            await asyncio.sleep(3)
            await bench.send(name, signal.SIGINT)

    await judged(f"SIGTERM {name}", bench, told, strike)


@pytest.mark.parametrize("time_", [1, 2, 3])
async def test_the_shards_of_a_killed_slot_are_held_again_in_time(time_: int, bench: Bench, told: Told) -> None:
    name = f"kill -9 slot, again ({time_})"
    await judged(name, bench, told, lambda: bench.send("slot", signal.SIGKILL), FAILOVER_S)


async def test_a_holder_that_was_suspended_writes_nothing_when_it_wakes(bench: Bench, told: Told) -> None:
    async def strike() -> None:
        pid = await bench.carrier()
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_S)
        finally:
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(10)  # it gets its share again

    await judged(f"SIGSTOP slot for {STOPPED_S:.0f} s", bench, told, strike, FAILOVER_S)


@pytest.mark.parametrize("name", ["redis", "postgres"])
async def test_a_store_that_hangs_stops_nothing_for_good(name: str, bench: Bench, told: Told) -> None:
    async def strike() -> None:
        pid = bench.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_S)
        finally:
            os.kill(pid, signal.SIGCONT)

    await judged(f"SIGSTOP {name} for {STOPPED_S:.0f} s", bench, told, strike)


@pytest.mark.parametrize("name", ["postgres", "redis"])
async def test_a_store_that_is_gone_for_a_minute_costs_nothing(name: str, bench: Bench, told: Told) -> None:
    async def strike() -> None:
        """Each new one is killed as soon as it is there."""
        ends_s, pid = time.monotonic() + OUTAGE_S, bench.pid(name)
        while time.monotonic() < ends_s:
            os.kill(pid, signal.SIGKILL)
            try:
                pid = await asyncio.wait_for(until_new(bench, name, pid), max(0.1, ends_s - time.monotonic()))
            except TimeoutError:
                return

    await judged(f"{name} gone for {OUTAGE_S:.0f} s", bench, told, strike)


async def test_a_connection_that_is_half_open_is_noticed_in_time(bench: Bench, told: Told) -> None:
    await at_exchanges(
        "half-open", bench, told, lambda code: bench.fault("silent", exchange=code, pings=False), HALF_OPEN_S
    )


async def test_a_connection_that_says_nothing_is_noticed(bench: Bench, told: Told) -> None:
    await at_exchanges("silent", bench, told, lambda code: bench.fault("silent", exchange=code), SILENT_S)


@pytest.mark.parametrize("stream", ["trade", "depth"])
async def test_one_stream_that_falls_silent_is_noticed(stream: str, bench: Bench, told: Told) -> None:
    given = {"symbol": SYMBOL, "stream": stream, "forgets": True}
    await at_exchanges(
        f"{stream} silent", bench, told, lambda code: bench.fault("silent", exchange=code, **given), SILENT_S
    )


@pytest.mark.parametrize(("status", "retry_s", "codes"), [(429, 5, EXCHANGES), (418, 15, ("binance",))])
async def test_a_ban_delays_the_repair_and_costs_nothing(
    status: int, retry_s: int, codes: tuple[str, ...], bench: Bench, told: Told
) -> None:
    async def strike(code: str) -> None:
        await bench.fault("status", exchange=code, status=status, retry_after_s=retry_s, seconds=retry_s)
        await bench.fault("disconnect", exchange=code)

    await at_exchanges(f"{status} for {retry_s} s and a disconnect", bench, told, strike, codes=codes)


async def test_a_minute_of_refused_connections_costs_nothing(bench: Bench, told: Told) -> None:
    async def strike(code: str) -> None:
        await bench.fault("refuse_connections", exchange=code, seconds=OUTAGE_S)
        await bench.fault("disconnect", exchange=code)

    await at_exchanges(f"refused for {OUTAGE_S:.0f} s", bench, told, strike)


async def test_a_client_that_stops_reading_is_ended_and_others_notice_nothing(bench: Bench, told: Told) -> None:
    symbols = [row["symbol"] for row in (await bench.get("/api/v1/symbols/?exchange=binance"))["results"]]
    ended: list[str] = []

    async def strike() -> None:
        ended.append(await stop_reading(bench.ws, [f"binance.depth_50.{symbol}" for symbol in symbols], 55))

    outcome = await judged("a client stops reading", bench, told, strike)
    others_s = slowest_s(bench.witness, outcome.struck_s)
    told(Row("  of the others", None, None, 0, 0, 0, f"the slowest event took {others_s:.2f} s"))
    assert others_s < SLOW_S
    assert ended[0] in ("1013", "gone"), ended
    assert outcome.row("").seen == "nothing"


async def test_two_thousand_clients_at_once_are_served_and_others_notice_nothing(bench: Bench, told: Told) -> None:
    said: list[str] = []

    async def strike() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.crowd", bench.ws, TOPICS[0], str(CROWD), "20",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        said.append(out.decode())

    outcome = await judged(f"{CROWD} clients in one second", bench, told, strike)
    found = json.loads(said[0])
    others_s, theirs_s = slowest_s(bench.witness, outcome.struck_s), found["slowest_first_event_s"]
    seen = f"the slowest had its first event after {theirs_s:.1f} s; the others' slowest took {others_s:.1f} s"
    told(Row("  of these", None, None, 0, 0, found["holes"], seen))
    assert (found["served"], found["holes"]) == (CROWD, 0), found
    assert outcome.row("").seen == "nothing"


@pytest.mark.skipif(not COMPILER, reason="needs a C compiler for a clock that is wrong")
@pytest.mark.parametrize("ahead_s", [10, -10])
async def test_a_worker_whose_clock_is_wrong_takes_over_and_is_taken_over(
    ahead_s: int, bench: Bench, told: Told, tmp_path: Path
) -> None:
    """It gets its share as any does, takes over what a killed one had, and is killed itself."""
    wrong = await asyncio.to_thread(wrong_clock, tmp_path, ahead_s)
    async with another_worker(bench, **wrong) as second:
        await carried_by(bench, second.pid, whole=False)
        name = f"a worker's clock {ahead_s:+d} s"
        await judged(f"{name}, kill -9 another", bench, told, lambda: bench.send("streams", signal.SIGKILL))

        async def strike() -> None:
            second.kill()

        await carried_by(bench, second.pid, whole=False)
        await judged(f"{name}, kill -9 it", bench, told, strike, FAILOVER_S)


@pytest.mark.parametrize("ahead_s", [10, -10])
async def test_an_exchange_whose_clock_is_wrong_is_read_and_repaired(ahead_s: int, told: Told) -> None:
    with open_folder() as folder:
        async with running(folder, ahead_s=ahead_s) as bench:
            for name, number in (("slot", signal.SIGKILL), ("web", signal.SIGKILL)):
                label = f"exchanges' clock {ahead_s:+d} s, kill -9 {name}"
                await judged(label, bench, told, lambda name=name, number=number: bench.send(name, number))
            await at_exchanges(
                f"exchanges' clock {ahead_s:+d} s, disconnect", bench, told,
                lambda code: bench.fault("disconnect", exchange=code),
            )  # fmt: skip
