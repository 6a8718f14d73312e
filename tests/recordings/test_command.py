"""`manage.py record`: one file of what exchanges send, by the connections of the running platform."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from redis import Redis

from config.env import ROOT
from marketdata.normalize import Line
from recordings import lines, reader
from streams import keys
from tests.recordings.written import damages, frames
from tests.streams.live import hold_loop

TRADES = ("--exchange", "binance", "--symbols", "BTC-USDT", "--streams", "trade")
PATIENCE_S = 40


def environment() -> dict[str, str]:
    """The command's: the stores of this test run, and the database of this test."""
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    there = {"DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}", "VENUES": "sandbox"}
    return {**os.environ, **there, "SANDBOX_URL": django_settings.SANDBOX_URL or "", "ROLE": "manage"}


@asynccontextmanager
async def command(*arguments: str, **options: Any) -> AsyncIterator[Process]:
    """`manage.py record`, under way."""
    given = [sys.executable, str(ROOT / "manage.py"), "record", *arguments]
    running = await asyncio.create_subprocess_exec(*given, env=environment(), stdout=PIPE, stderr=PIPE, **options)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


async def ended(running: Process) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(running.communicate(), PATIENCE_S)
    assert running.returncode is not None
    return running.returncode, out.decode(), err.decode()


async def bytes_in(file: Path) -> int:
    async with asyncio.timeout(PATIENCE_S):
        while not (size := size_of(file)):
            await asyncio.sleep(0.05)
    return size


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@pytest.mark.parametrize("name", ["btc.jsonl.zst", "btc.jsonl"])
async def test_a_file_holds_what_was_heard(listed: None, clean_redis: Redis, tmp_path: Path, name: str) -> None:
    async with hold_loop(), command(*TRADES, "--duration", "4s", str(tmp_path / name)) as running:
        status, out, err = await ended(running)
    assert (status, err) == (0, ""), err
    found = list(reader.lines([tmp_path / name]))
    assert damages(found) == []
    assert len(frames(found)) > 3
    assert f"{len(frames(found))} frames of 1 topics, {size_of(tmp_path / name)} bytes, 0 lost" in out
    said = [lines.note(line) for line in found if isinstance(line, Line)]
    assert isinstance(said[0], lines.Header) and said[0].sandbox
    (opened,) = [note for note in said if isinstance(note, lines.Opened)]
    assert ("trade", "BTC-USDT") in opened.wants
    assert [one.symbol for one in opened.instruments] == ["BTC-USDT"]
    assert clean_redis.zcard(keys.TAPED) == 0


async def test_ctrl_c_ends_the_file_whole(listed: None, tmp_path: Path) -> None:
    file = tmp_path / "btc.jsonl.zst"
    async with hold_loop(), command(*TRADES, str(file)) as running:
        before = await bytes_in(file)
        running.send_signal(signal.SIGINT)
        status, out, _ = await ended(running)
    assert (status, "0 lost" in out) == (0, True)
    assert size_of(file) >= before
    assert damages(reader.lines([file])) == []


async def test_ctrl_c_before_the_end_that_was_asked_for_says_so(listed: None, tmp_path: Path) -> None:
    file = tmp_path / "btc.jsonl"
    async with hold_loop(), command(*TRADES, "--duration", "1h", str(file)) as running:
        await bytes_in(file)
        running.send_signal(signal.SIGINT)
        status, _, err = await ended(running)
    assert (status, "Stopped before its end" in err) == (130, True)


async def test_the_standard_output_holds_lines_alone(listed: None) -> None:
    async with hold_loop(), command(*TRADES, "--duration", "3s", "-") as running:
        status, out, err = await ended(running)
    assert (status, "frames of 1 topics" in err) == (0, True)
    assert all("received_ns" in json.loads(line) for line in out.splitlines())
    assert len(out.splitlines()) > 3


async def test_a_disk_that_is_full_ends_it_with_what_is_whole(listed: None, tmp_path: Path) -> None:
    """A limit of the process on the size of a file stands for the disk's."""
    file = tmp_path / "btc.jsonl.zst"
    limit = [
        "bash",
        "-c",
        'trap "" XFSZ; ulimit -f 2; exec "$@"',
        "-",
        sys.executable,
        str(ROOT / "manage.py"),
        "record",
    ]
    async with hold_loop():
        running = await asyncio.create_subprocess_exec(
            *limit, *TRADES, "--duration", "60s", str(file), env=environment(), stdout=PIPE, stderr=PIPE
        )
        status, _, err = await ended(running)
    assert (status, "Not written to its end" in err, "File too large" in err) == (1, True, True)
    found = list(reader.lines([file]))
    assert (damages(found), len(frames(found)) > 0) == ([], True)


def run(*arguments: str, **env: str) -> tuple[int, str]:
    given = [sys.executable, str(ROOT / "manage.py"), "record", *arguments]
    done = subprocess.run(given, env={**environment(), **env}, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.returncode, done.stderr


def test_without_the_platform_one_sentence_says_so(listed: None, tmp_path: Path) -> None:
    status, said = run(*TRADES, str(tmp_path / "x.jsonl"))
    assert (status, "manage.py up" in said, said.count("\n")) == (1, True, 1)
    assert not (tmp_path / "x.jsonl").exists()
    status, said = run(*TRADES, str(tmp_path / "x.jsonl"), REDIS_URL="redis://127.0.0.1:1/0")
    assert (status, "Redis does not answer" in said) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--exchange", "binanec", "x"), "binance"),
        (("--exchange", "binance", "--symbols", "BTC-USDD", "--streams", "trade", "x"), "BTC-USDT"),
        (("--exchange", "binance", "--duration", "soon", "x"), "60s, 5m, 2h"),
        (("--exchange", "binance", "--duration", "40d", "x"), "at most 31d"),
        (("x",), "exchange is missing"),
        (("--topics", "binance.trade", "x"), "<exchange>.<stream>.<symbol>"),
    ],
)
def test_what_makes_no_sense_is_refused(listed: None, arguments: tuple[str, ...], words: str) -> None:
    status, said = run(*arguments)
    assert (status, words in said) == (2, True), said


def test_a_file_that_is_there_is_not_written_over(listed: None, clean_redis: Redis, tmp_path: Path) -> None:
    now_s, _ = clean_redis.time()
    clean_redis.zadd(keys.LOOPS, {"a loop": now_s + 60})
    file = tmp_path / "x.jsonl"
    file.write_text("dear")
    for path, words in ((file, "--force"), (tmp_path / "no" / "folder", "No such file")):
        status, said = run(*TRADES, str(path))
        assert (status, words in said) == (2, True), said
    assert file.read_text() == "dear"
