"""The recorder: one loop of all processes that makes what is written agree with what is asked for, again and again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recordings import folder, requests
from recordings.lines import Header
from recordings.requests import Asked
from recordings.segments import FREE_BYTES_MIN, Writer
from recordings.take import Take
from recordings.tapping import Tapping
from streams import lease
from streams.database import DatabaseAway, database

log = logging.getLogger(__name__)

LEASE = "lease:recorder"
TURN_S = 1.0
IDLE_S = 5.0  # with nothing to record it ends, and its slot is free
LEAVE_S = 10.0


class Superseded(Exception):
    """Another recorder works."""


@dataclass(frozen=True)
class Place:
    """How and where is written."""

    sandbox: bool
    segment_bytes: int
    pinned_bytes: int  # of the recording that follows pins
    free_bytes_min: int = FREE_BYTES_MIN


@dataclass
class Recorder:
    """`pins` gives the topics that a recording is to follow; None where none is."""

    redis: Redis
    name: str
    place: Place
    pins: Callable[[], Awaitable[set[str]]] | None = None
    _takes: dict[str, tuple[Take, asyncio.Task[None]]] = field(default_factory=dict)
    _followed: set[str] | None = None
    _busy_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._stopping = asyncio.Event()
        self._tapping = Tapping(self.redis)

    def stop(self) -> None:
        """What is recorded is gone on with by another recorder."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped, superseded, or idle; at once where another works."""
        taken = await lease.take(self.redis, LEASE, self.name)
        if taken is None:
            return
        try:
            while not self._stopping.is_set() and time.monotonic() - self._busy_s < IDLE_S:
                await self._turn(taken)
                await self._pause()
        except Superseded:
            log.warning("another recorder works: this one ends")
        finally:
            await self._leave()
            try:
                await lease.release(self.redis, taken)
            except (RedisError, OSError):  # it expires
                pass

    async def _turn(self, taken: lease.Lease) -> None:
        try:
            if await lease.renew(self.redis, [taken]):
                raise Superseded
            try:
                await self._reconcile()
            except DatabaseAway:  # what is asked for is as it was
                pass
            self._tapping.takes = [take for take, _ in self._takes.values()]
            await self._tapping.say()
        except (RedisError, OSError) as error:
            log.warning("Redis is away, what is recorded goes on: %s", error)

    async def _reconcile(self) -> None:
        if self.pins:
            followed = await self.pins()
            if followed != self._followed:
                await database.ask(requests.follow_pins, followed)
                self._followed = set(followed)
        asked = {one.id: one for one in await database.ask(requests.active)}
        for one in asked.values():
            if one.id not in self._takes:
                self._begin(one)
            take = self._takes[one.id][0]
            take.topics, take.until_ns = one.topics, one.until_ns
        for take, _ in self._takes.values():
            if take.recording not in asked:
                take.until_ns = min(take.until_ns or time.time_ns(), time.time_ns())
        for take, running in list(self._takes.values()):
            await self._follow(take, running)
        if self._takes:
            self._busy_s = time.monotonic()

    def _begin(self, asked: Asked) -> None:
        header = Header(asked.id, sandbox=self.place.sandbox, started_ns=asked.started_ns)
        most_bytes = self.place.pinned_bytes if asked.pinned else None
        opened = _Opened(folder.of(asked.id), header, self.place, most_bytes)
        take = Take(self.redis, asked.id, asked.topics, opened)
        log.info("recording %s: %d topics", asked.id, len(asked.topics))
        self._takes[asked.id] = take, asyncio.create_task(take.run())

    async def _follow(self, take: Take, running: asyncio.Task[None]) -> None:
        if not running.done():
            await database.ask(requests.report, take)
            return
        if error := running.exception():
            log.error("recording %s had ended and begins anew", take.recording, exc_info=error)
        elif take.recording in await database.ask(requests.known, [take.recording]):
            await database.ask(requests.ended, take)
        else:
            await asyncio.to_thread(folder.remove, take.recording)
        del self._takes[take.recording]

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), TURN_S)
        except TimeoutError:
            pass

    async def _leave(self) -> None:
        for take, _ in self._takes.values():
            take.leave()
        if self._takes:
            await asyncio.wait([running for _, running in self._takes.values()], timeout=LEAVE_S)


@dataclass(frozen=True)
class _Opened:
    """Opens a recording's folder, in a thread of its own."""

    folder: Path
    header: Header
    place: Place
    most_bytes: int | None

    def __call__(self) -> Writer:
        place = self.place
        return Writer(self.folder, self.header, place.segment_bytes, place.free_bytes_min, self.most_bytes)
