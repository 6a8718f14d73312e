"""One recording under way: reads the tapes of its exchanges and writes what is its own, until its end."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from enum import Enum

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recordings import taped, tapes
from recordings.sink import Sink, Written
from recordings.taker import Taker
from recordings.tally import Tally
from recordings.tapes import Entry

log = logging.getLogger(__name__)

RETRY_S = 5.0  # after it could not be written
REDIS_RETRY_S = 1.0
LAST_WORDS_NS = 1_500_000_000  # what was heard before the end is on the tape by then
GIVE_UP_NS = 60_000_000_000  # after the end, where it cannot be written


class State(Enum):
    """As the database has it."""

    WAITING = "waiting"
    RECORDING = "recording"
    FAILING = "failing"


class Take:
    """`topics` may change while it runs."""

    def __init__(self, redis: Redis, recording: str, topics: Iterable[str], opener: Callable[[], Sink]) -> None:
        """`opener` gives what it is written to; it may wait for the disk and raise OSError."""
        self.recording, self.topics = recording, frozenset(topics)
        self.until_ns: int | None = None
        self.state, self.detail = State.WAITING, ""
        self.failing_ns: int | None = None  # since when it cannot be written
        self.written = Written(Tally(), 0, 0)
        self.opened = False  # what stands on disk was looked at
        self.whole = False  # it was written to its end
        self._redis, self._opener = redis, opener
        self._sink: Sink | None = None
        self._taker: Taker | None = None
        self._interrupted: tuple[int, str] | None = None
        self._leaving = asyncio.Event()

    @property
    def exchanges(self) -> set[str]:
        return {topic.partition(".")[0] for topic in self.topics}

    def members(self, now_ns: int) -> set[str]:
        """What is to be taped for it, as taped.py says it; nothing after its end."""
        if self.until_ns is not None and now_ns > self.until_ns:
            return set()
        found: set[str] = set()
        for exchange in self.exchanges:
            names = self._taker.names(exchange, now_ns) if self._taker else [self.recording]
            found |= taped.members(names, (topic for topic in self.topics if topic.startswith(f"{exchange}.")))
        return found

    def interrupted(self, at_ns: int, why: str) -> None:
        """From this moment, by Redis' clock, or from some moment before, its connections were not taped."""
        self._interrupted = at_ns, why

    def leave(self) -> None:
        """It is gone on with elsewhere: `run` returns soon."""
        self._leaving.set()

    async def run(self) -> None:
        """Until its end, or `leave`."""
        try:
            while not (self._leaving.is_set() or self.whole or self._hopeless()):
                try:
                    await self._turn()
                except OSError as error:
                    self._failed(error)
                    await self._pause(RETRY_S)
        finally:
            if self._sink and not self.whole:
                await asyncio.to_thread(self._sink.leave)

    async def _turn(self) -> None:
        if self._sink is None:
            self._sink = await asyncio.to_thread(self._opener)
            self._succeeded(self._sink)
            self.opened = True
        if self._taker is None:
            self._taker = Taker(self._sink, self.recording)
        sink, taker = self._sink, self._taker
        taker.begin(self.exchanges)
        taker.until_ns = self.until_ns
        entries = await self._read(taker)
        for entry in entries or ():
            self._say_interrupted(taker, entry.put_ns)
            taker.take(entry)
        if entries == []:
            self._say_interrupted(taker, time.time_ns())
        over = entries is not None and self._over(entries)
        if sink.due or over:
            await asyncio.to_thread(sink.flush, taker.positions)
            self._succeeded(sink)
        if over:
            await asyncio.to_thread(sink.close)
            self.whole = True

    async def _read(self, taker: Taker) -> list[Entry] | None:
        """None where Redis does not answer: what it holds comes later."""
        try:
            return await tapes.read(self._redis, taker.positions)
        except (RedisError, OSError) as error:
            log.debug("%s: the tapes cannot be read: %s", self.recording, error)
            await self._pause(REDIS_RETRY_S)
            return None

    def _say_interrupted(self, taker: Taker, heard_ns: int) -> None:
        """After all that was put on tape before it."""
        if self._interrupted and heard_ns >= self._interrupted[0]:
            taker.interrupted(*self._interrupted)
            self._interrupted = None

    def _over(self, entries: list[Entry]) -> bool:
        """What comes now is later than the end; other recordings may go on."""
        if self.until_ns is None:
            return False
        enough_ns = self.until_ns + LAST_WORDS_NS
        return time.time_ns() > enough_ns and all(entry.put_ns > enough_ns for entry in entries)

    def _hopeless(self) -> bool:
        return bool(self.failing_ns and self.until_ns and time.time_ns() > self.until_ns + GIVE_UP_NS)

    def _succeeded(self, sink: Sink) -> None:
        if self.failing_ns is not None:
            log.warning("recording %s can be written again", self.recording)
        self.failing_ns, self.detail = None, ""
        self.written = sink.written
        self.state = State.RECORDING if self.written.tally.lines else State.WAITING

    def _failed(self, error: OSError) -> None:
        """The tape keeps what comes for as long as it can; then the hole is counted when it is read again."""
        if self.failing_ns is None:
            self.failing_ns = time.time_ns()
            log.error("recording %s cannot be written: %s", self.recording, error)
        self.state, self.detail = State.FAILING, f"it cannot be written: {error}"
        if self._taker:
            self._taker.back()

    async def _pause(self, pause_s: float) -> None:
        try:
            await asyncio.wait_for(self._leaving.wait(), pause_s)
        except TimeoutError:
            pass
