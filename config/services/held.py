"""A service held by one process for as long as it needs it, as tests and benchmarks do."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.child import Child
from config.services.home import database_home
from config.services.missing import ServiceMissing
from config.services.owner import Owner
from config.services.ports import any_free
from config.services.postgres import Postgres
from config.services.redis import Redis

START_S = 30


def postgres_in(var_dir: Path, port: int) -> Postgres:
    """The PostgreSQL of the installation whose folder `var_dir` is."""
    home = database_home(var_dir)
    return Postgres(home, var_dir / "keys", port, var_dir / "logs" / "postgres.log", Owner.of(home / "data"))


@contextmanager
def held_redis(folder: Path) -> Iterator[Redis]:
    """A running Redis with its data in the folder."""
    service = Redis(folder / "redis", any_free(), folder / "logs" / "redis.log")
    with held(service.child(), service):
        yield service


@contextmanager
def held_postgres(folder: Path) -> Iterator[Postgres]:
    """A running PostgreSQL with its data in the folder."""
    service = postgres_in(folder, any_free())
    with held(service.child(), service):
        yield service


@contextmanager
def held(child: Child, service: Postgres | Redis) -> Iterator[subprocess.Popen]:
    """The child's process from when its service is ready until it has ended."""
    assert child.log is not None
    child.log.parent.mkdir(parents=True, exist_ok=True)
    with child.log.open("ab") as log:
        process = subprocess.Popen(child.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **child.options())
    try:
        _wait_ready(process, child, service)
        yield process
    finally:
        end(process, child)


def _wait_ready(process: subprocess.Popen, child: Child, service: Postgres | Redis) -> None:
    deadline_s = time.monotonic() + START_S
    while not service.is_ready():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise ServiceMissing(f"{child.name} did not start: {child.log.read_text(errors='replace')[-1000:]}")
        time.sleep(0.02)


def end(process: subprocess.Popen, child: Child) -> None:
    """Stops the process as the child wants it; kills its group where that does not help."""
    for number, patience_s in child.stop:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
