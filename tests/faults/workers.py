"""A second streams worker beside the platform's own, as a second container would be."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from config.env import ROOT
from tests.faults.bench import PATIENCE_S, SLOTS, Bench


@asynccontextmanager
async def another_worker(bench: Bench, **variables: str) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """From when its loops live; with the command and environment of the first, and variables of its own."""
    process = await asyncio.to_thread(_copied, bench.pid("streams"), variables)
    try:
        await loops(bench, 2 * SLOTS)
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


def _copied(pid: int, variables: dict[str, str]) -> "subprocess.Popen[bytes]":
    environment = dict(pair.split("=", 1) for pair in Path(f"/proc/{pid}/environ").read_text().split("\0") if pair)
    command = [word for word in Path(f"/proc/{pid}/cmdline").read_text().split("\0") if word]
    command[command.index("streams@%h")] = "another@%h"
    return subprocess.Popen(command, env={**environment, **variables}, cwd=ROOT, start_new_session=True)


async def loops(bench: Bench, count: int) -> None:
    """Returns once so many loops live."""
    async with asyncio.timeout(PATIENCE_S):
        while len((await bench.get("/api/v1/status/"))["loops"]) != count:
            await asyncio.sleep(0.1)


async def carried_by(bench: Bench, worker: int, whole: bool) -> None:
    """Returns once the worker's loops carry some (or all) of what clients hear."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            own = {carrier in children_of(worker) for carrier in (await bench.carriers()).values()}
            if own == {True} or (True in own and not whole):
                return
            await asyncio.sleep(0.1)


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
