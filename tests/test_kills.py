"""kill -9 of each process of the platform in turn, with a client listening: what it sees, and how long it takes.

`pytest -s tests/test_kills.py` prints the table.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from config.record import Record
from streams.ending import ended
from tests.config.test_up import Up
from tests.streams.heard import assert_unbroken, is_, trade_ids

TRADE, DEPTH = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT"
PATIENCE_S = 60.0
CALM = 5  # live trades in a row after which the stream counts as going on


@dataclass
class Witness:
    """A client that connects again when it must."""

    url: str
    heard: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    connections: list[float] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            try:
                async with connect(self.url, max_size=None, compression=None, open_timeout=2) as socket:
                    self.connections.append(time.monotonic())
                    await socket.send(json.dumps({"action": "subscribe", "topics": [TRADE, DEPTH]}))
                    async for text in socket:
                        self.heard.append((time.monotonic(), json.loads(text)))
            except (OSError, ConnectionClosed, TimeoutError):
                await asyncio.sleep(0.05)

    def since(self, at_s: float) -> list[dict[str, Any]]:
        return [event for when_s, event in self.heard if when_s >= at_s]

    async def goes_on(self, at_s: float) -> float:
        """Seconds from `at_s` to the last moment at which a second passed without a live trade or book."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            await asyncio.sleep(0.05)
            trades = [when_s for when_s, e in self.heard if when_s > at_s + 1 and is_("trade", TRADE, source="live")(e)]
            books = [when_s for when_s, e in self.heard if when_s > at_s + 1 and is_("depth", DEPTH)(e)]
            calm = trades[-CALM:]
            if len(calm) == CALM and calm[-1] - calm[0] < 5 and books and time.monotonic() - calm[-1] < 1:
                return max(0.0, self._silence_until(at_s) - at_s)
        raise AssertionError(f"no live trade within {PATIENCE_S:g} s: {self.since(at_s)[-5:]}")

    def _silence_until(self, at_s: float) -> float:
        """When the longest silence after `at_s` ended; at_s itself where nobody noticed anything."""
        times = [at_s, *(when_s for when_s, event in self.heard if when_s > at_s and event.get("seq"))]
        gap_s, end_s = max(((b - a, b) for a, b in zip(times, times[1:], strict=False)), default=(0.0, at_s))
        return end_s if gap_s > 0.7 else at_s


async def status(url: str) -> dict[str, Any]:
    """What `status/` says."""

    def read() -> dict[str, Any]:
        with urlopen(f"{url}/api/v1/status/", timeout=5) as answer:
            return json.load(answer)

    return await asyncio.to_thread(read)


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def up(installation_folder: Path) -> Iterator[Up]:
    running = Up(installation_folder, "--venues", "sandbox", STREAM_SLOTS="2")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the workers' own children")
async def test_no_kill_of_any_process_costs_a_trade_or_a_proven_book(up: Up, installation_folder: Path) -> None:
    url = (await asyncio.to_thread(up.line, r"^ready: (http://127\.0\.0\.1:\d+)$"))[1]
    record = Record(installation_folder / "processes.json")
    witness = Witness(f"ws{url.removeprefix('http')}/stream/")
    watching = asyncio.create_task(witness.run())
    try:
        await witness.goes_on(time.monotonic())
        for name in ("streams child", "streams", "web", "redis", "postgres", "sandbox", "jobs", "beat"):
            await one_kill(name, record, witness)
    finally:
        await ended([watching])


async def one_kill(name: str, record: Record, witness: Witness) -> None:
    main, _, child = name.partition(" ")
    pid = record.read()[main][0]
    connections = len(witness.connections)
    killed_s = time.monotonic()
    for victim in children_of(pid) if child else [pid]:
        os.kill(victim, signal.SIGKILL)
    took_s = await witness.goes_on(killed_s)
    events = witness.since(killed_s)
    of_trades = [event for event in events if event.get("topic") == TRADE and event.get("event")]
    seen = [f"{e['event']} {e.get('reason', '')}{e.get('status', '')}".strip() for e in of_trades]
    told = [word for word in dict.fromkeys(seen) if word not in {"trade"}]
    reconnected = len(witness.connections) - connections
    print(
        f"\nkill -9 {name}: live again after {took_s:.1f} s; reconnects: {reconnected}; on {TRADE}: {', '.join(told)}"
    )
    check(events, reconnected)


def check(events: list[dict[str, Any]], reconnected: int) -> None:
    """Per connection nothing is missing; over the kill no trade is, unless the client itself was away."""
    if reconnected:
        events = events[next(n for n, e in enumerate(events) if e.get("action") == "subscribe") :]
    for topic in (TRADE, DEPTH):
        counted = [event for event in events if event.get("topic") == topic and event.get("seq")]
        assert_unbroken(counted)
        gaps = [number for number, event in enumerate(counted) if event["event"] == "gap"]
        if topic == DEPTH:
            assert all(counted[n + 1].get("type", "gap") in {"snapshot", "gap"} for n in gaps if n + 1 < len(counted))
        else:
            ids = trade_ids(counted)
            assert sorted(ids) == list(range(min(ids), max(ids) + 1))
