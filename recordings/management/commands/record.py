"""`manage.py record`: what exchanges send, as received, into one file."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from marketdata import filters
from marketdata.locks import redis as sync_redis
from marketdata.management.examples import ExampleCommand
from marketdata.problems import Problem
from recordings import wishes
from recordings.lines import Header
from recordings.models.recording import new_id
from recordings.single import Single
from recordings.take import State, Take
from recordings.tapping import Tapping
from streams import keys
from streams.connection import redis
from streams.selections import SelectionBody

EXAMPLES = """
examples:
  manage.py record --exchange binance --symbols BTC-USDT,ETH-USDT --streams trade,depth --duration 60s btc.jsonl.zst
  manage.py record --exchange kraken --duration 5m kraken.jsonl.zst     all that runs of Kraken
  manage.py record --topics 'binance.trade.*' --duration 1h trades.jsonl
  manage.py record --exchange okx --symbols BTC-USDT --streams trade - | jq -r .raw

A name that ends in .zst makes it zstd, any other plain lines; - is the standard output. The platform must run: its
connections are what is recorded. Without --duration, Ctrl-C ends it; the file is whole then, too.

Exit codes: 0 written, 1 nothing was heard or it could not be written, 2 wrong usage, 130 Ctrl-C before --duration.
"""
REFUSED, INTERRUPTED = 2, 130
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
NOT_RUNNING = "Nothing holds streams at the moment: `manage.py up` starts the platform, whose connections are recorded."


class Command(ExampleCommand):
    help = "Records what exchanges send, as received, into one file."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="where to; - for the standard output")
        parser.add_argument("--exchange", metavar="CODE", help="such as binance")
        parser.add_argument("--symbols", metavar="LIST", help="in any spelling, with commas; default: those that run")
        parser.add_argument("--streams", metavar="LIST", help="trade, depth …, with commas; default: those that run")
        parser.add_argument("--topics", metavar="LIST", help="in place of the three: topics, also with *, with commas")
        parser.add_argument("--duration", metavar="TIME", help="60s, 5m, 2h; default: until Ctrl-C")
        parser.add_argument("--force", action="store_true", help="write over a FILE that exists")

    def handle(self, *_: Any, file: str, **options: Any) -> None:
        try:
            duration_s = _duration_s(options["duration"])
            topics = wishes.topics(_asked(options))
        except Problem as problem:
            raise CommandError(problem.message, returncode=REFUSED) from None
        if not _held():
            raise CommandError(NOT_RUNNING)
        with _opened(file, options["force"]) as opened:
            take, stopped = asyncio.run(_record(topics, duration_s, file, opened))
        self._told(take, file, stopped)

    def _told(self, take: Take, file: str, stopped: bool) -> None:
        tally = take.written.tally
        counts = f"{tally.frames} frames of {len(take.topics)} topics, {take.written.bytes} bytes, {tally.lost} lost"
        if take.state == State.FAILING:
            if file == "-":
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python flushes at its end
            raise CommandError(f"Not written to its end ({take.detail}); what stands there is whole: {counts}")
        if not tally.frames:
            raise CommandError("Nothing was heard of " + ", ".join(sorted(take.topics)[:5]) + "; is it traded?")
        (self.stderr if file == "-" else self.stdout).write(f"{counts}: {file}")
        if stopped:
            raise CommandError("Stopped before its end; what was heard until then is whole.", returncode=INTERRUPTED)


def _asked(options: dict[str, Any]) -> SelectionBody:
    lists = {name: _list(options[name]) for name in ("symbols", "streams", "topics") if options[name] is not None}
    given = {"exchange": options["exchange"]} if options["exchange"] is not None else {}
    return filters.read(SelectionBody, {**given, **lists})


def _list(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _duration_s(text: str | None) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,8})([smhd]?)", text)
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 1 <= seconds <= wishes.LONGEST_S:
        longest = f"{wishes.LONGEST_S // UNITS['d']}d"
        raise Problem("bad_request", f"--duration: {text!r} came; 60s, 5m, 2h, and at most {longest}, would do.")
    return seconds


def _held() -> bool:
    """Whether any hold loop lives."""
    now_s, _ = sync_redis().time()
    return bool(sync_redis().zcount(keys.LOOPS, f"({now_s}", "+inf"))


@contextmanager
def _opened(file: str, force: bool) -> Iterator[Any]:
    if file == "-":
        yield sys.stdout.buffer
        return
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if force else os.O_EXCL), 0o640)
    except FileExistsError:
        words = f"FILE: {file} is there already; another name or --force would do."
        raise CommandError(words, returncode=REFUSED) from None
    except OSError as error:
        raise CommandError(f"FILE: {file} cannot be written: {error.strerror}.", returncode=REFUSED) from None
    with os.fdopen(number, "wb", buffering=0) as opened:
        yield opened


async def _record(topics: list[str], duration_s: int | None, file: str, opened: Any) -> tuple[Take, bool]:
    """The recording as it ended, and whether somebody stopped it before its end."""
    started_ns, name = time.time_ns(), f"file{new_id()}"
    header = Header(name, sandbox=settings.SANDBOX, started_ns=started_ns)
    take = Take(redis(), name, topics, lambda: Single(opened, file.endswith(".zst"), header))
    take.until_ns = None if duration_s is None else started_ns + duration_s * 1_000_000_000
    tapping = Tapping(redis(), take)
    stops = _when_asked(take)
    with _shown(duration_s) as told:
        running = asyncio.create_task(take.run())
        async with tapping:
            while not running.done() and take.state != State.FAILING:
                await _said(tapping)
                told(take, (time.time_ns() - started_ns) / 1e9)
                await asyncio.wait({running}, timeout=0.5)
        take.leave()
        await running
    return take, duration_s is not None and bool(stops)


async def _said(tapping: Tapping) -> None:
    try:
        await tapping.say()
    except (RedisError, OSError):  # what it holds is read once it is back
        pass


def _when_asked(take: Take) -> list[int]:
    """A signal ends it whole, a second one at once; gives the signals that came."""
    came: list[int] = []

    def asked(number: int) -> None:
        if came:
            take.leave()
        came.append(number)
        take.until_ns = time.time_ns()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked, number)
    return came


@contextmanager
def _shown(duration_s: int | None) -> Iterator[Callable[[Take, float], None]]:
    """A bar on a terminal; elsewhere nothing but the sum at the end."""
    if not sys.stderr.isatty():
        yield lambda take, elapsed_s: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task("recording", total=duration_s)
        yield lambda take, elapsed_s: bar.update(row, completed=elapsed_s, description=_description(take))


def _description(take: Take) -> str:
    tally = take.written.tally
    lost = f", {tally.lost} lost" if tally.lost else ""
    return f"{tally.frames:,} frames, {take.written.bytes:,} bytes, {len(take.topics)} topics{lost}"
