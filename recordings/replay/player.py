"""One replay as it runs: paced by its clock, written to Redis under a lease, told about each second."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges.contract import Card
from exchanges.events import Candle
from recordings.replay.clock import Clock
from recordings.replay.performance import Performance
from recordings.replay.script import Progress, Script, State
from streams import history, keys, lease, replays
from streams.ending import ended
from streams.kept_books import KeptBooks
from streams.lease import Lease
from streams.publishers.redis import Publisher
from streams.report import KEEP_HISTORY_S

log = logging.getLogger(__name__)

EARLY_S = 0.0005  # what is due so soon is said now: no timer is finer
SLICE_S = 0.005  # of work before others have their turn
WAITS_BYTES = 8 * 2**20  # that wait for Redis; more is not read meanwhile
BOOKS_S = 0.1
TURNS = 10  # of that, between two words about itself
SAY_AGAIN_TURNS = 50
EXPIRE_TURNS = 200
BOOKS_AT_ONCE = 4
AFTER_S = 3600  # the topics' keys stay for so long after the end
PARTING_S = 10.0
ENDED = "the replay has ended"


class Over(Exception):
    """It ends before its end: how, and why. `left`: another process is to go on with it."""

    def __init__(self, state: State, detail: str, left: bool = False) -> None:
        super().__init__(detail)
        self.state, self.detail, self.left = state, detail, left


class Player:
    """`wish` and `stop` may be called while `run` plays; `progress` says how far it is."""

    def __init__(
        self,
        script: Script,
        redis: Redis,
        layer: Any,
        cards: Mapping[str, Card],
        taken: Lease,
        name: str,
        history_events: int,
        history_bytes: int,
        closed_candle: Callable[[str, Candle], None] = lambda exchange, candle: None,
    ) -> None:
        self.script, self._redis, self._lease, self._name = script, redis, taken, name
        self._publisher = Publisher(redis, layer, history_events, history_bytes, self._overflowed, self._refused)
        self._performance = Performance(script, cards, taken, self._publisher, closed_candle)
        self._engine, self._told = self._performance.engine, self._performance.told
        self._told.silent = script.position_ns > 0
        self._clock = Clock(script.speed)
        self._started = False
        self._changed = asyncio.Event()
        self._over: Over | None = None
        self._ending = asyncio.Event()
        self._kept_books = KeptBooks()
        self._breath_s = time.monotonic()
        self._written_ns: int | None = script.position_ns or None
        self._shown: frozenset[str] = frozenset()
        if script.paused:
            self._clock.pause(self._breath_s)

    def wish(self, speed: float | None, paused: bool) -> None:
        """At another speed, or not at the moment."""
        now_s = time.monotonic()
        if speed != self._clock.speed:
            self._clock.change(speed, self._engine.now_ns, now_s)
        if paused != self._clock.paused:
            (self._clock.pause if paused else self._clock.go_on)(now_s)
        self._changed.set()

    def stop(self, state: State, detail: str, left: bool = False) -> None:
        """Ends it; `left`: another process is to go on with it."""
        self._over = self._over or Over(state, detail, left)
        self._ending.set()

    def progress(self) -> Progress:
        """As far as all is written."""
        now = self._performance.progress()
        now.position_ns = self._written_ns
        now.state = "paused" if self._clock.paused else "playing"
        if self._told.silent:
            now.detail = "goes on where it was: what was told before is passed over"
        return now

    @property
    def left(self) -> bool:
        """It ended here, and another process is to go on with it."""
        return bool(self._over and self._over.left)

    async def run(self) -> Progress:
        """Plays to the end, or until it is stopped; the last progress says how it ended."""
        flushing, beating, playing, ending = map(
            asyncio.create_task, (self._publisher.run(), self._beat(), self._play(), self._ending.wait())
        )
        over = Over("done", "")
        try:
            await asyncio.wait({flushing, beating, playing, ending}, return_when=asyncio.FIRST_COMPLETED)
            for task in (playing, flushing, beating):
                if task.done():
                    task.result()
            over = self._over or over
        except OSError as error:
            over = Over("failed", f"{error.filename or 'a file'}: {error.strerror or error}")
        except Exception as error:  # the others must live, whatever one replay brings
            log.exception("replay %s ended by an error of ours", self.script.replay)
            over = Over("failed", f"internal error: {error!r}")
        finally:
            await ended([playing, beating, ending])
            try:
                await self._part(over)
            finally:
                await ended([flushing])
        last = self.progress()
        last.state, last.detail = over.state, over.detail
        return last

    async def _play(self) -> None:
        for item in self._performance.items():
            await self._until(self._performance.at_ns(item))
            self._performance.take(item)
        if self._told.silent:
            await self._speak()

    async def _until(self, at_ns: int) -> None:
        """Returns when that moment of the recording has come."""
        if not self._started and at_ns:
            self._started = True
            self._clock.start(at_ns, time.monotonic())
        # What lies at that very moment, or was stamped earlier by a clock set back, may not have been told.
        if self._told.silent and max(at_ns, self._engine.now_ns) >= self.script.position_ns:
            await self._speak()
        while True:
            now_s = time.monotonic()
            if now_s - self._breath_s > SLICE_S:
                await self._breathe()
            if self._told.silent or (self._clock.speed is None and not self._clock.paused):
                return
            due_ns = min(at_ns, self._engine.tick_ns or at_ns)
            wait_s = self._clock.wait_s(due_ns, now_s)
            if wait_s > EARLY_S:
                await self._rest(wait_s)
            elif due_ns < at_ns:
                self._engine.until(due_ns)
            else:
                return

    async def _rest(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(None if wait_s == float("inf") else wait_s):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()
        self._breath_s = time.monotonic()

    async def _breathe(self) -> None:
        """Others have their turn, and Redis takes what waits."""
        await asyncio.sleep(0)
        while self._publisher.waits_bytes > WAITS_BYTES:
            await self._publisher.drained()
        self._breath_s = time.monotonic()

    async def _speak(self) -> None:
        """From here on, but for what the process before has said beyond it."""
        while True:
            try:
                self._told.before = await self._positions()
                break
            except (RedisError, OSError) as error:
                log.warning("replay %s: where it stood is not known yet: %s", self.script.replay, error)
                await asyncio.sleep(1.0)
        self._told.silent = False
        self._clock.start(self.script.position_ns, time.monotonic())

    async def _positions(self) -> dict[str, Any]:
        front = "" if self.script.original else f"replay-{self.script.replay}."
        prefix = keys.latest("")
        names = [name.decode() async for name in self._redis.scan_iter(f"{prefix}{front}*", count=1000)]
        topics = [name.removeprefix(prefix) for name in names]
        return {
            topic: kept.position for topic, kept in zip(topics, await history.kept(self._redis, topics), strict=True)
        }

    async def _beat(self) -> None:
        turn = 0
        while True:
            if turn % TURNS == 0:
                try:
                    await self._say(turn)
                except (RedisError, OSError) as error:
                    log.debug("replay %s: no word this time: %s", self.script.replay, error)
            await asyncio.sleep(BOOKS_S)
            self._keep_books()
            self._heartbeats(turn)
            turn += 1

    def _heartbeats(self, turn: int) -> None:
        """Of each topic once a second, of some at a time: what is told waits while Redis takes them."""
        for line in list(self._engine.topics)[turn % TURNS :: TURNS]:
            self._publisher.fields(self._lease, line, **line.beat(TURNS * BOOKS_S), loop=self._name)
        for place, tellers in enumerate(self._engine.tellers.values()):
            if turn % SAY_AGAIN_TURNS == place % SAY_AGAIN_TURNS:
                tellers.numbering.say_again()

    async def _say(self, turn: int) -> None:
        if await lease.renew(self._redis, [self._lease]):
            self._refused(self._lease)
            return
        lines = list(self._engine.topics)
        topics = self._named() | {line.topic for line in lines}
        if self.script.original:
            await replays.take(self._redis, topics)
        shown = () if self.script.original else topics
        state = "paused" if self._clock.paused else "playing"
        kafka = topics if self.script.kafka else ()
        await replays.show(self._redis, self.script.replay, shown, state, kafka=kafka)
        now_s, _ = await self._redis.time()
        pipeline = self._redis.pipeline(transaction=False)
        for line in lines:
            pipeline.zadd(keys.RUNNING, {line.topic: now_s})
            if turn % EXPIRE_TURNS == 0 or line.topic not in self._shown:
                pipeline.expire(keys.history(line.topic), KEEP_HISTORY_S)
                pipeline.expire(keys.latest(line.topic), KEEP_HISTORY_S)
        await pipeline.execute()
        self._shown = frozenset(line.topic for line in lines)
        if not self._told.silent:
            reached_ns = self._engine.now_ns
            await self._publisher.drained()
            self._written_ns = reached_ns

    def _named(self) -> set[str]:
        """The topics that are known before anything is told of them."""
        front = "" if self.script.original else f"replay-{self.script.replay}."
        return {f"{front}{topic}" for topic in self.script.topics}

    def _keep_books(self) -> None:
        """For those who come late."""
        if self._told.silent:
            return
        now_s, left = time.monotonic(), BOOKS_AT_ONCE
        for tellers in self._engine.tellers.values():
            for line in self._kept_books.due(tellers.numbering.lines, now_s)[:left]:
                book = tellers.book(line, self._engine.now_ns)
                if book:
                    self._kept_books.keep(line, now_s)
                    tellers.numbering.store_book(book)
                    left -= 1

    async def _part(self, over: Over) -> None:
        """The topics end, unless another process is to go on with them."""
        topics = self._named() | {line.topic for line in self._engine.topics}
        if not over.left:
            self._engine.end(ENDED if over.state == "done" else over.detail)
        try:
            async with asyncio.timeout(PARTING_S):
                await self._publisher.drained()
                if not self._told.silent:
                    self._written_ns = self._engine.now_ns
                if not over.left:
                    await self._close(topics)
                await lease.release(self._redis, self._lease)
        except (RedisError, OSError) as error:  # TimeoutError is one
            log.warning("replay %s parted without a word: %s", self.script.replay, error)

    async def _close(self, topics: set[str]) -> None:
        await replays.hide(self._redis, self.script.replay)
        if self.script.original:
            await replays.give_back(self._redis, topics)
        pipeline = self._redis.pipeline(transaction=False)
        for topic in topics:
            pipeline.expire(keys.history(topic), AFTER_S)
            pipeline.expire(keys.latest(topic), AFTER_S)
            pipeline.zrem(keys.RUNNING, topic)
        await pipeline.execute()

    def _refused(self, gone: Lease) -> None:
        self.stop("failed", "another process plays it", left=True)

    def _overflowed(self) -> None:
        """More waited for Redis than may: each topic says so."""
        for tellers in self._engine.tellers.values():
            tellers.overflowed(self._engine.now_ns)
