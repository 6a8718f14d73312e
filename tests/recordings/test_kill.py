"""kill -9 of the recorder's process: another goes on with nothing lost and nothing twice."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db import connection
from redis import Redis

from config.env import ROOT
from recordings import reader
from recordings.models import Recording
from recordings.recorder import LEASE
from streams import keys
from tests.recordings.tape import Loop, begun
from tests.recordings.written import damages, frame, frames

PATIENCE_S = 40
KILLS = 3
RECORDER = "import django; django.setup(); from recordings.tasks import record; record()"


@contextmanager
def process(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A recorder; killed at the end."""
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    there = {"DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}", "RECORDINGS_DIR": str(folder)}
    env = {**os.environ, **there, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen([sys.executable, "-c", RECORDER], env=env, cwd=ROOT)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_a_killed_recorder_is_followed_without_loss(
    transactional_db: None, settings: Any, clean_redis: Redis, tmp_path: Path
) -> None:
    row = Recording.objects.create(topics=["binance.trade.BTC-USDT"])
    tape, number = Loop(clean_redis), 0
    clean_redis.zadd(keys.TAPED, {f"{row.id}|{row.topics[0]}": time.time() + 60})
    tape.put(begun("mine", [row.id], time.time_ns()))
    for _ in range(KILLS):
        clean_redis.delete(LEASE)  # rather than waiting until it expires
        with process(tmp_path):
            number = _put_until(tape, number, tmp_path / row.id, files_grow(tmp_path / row.id))
    clean_redis.delete(LEASE)
    with process(tmp_path):
        _wait(lambda: (row.refresh_from_db(), row.frames)[1] >= number)
    found = list(reader.lines([tmp_path / row.id]))
    assert frames(found) == [f"frame {one}" for one in range(1, number + 1)]
    assert (damages(found), row.lost) == ([], 0)


def _put_until(tape: Loop, number: int, folder: Path, grown: Any) -> int:
    """Frames in a row, until some of them are on disk and some more are not."""

    def one() -> bool:
        nonlocal number
        number += 1
        tape.put(frame("mine", number, time.time_ns()))
        return grown()

    _wait(one, every_s=0.002)
    for _ in range(50):
        one()
    return number


def files_grow(folder: Path) -> Any:
    """Whether more is on disk than at first."""

    def size() -> int:
        with suppress(FileNotFoundError):
            return sum(file.stat().st_size for file in folder.glob("*.zst"))
        return 0

    first = size()
    return lambda: size() > first


def _wait(found: Any, every_s: float = 0.1) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline_s
        time.sleep(every_s)
