"""An hour of faults: all sources on the sandbox, many clients, one fault a minute, and what the clients make of it.

    python -m bench.storm --minutes 60 --clients 50 --picture docs/storm.svg
    python -m bench.storm --minutes 10 --seed 7

Starts a platform of its own. The first client listens to everything, the others to 40 topics each; all connect again
and resume by themselves. Printed are each fault, what was lost or came twice, holes, wrong books, epochs that no gap
explains, and what each kind of process had in memory each minute; `--picture` draws that. Exit code 1 where anything
was wrong. Loopback only; it ends by itself.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.picture import drawing
from bench.processes import uses
from bench.resident import Resident
from bench.soak import topics
from bench.table import show
from config.record import Record
from exchanges.registry import cards
from tests.config.test_up import Up
from tests.sandbox_server import SandboxServer
from tests.stores import open_folder

RATE = 125  # of the sandbox: about 2,000 events a second over all sources
TOPICS_EACH = 40
LISTED_S = 180.0
SETTLING_S = 30.0
EVERY_S = 60.0
CALM_S = 90.0  # at the end, without faults, so that every repair has its time
SAMPLE_S = 10.0
SOURCES = ("binance", "binance_futures", "coinbase", "kraken", "okx", "deribit", "hyperliquid", "alpaca")
TEN = (*SOURCES, "alphavantage", "coingecko")

Fault = tuple[str, Callable[[], Awaitable[Any]]]


class Platform:
    """A running `up` on the sandbox with all its sources."""

    def __init__(self, folder: Path, rate: int) -> None:
        keys = {name: "bench" for card in cards().values() for name in card.key_names}
        options = {"STREAM_SLOTS": "2", "SANDBOX_RATE": str(rate), "EXCHANGES": ",".join(TEN), "LOG_LEVEL": "ERROR"}
        self.up = Up(folder, "--venues", "sandbox", **options, **keys)
        self.url = self.up.line(r"^ready: (http://127\.0\.0\.1:\d+)$")[1]
        self._record = Record(folder / "processes.json")
        self._sandbox = SandboxServer.of_up(folder)

    def topics(self) -> list[str]:
        """Of every source, once all have said which markets they have."""
        until_s = time.monotonic() + LISTED_S
        while time.monotonic() < until_s:
            found = topics(self.url, ())
            if {topic.partition(".")[0] for topic in found} >= set(TEN):
                return found
            time.sleep(1)
        raise SystemExit("not every source has told its markets")

    async def signal(self, name: str, number: signal.Signals) -> None:
        """To a process by its name in `up`; `slot` is one of the hold loops."""
        main = self._record.read()["streams" if name == "slot" else name][0]
        os.kill(_child(main) if name == "slot" else main, number)

    async def fault(self, fault: str, **given: Any) -> None:
        """Of the sandbox."""
        await asyncio.to_thread(self._sandbox.fault, fault, **given)


def _child(pid: int) -> int:
    """The first of a process's own."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def faults(platform: Platform, dice: random.Random) -> list[Fault]:
    """One of each kind; the dice choose at which source."""
    of_source = [
        ("disconnect", {}),
        ("silent", {"seconds": 25}),
        ("skip", {"stream": "trade", "count": 3}),
        ("skip", {"stream": "depth", "count": 3}),
        ("duplicate", {"count": 20}),
        ("broken_frame", {"count": 5}),
        ("broken_frame", {"count": 3, "instead": True}),
        ("status", {"status": 429, "retry_after_s": 5, "seconds": 10}),
        ("refuse_connections", {"seconds": 20}),
        ("shutdown", {"delay_s": 20}),
    ]
    found: list[Fault] = [
        (f"{source}: {fault} {given or ''}".strip(), partial(platform.fault, fault, exchange=source, **given))
        for (fault, given), source in zip(of_source, dice.choices(SOURCES, k=len(of_source)), strict=True)
    ]
    for name in ("slot", "streams", "web", "redis", "postgres", "jobs", "beat"):
        found.append((f"kill -9 {name}", partial(platform.signal, name, signal.SIGKILL)))
    for name in ("streams", "web", "jobs"):
        found.append((f"SIGTERM {name}", partial(platform.signal, name, signal.SIGTERM)))
    return found


async def storm(platform: Platform, minutes: float, clients: int, dice: random.Random) -> tuple[int, dict[str, Any]]:
    wanted = await asyncio.to_thread(platform.topics)
    address = f"ws://{urlsplit(platform.url).netloc}/stream/"
    shares = [wanted, *(dice.sample(wanted, TOPICS_EACH) for _ in range(clients - 1))]
    residents = [Resident(address, share) for share in shares]
    print(f"{clients} clients, the first on {len(wanted)} topics, for {minutes:g} minutes", flush=True)
    running = asyncio.gather(*(each.run(minutes * 60) for each in residents))
    samples: dict[str, list[Any]] = {"at_min": [], "mb": [], "faults_min": []}
    began_s = time.monotonic()
    struck_s = began_s + SETTLING_S
    kinds: list[Fault] = []
    while not running.done():
        await asyncio.wait([running], timeout=SAMPLE_S)
        now_s = time.monotonic()
        samples["at_min"].append((now_s - began_s) / 60)
        samples["mb"].append(_memory(platform.up.process.pid))
        if now_s - struck_s < EVERY_S or now_s - began_s > minutes * 60 - CALM_S:
            continue
        struck_s = now_s
        if not kinds:
            kinds = faults(platform, dice)
            dice.shuffle(kinds)
        name, strike = kinds.pop()
        samples["faults_min"].append((now_s - began_s) / 60)
        print(f"minute {(now_s - began_s) / 60:5.1f}: {name}; {_totals(residents)}", flush=True)
        await strike()
    await running
    return _verdict(residents, minutes * 60), samples


def _memory(pid: int) -> dict[str, int]:
    """MB by kind of process, all of a kind together."""
    found: Counter[str] = Counter()
    for process, use in uses(pid).items():
        if role := process.partition(" ")[2]:
            found[role] += use.rss_mb
    return dict(found)


def _totals(residents: Sequence[Resident]) -> str:
    lost, twice = sum(each.lost for each in residents), sum(each.twice for each in residents)
    return f"so far lost {lost}, twice {twice}, wrong {sum(len(each.faults) for each in residents)}"


def _verdict(residents: Sequence[Resident], seconds: float) -> int:
    first = residents[0]
    events = Counter(exchange for (exchange, _), count in first.received.items() for _ in range(count))
    show(["source", "events/s"], [[code, f"{count / seconds:,.1f}"] for code, count in sorted(events.items())])
    lost, twice = sum(each.lost for each in residents), sum(each.twice for each in residents)
    wrong = [fault for each in residents for fault in each.faults]
    books = sum(each.books_checked for each in residents)
    print(f"first client: {first.received.total():,} events, {first.received.total() / seconds:,.0f} a second")
    print(f"all clients: {sum(each.received.total() for each in residents):,} events, {books:,} books looked at")
    print(f"connections: {sum(each.connections for each in residents)} of {len(residents)} clients")
    print(f"gaps the first client was told of: {dict(sorted(_by(first.gaps).items()))}")
    print(f"repairs with less than all, at the first client: {dict(first.incomplete)}")
    unresumed = sum((each.unresumed for each in residents), Counter())
    print(f"topics that could not be resumed, over all clients: {dict(unresumed)}")
    print(f"lost trades: {lost}; trades twice: {twice}; holes, wrong books, unexplained epochs: {len(wrong)}")
    print(*wrong[:30], sep="\n")
    return 1 if lost or twice or wrong else 0


def _by(gaps: Counter[tuple[str, str]]) -> Counter[str]:
    return Counter({f"{exchange} {reason}": count for (exchange, reason), count in gaps.items()})


def _tell(samples: dict[str, list[Any]], picture: Path | None, minutes: float) -> None:
    roles = sorted({role for sample in samples["mb"] for role in sample})
    series = {role: [sample.get(role, 0) for sample in samples["mb"]] for role in roles}
    per_minute = max(1, round(60 / SAMPLE_S))
    show(
        ["process", "RSS in MB each minute"],
        [[role, " ".join(map(str, line[::per_minute]))] for role, line in series.items()],
    )
    if picture:
        title = f"Memory over {minutes:g} minutes with a fault a minute"
        picture.write_text(drawing(title, "MB", samples["at_min"], series, samples["faults_min"]))
        print(f"drawn: {picture}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=int, default=RATE, help="of the sandbox: trades and book changes a second")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    parser.add_argument("--picture", type=Path, help="an SVG of the memory over time")
    given = parser.parse_args()
    with open_folder() as folder:
        platform = Platform(folder, given.rate)
        try:
            code, samples = asyncio.run(storm(platform, given.minutes, given.clients, random.Random(given.seed)))  # noqa: S311
        finally:
            platform.up.end()
    _tell(samples, given.picture, given.minutes)
    sys.exit(code)


if __name__ == "__main__":
    main()
