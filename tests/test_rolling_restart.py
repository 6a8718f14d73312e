"""Streams workers are started and stopped beside each other: a client sees nothing of it."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.env import ROOT
from config.record import Record
from streams.ending import ended
from tests.config.test_up import Up
from tests.streams.heard import assert_unbroken, trade_ids
from tests.test_kills import DEPTH, TRADE, Witness, status

PATIENCE_S = 45.0


@pytest.fixture
def up(installation_folder: Path) -> Iterator[Up]:
    running = Up(installation_folder, "--venues", "sandbox", STREAM_SLOTS="1")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end()


def another_worker(pid: int) -> subprocess.Popen[bytes]:
    """A second worker, as a second container would be: the command and environment of the first."""
    environment = dict(pair.split("=", 1) for pair in Path(f"/proc/{pid}/environ").read_text().split("\0") if pair)
    command = [word for word in Path(f"/proc/{pid}/cmdline").read_text().split("\0") if word]
    command[command.index("streams@%h")] = "another@%h"
    return subprocess.Popen(command, env=environment, cwd=ROOT)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to copy a worker's environment")
async def test_a_rolling_restart_of_streams_workers_loses_nothing_and_shows_no_gap(
    up: Up, installation_folder: Path
) -> None:
    url = (await asyncio.to_thread(up.line, r"^ready: (http://127\.0\.0\.1:\d+)$"))[1]
    record = Record(installation_folder / "processes.json")
    witness = Witness(f"ws{url.removeprefix('http')}/stream/")
    watching = asyncio.create_task(witness.run())
    try:
        await witness.goes_on(time.monotonic())
        began_s = time.monotonic()
        first = record.read()["streams"][0]
        loop = await carrier(url)
        second = await asyncio.to_thread(another_worker, first)
        try:
            await loops(url, 2)
            os.kill(first, signal.SIGTERM)
            assert await carrier(url, other_than=loop) != loop
            await witness.goes_on(time.monotonic())
            await loops(url, 2)  # the supervisor has started the first anew
            second.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(second.wait, PATIENCE_S) == 0
            await witness.goes_on(time.monotonic())
        finally:
            second.kill()
            second.wait()
    finally:
        await ended([watching])
    assert len(witness.connections) == 1
    for topic in (TRADE, DEPTH):
        counted = [event for event in witness.since(began_s) if event.get("topic") == topic and event.get("seq")]
        assert_unbroken(counted)
        assert not [event for event in counted if event["event"] == "gap"]
    ids = trade_ids([event for event in witness.since(began_s) if event.get("topic") == TRADE])
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def carrier(url: str, other_than: str | None = None) -> str:
    """The loop that carries the trades."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            rows = {row["topic"]: row for row in (await status(url))["streams"]}
            loop = rows.get(TRADE, {}).get("loop")
            if loop and loop != other_than:
                return loop
            await asyncio.sleep(0.1)


async def loops(url: str, count: int) -> None:
    """Returns once so many loops live."""
    async with asyncio.timeout(PATIENCE_S):
        while len((await status(url))["loops"]) != count:
            await asyncio.sleep(0.1)
