"""The supervised group, on real processes."""

import asyncio
import io
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from config.child import Child
from config.console import Console
from config.record import Record, identity
from config.supervisor import Supervisor

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
# A pool as Celery has it: a worker process in the same group that ignores what its parent is told.
POOL = (
    f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); "
    "print(p.pid, flush=True); p.wait()"
)


def python(name: str, code: str, **options) -> Child:
    return Child(name, (sys.executable, "-c", code), **options)


async def until(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def supervised(folder: Path, *children: Child) -> AsyncIterator[tuple[io.StringIO, Path]]:
    out, record = io.StringIO(), folder / "processes.json"
    supervisor = Supervisor(Console(out), record)
    try:
        await supervisor.start(*children)
        yield out, record
    finally:
        await supervisor.stop()


def process_of(record: Path, name: str) -> int:
    recorded = Record(record).read()
    return recorded[name][0]


async def test_a_child_that_is_killed_is_started_again_and_the_reason_shown(tmp_path):
    async with supervised(tmp_path, python("sleeper", SLEEPER)) as (out, record):
        await until(lambda: "sleeper: up" in out.getvalue())
        first = process_of(record, "sleeper")
        os.kill(first, signal.SIGKILL)
        await until(lambda: out.getvalue().count("sleeper: up") == 2)
        second = process_of(record, "sleeper")
    assert "sleeper ended (killed by SIGKILL); again in 0.5 s" in out.getvalue()
    assert second != first
    assert not identity(second)


async def test_a_child_that_fails_is_tried_again_later_and_later_and_its_last_words_shown(tmp_path):
    async with supervised(tmp_path, python("failing", "raise SystemExit('no such thing')")) as (out, _):
        await until(lambda: "again in 2 s" in out.getvalue())
    assert "failing ended (exit code 1: no such thing); again in 0.5 s" in out.getvalue()
    assert "again in 1 s" in out.getvalue()


async def test_stopping_during_the_delay_does_not_wait_for_it(tmp_path):
    async with supervised(tmp_path, python("failing", "raise SystemExit(1)")) as (out, _):
        await until(lambda: "again in 2 s" in out.getvalue())
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 1


async def test_a_child_that_does_not_listen_is_killed_with_its_own_children(tmp_path):
    child = python("pool", POOL, stop=((signal.SIGTERM, 0.3),))
    async with supervised(tmp_path, child) as (out, record):
        await until(lambda: out.getvalue().count("pool: ") == 2)
        worker = int(next(word for word in out.getvalue().split() if word.isdigit()))
        assert identity(worker)
    await until(lambda: not identity(worker))


async def test_what_a_killed_child_leaves_behind_ends_before_it_is_started_again(tmp_path):
    async with supervised(tmp_path, python("pool", POOL)) as (out, record):
        await until(lambda: out.getvalue().count("pool: ") == 2)
        worker = int(next(word for word in out.getvalue().split() if word.isdigit()))
        os.kill(process_of(record, "pool"), signal.SIGKILL)
        await until(lambda: "pool started again" in out.getvalue())
        assert not identity(worker)


WITNESS = """
import pathlib, signal, sys, time
def end(*_):
    with open({file!r}, "a") as file:
        file.write({name!r} + " ends\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""


async def test_the_others_are_stopped_before_the_stores(tmp_path):
    out, file = io.StringIO(), tmp_path / "ends"
    supervisor = Supervisor(Console(out), tmp_path / "processes.json")
    await supervisor.start(python("store", WITNESS.format(file=str(file), name="store")), store=True)
    await supervisor.start(python("web", WITNESS.format(file=str(file), name="web")))
    await until(lambda: "store: up" in out.getvalue() and "web: up" in out.getvalue())
    await supervisor.stop()
    assert file.read_text().splitlines() == ["web ends", "store ends"]


async def test_the_next_start_ends_what_a_killed_supervisor_left(tmp_path):
    left = await asyncio.create_subprocess_exec(sys.executable, "-c", SLEEPER, start_new_session=True)
    record = Record(tmp_path / "processes.json")
    record.add("web", left.pid)
    await Supervisor(Console(io.StringIO()), tmp_path / "processes.json").end_leftovers()
    assert await left.wait() == -signal.SIGTERM


def test_a_process_that_merely_has_the_number_of_an_old_one_is_left_alone(tmp_path):
    record = Record(tmp_path / "processes.json")
    record.add("web", os.getpid())
    text = (tmp_path / "processes.json").read_text()
    (tmp_path / "processes.json").write_text(text.replace(identity(os.getpid()), "another boot 1"))
    assert record.end_all() == []
