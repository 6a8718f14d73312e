"""`manage.py replay`: recordings through the platform, to whoever listens."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from django.core.management.base import CommandError, CommandParser
from django.db import Error, connection
from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from exchanges import registry
from marketdata.ingest.candles import closed_candles
from marketdata.management.examples import ExampleCommand
from marketdata.problems import Problem
from recordings import folder
from recordings.models import Replay
from recordings.replay import asking, clock, extent, report
from recordings.replay.extent import Extent
from recordings.replay.faults import Fault
from recordings.replay.performance import Performance
from recordings.replay.script import Progress as Told
from recordings.replay.script import Script
from recordings.replay.stage import new_stage
from streams.ending import ended
from streams.lease import Lease
from streams.publishers.candles import CandleWriter

EXAMPLES = """
examples:
  manage.py replay morning.jsonl.zst                              as it was, to topics of its own
  manage.py replay morning.jsonl.zst evening.jsonl.zst --speed 10  two as one, ten times as fast
  manage.py replay frames.jsonl --exchange binance --speed max    frames without notes, as fast as it goes
  manage.py replay morning.jsonl.zst --fault drop:0.01 --fault disconnect:0.0001:2000 --seed 7
  manage.py replay morning.jsonl.zst --dry-run                    only reads it: counts and a hash, without Redis
  manage.py replay k3xz7q2m --check                               twice: whole, and the same both times

FILE is a file, a recording's folder, or its id. The platform has to run (manage.py up), but for --dry-run and --check.
A replay pauses, goes on or changes its speed by PATCH /api/v1/replays/<id>/ ({"paused": true}, {"speed": "2"}).
Exit codes: 0 played to its end, 1 nothing could be read, or it failed, 2 wrong usage, 130 stopped by Ctrl-C.
"""
REFUSED, INTERRUPTED = 2, 130


class Command(ExampleCommand):
    help = "Replays recordings through the platform, to the same subscribers, at their own pace."
    examples = EXAMPLES
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a file, a recording's folder, or its id")
        parser.add_argument("--exchange", choices=registry.cards(), help="of frames that no note names")
        parser.add_argument("--speed", default="1", help=f"{clock.WOULD_DO}; default: 1")
        parser.add_argument(
            "--fault", action="append", default=[], metavar="KIND:RATE", help="may be given several times"
        )
        parser.add_argument("--seed", type=int, default=0, help="which frames the faults hit; default: 0")
        parser.add_argument("--paused", action="store_true", help="begins when it is told to go on")
        parser.add_argument("--original", action="store_true", help="to the original topics, where nothing live runs")
        parser.add_argument("--candles", action="store_true", help="closed candles go to the database")
        parser.add_argument("--kafka", action="store_true", help="its topics go to Kafka")
        parser.add_argument("--dry-run", action="store_true", help="only reads: counts and a hash, without Redis")
        parser.add_argument("--check", action="store_true", help="reads twice: whole, and the same both times")

    def handle(self, *_: Any, files: list[str], **options: Any) -> None:
        paths = [_path(file) for file in files]
        found = _extent(paths, options["original"])
        if found.known and not found.exchanges and not options["exchange"]:
            words = "no note names the exchange of its frames; --exchange would do, such as --exchange binance"
            raise CommandError(f"{files[0]}: {words}", returncode=REFUSED)
        row = _row(paths, options)
        if options["dry_run"] or options["check"]:
            self._read(_script(row, paths), found, twice=options["check"])
            return
        self._replay(row, paths)

    def _read(self, script: Script, found: Extent, twice: bool) -> None:
        """Without a store: what it comes to."""
        last = self._once(script, found)
        if not twice:
            return
        again = self._once(script, found)
        if again.hash != last.hash:
            raise CommandError("the two runs are not the same")
        if last.damage:
            raise CommandError(f"not whole: {len(last.damage)} places are damaged")
        self.stdout.write("whole, and the same both times")

    def _once(self, script: Script, found: Extent) -> Told:
        began_s, dry = time.monotonic(), Performance(script, registry.cards(), Lease("", ""))
        with _shown(found.last_ns) as told:
            for number, item in enumerate(dry.items()):
                dry.take(item)
                if number % 5_000 == 0:
                    told(dry.first_ns, dry.engine.now_ns)
            dry.engine.end("the replay has ended")
        last = dry.progress()
        self._sum_up(last, time.monotonic() - began_s)
        return last

    def _replay(self, row: Replay, paths: Sequence[Path]) -> None:
        try:
            asking.fill(row, paths)
            connection.ensure_connection()
            row.save()
            asking.show(row)
        except Problem as problem:
            raise CommandError(problem.message, returncode=1 if problem.code == "unavailable" else REFUSED) from None
        except Error as error:
            why = str(error).strip().splitlines()[0]
            raise CommandError(f"The platform does not run here ({why}); `manage.py up` starts it.") from None
        front = "" if row.original else f"replay-{row.id}."
        self.stdout.write(f"replay {row.id}; to listen: manage.py watch TOPIC, of these topics")
        for line in report.topics([f"{front}{topic}" for topic in row.topics]):
            self.stdout.write(line)
        self.stdout.flush()
        began_s = time.monotonic()
        with _shown(row.last_ns) as told, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                last = runner.run(_perform(row, lambda now: told(now.first_ns, now.position_ns)))
            except KeyboardInterrupt:
                raise CommandError("Stopped.", returncode=INTERRUPTED) from None
            except (RedisError, OSError) as error:
                raise CommandError(f"Redis does not answer ({error}); `manage.py up` starts it.") from None
        if last is None:
            row.refresh_from_db()
            raise CommandError(row.detail or "another process plays it")
        self._sum_up(last, time.monotonic() - began_s)
        if last.state != "done":
            raise CommandError(f"{last.state}: {last.detail}")

    def _sum_up(self, last: Told, seconds: float) -> None:
        for line in report.summary(last, seconds):
            self.stdout.write(line)


async def _perform(row: Replay, told: Callable[[Told], None]) -> Told | None:
    candles = CandleWriter(closed_candles)
    writing = asyncio.create_task(candles.run())
    try:
        return await new_stage(candles.add).perform(row, told)
    finally:
        await ended([writing])
        await candles.part()


def _path(file: str) -> Path:
    path = Path(file)
    if not path.exists() and file.isalnum() and folder.of(file).is_dir():
        return folder.of(file)
    return path


def _extent(paths: Sequence[Path], whole: bool) -> Extent:
    try:
        found = extent.of(paths, whole)
    except OSError as error:
        raise CommandError(f"nothing could be read: {error.filename}: {error.strerror or error}") from None
    if not found.lines:
        raise CommandError(f"{', '.join(map(str, paths))} is no recording: no line of one is in it")
    return found


def _row(paths: Sequence[Path], options: dict[str, Any]) -> Replay:
    option = "--speed"
    try:
        clock.speed(options["speed"])
        option = "--fault"
        faults = [str(Fault.parse(text)) for text in options["fault"]]
    except ValueError as error:
        raise CommandError(f"{option}: {error}.", returncode=REFUSED) from None
    given = {name: options[name] for name in ("speed", "seed", "paused", "original", "candles", "kafka")}
    files = [str(path.absolute()) for path in paths]
    return Replay(files=files, exchange=options["exchange"] or "", faults=faults, **given)


def _script(row: Replay, paths: Sequence[Path]) -> Script:
    faults = [Fault.parse(text) for text in row.faults]
    return Script(row.id, paths, row.exchange or None, None, faults=faults, seed=row.seed)


@contextmanager
def _shown(last_ns: int | None) -> Iterator[Callable[[int | None, int | None], None]]:
    """A bar on a terminal; elsewhere nothing, since the end says it all."""
    if not sys.stderr.isatty():
        yield lambda first_ns, now_ns: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task("0 s", total=None)

        def told(first_ns: int | None, now_ns: int | None) -> None:
            if first_ns is None or not now_ns:
                return
            seconds = (now_ns - first_ns) / 1e9
            total = None if last_ns is None else max(1, last_ns - first_ns)
            bar.update(row, completed=now_ns - first_ns, total=total, description=f"{seconds:.0f} s of the recording")

        yield told
