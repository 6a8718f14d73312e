"""The bench: one running platform on the sandbox, clients that listen, and faults measured by what they hear."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from config.record import Record, identity
from config.services.ports import Ports
from streams.ending import ended
from tests.config.test_up import Up
from tests.faults.judge import Judge, Verdict
from tests.faults.measure import measured
from tests.faults.table import Row
from tests.faults.truth import Truth
from tests.faults.witness import Witness
from tests.sandbox_server import SandboxServer

EXCHANGES = ("binance", "kraken", "okx", "coinbase", "deribit")
SYMBOL = "BTC-USDT"
SLOTS = 2
RATE = 400  # events a second over 20 markets: ten trades a second of each
PATIENCE_S = 60.0
LISTED_S = 120.0
TOPICS = tuple(f"{code}.{stream}.{SYMBOL}" for code in EXCHANGES for stream in ("trade", "depth"))
Heard = Sequence[tuple[float, dict[str, Any]]]
Strike = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Outcome:
    """What a fault cost."""

    struck_s: float
    witness: Witness
    verdict: Verdict

    def row(self, fault: str, *codes: str) -> Row:
        """Of these exchanges; of all without one."""
        topics = [topic for topic in TOPICS if not codes or topic.startswith(tuple(f"{code}." for code in codes))]
        found, told = self.verdict.of(*topics), measured(self.witness, self.struck_s, topics)
        counts = [len(lines) for lines in found.findings]
        return Row(fault, told.detected_s, told.repaired_s, *counts, " ".join(told.told) or "nothing")


class Bench:
    """`struck` waits until all is well again after a fault, and says what it cost."""

    def __init__(self, up: Up, folder: Path, url: str) -> None:
        self.url = url
        self.up = up
        self.record = Record(folder / "processes.json")
        self.sandbox = SandboxServer.of_up(folder)
        self.truth = Truth(RATE)
        self.witness = Witness(self.ws, TOPICS)
        self._judges = {topic: Judge(topic, self.truth) for topic in TOPICS}
        self._judged = 0

    @property
    def ws(self) -> str:
        return f"ws{self.url.removeprefix('http')}/stream/"

    async def struck(self, strike: Strike, patience_s: float = PATIENCE_S) -> Outcome:
        """Strikes, with a client there and another that comes while it is bad, and judges what both heard."""
        await self.calm(time.monotonic() - 1)
        struck_s = time.monotonic()
        late = Witness(self.ws, TOPICS)
        async with listening(late):
            await strike()
            await self.calm(max(struck_s + 1, time.monotonic()), struck_s, patience_s)
            await self.until(
                lambda: _all_spoke(late),
                lambda: f"a client that came later heard only {late.summary()}; {self.last_words()}",
            )
        return Outcome(struck_s, self.witness, self.judge() + judged(late, self.truth))

    def judge(self) -> Verdict:
        """All that the first client heard since the last time."""
        new, self._judged = self.witness.heard[self._judged :], len(self.witness.heard)
        return verdict(self._judges, new)

    async def calm(self, at_s: float, since_s: float | None = None, patience_s: float = PATIENCE_S) -> None:
        """Returns once every topic goes on: live after `at_s`, and no gap since `since_s` waits for its repair."""
        deadline_s = time.monotonic() + patience_s
        while open_ := _open(self.witness.since(at_s if since_s is None else since_s), at_s):
            if time.monotonic() > deadline_s:
                raise AssertionError(f"after {patience_s:g} s these do not go on: {open_}; {self.last_words()}")
            await asyncio.sleep(0.1)

    async def until(
        self, true: Callable[[], Any], otherwise: Callable[[], str], patience_s: float = PATIENCE_S
    ) -> None:
        deadline_s = time.monotonic() + patience_s
        while not true():
            assert time.monotonic() < deadline_s, otherwise()
            await asyncio.sleep(0.05)

    def last_words(self) -> str:
        return "\n".join(self.up.said()[-30:])

    def pid(self, name: str) -> int:
        return self.record.read()[name][0]

    async def send(self, name: str, number: signal.Signals) -> None:
        """A signal to a process of the platform, by its name in `up`; `slot` is the loop with Binance's trades."""
        os.kill(await self.carrier() if name == "slot" else self.pid(name), number)

    async def carrier(self, topic: str = TOPICS[0]) -> int:
        """The process of the hold loop that carries the topic, as soon as one that lives says so."""
        async with asyncio.timeout(PATIENCE_S):
            while not identity(pid := (await self.carriers()).get(topic, 0)):
                await asyncio.sleep(0.1)
        return pid

    async def carriers(self) -> dict[str, int]:
        """Of each topic."""
        rows = (await self.get("/api/v1/status/"))["streams"]
        return {row["topic"]: int(row["loop"].split(":")[1]) for row in rows if row["topic"] in TOPICS and row["loop"]}

    async def get(self, path: str) -> Any:
        return await asyncio.to_thread(_read, f"{self.url}{path}")

    async def fault(self, fault: str, **given: Any) -> None:
        """Switches a fault of the sandbox on."""
        await asyncio.to_thread(self.sandbox.fault, fault, **given)

    async def clear(self) -> None:
        """Switches all faults of the sandbox off but that of its clock."""
        for fault in (await asyncio.to_thread(self.sandbox.faults))["faults"]:
            if fault["fault"] != "clock":
                await asyncio.to_thread(self.sandbox.clear, fault["id"])


@asynccontextmanager
async def running(folder: Path, ahead_s: int = 0) -> AsyncIterator[Bench]:
    """A platform of its own in the folder, with a client that hears every topic. `ahead_s`: of the exchanges' clock."""
    settings = {"STREAM_SLOTS": str(SLOTS), "EXCHANGES": ",".join(EXCHANGES), "SANDBOX_RATE": str(RATE)}
    ports = Ports(folder / "ports.json")
    for name in ("sandbox", "web"):  # another platform may look for the usual ones at the same moment
        ports.take(name)
    up = Up(folder, "--venues", "sandbox", **settings, MOST_CONNECTIONS="5000")
    try:
        url = (await asyncio.to_thread(up.line, r"^ready: (http://127\.0\.0\.1:\d+)$"))[1]
        bench = Bench(up, folder, url)
        assert f" {RATE} events/s" in (await asyncio.to_thread(_text, bench.sandbox.url)), (
            "another sandbox is in its place"
        )
        if ahead_s:
            await bench.fault("clock", ahead_s=ahead_s)
        await bench.until(lambda: _listed(url), lambda: "not all markets were listed", LISTED_S)
        async with listening(bench.witness):
            await bench.until(lambda: _all_spoke(bench.witness), lambda: "not all topics came")
            yield bench
    finally:
        if up.process.poll() is None:
            up.end()


@asynccontextmanager
async def listening(*witnesses: Witness) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(witness.run()) for witness in witnesses]
    try:
        yield
    finally:
        await ended(tasks)


def judged(witness: Witness, truth: Truth) -> Verdict:
    """What one client heard from its beginning on."""
    return verdict({topic: Judge(topic, truth) for topic in witness.topics}, witness.heard)


def verdict(judges: dict[str, Judge], heard: Heard) -> Verdict:
    for _, event in heard:
        judge = judges.get(event.get("topic") or event.get("subscription", ""))
        if judge:
            judge.hear(event)
    return sum((judge.verdict() for judge in judges.values()), Verdict())


def _open(heard: Heard, at_s: float) -> dict[str, str]:
    """The topics that do not go on, and why."""
    why = dict.fromkeys(TOPICS, "silent")
    pending: set[str] = set()
    for when_s, event in heard:
        topic, kind = event.get("topic", ""), event.get("event")
        if topic not in why:
            continue
        if kind == "gap":
            pending.add(topic) if event["repair"] == "pending" else pending.discard(topic)
            why[topic] = "in a gap"
        elif kind == "repaired":
            pending.discard(topic)
        elif kind in ("trade", "depth") and event["source"] == "live" and when_s > at_s:
            why[topic] = "not repaired" if topic in pending else ""
    return {topic: words for topic, words in why.items() if words}


def _all_spoke(witness: Witness) -> bool:
    """Each topic has had some events, a book its snapshot."""
    heard = Counter(event.get("topic") for _, event in witness.heard if event.get("event") in ("trade", "depth"))
    return all(heard[topic] >= 3 for topic in witness.topics)


def _listed(url: str) -> bool:
    found = [_read(f"{url}/api/v1/symbols/?exchange={code}&search={SYMBOL}") for code in EXCHANGES]
    return all(any(row["symbol"] == SYMBOL for row in page["results"]) for page in found)


def _read(url: str) -> Any:
    with urlopen(url, timeout=10) as answer:
        return json.load(answer)


def _text(url: str) -> str:
    with urlopen(url, timeout=10) as answer:
        return answer.read().decode()
