"""Closed candles to the database, through a bounded queue: a slow database never holds up the live path."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from channels.db import database_sync_to_async
from django.db import DataError, Error, IntegrityError

from exchanges.events import Candle

log = logging.getLogger(__name__)

WAITING = 20_000  # candles; the oldest make room, and the candle pull finds the hole
PAUSE_S = 1.0
RETRY_S = 5.0
PARTING_S = 2.0  # how long a loop that stops goes on writing what waits
PIECE = 1_000  # candles in one transaction


class CandleWriter:
    """`write` stores candles of one exchange; it blocks, so it runs in a thread, which is no other's: a database that
    hangs keeps it."""

    def __init__(self, write: Callable[[str, Sequence[Candle]], object]) -> None:
        self._write = database_sync_to_async(write, thread_sensitive=False, executor=ThreadPoolExecutor(1, "candles"))
        self._waiting: deque[tuple[str, Candle]] = deque()
        self._dropped = 0

    def add(self, exchange: str, candle: Candle) -> None:
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._dropped += 1
            if self._dropped == 1:
                log.error("the database takes no candles: the oldest that wait are left to the candle pull")
        self._waiting.append((exchange, candle))

    async def run(self) -> None:
        """Writes what waits, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE_S)
            if not await self._written():
                await asyncio.sleep(RETRY_S)

    async def part(self) -> None:
        """The loop stops: what still waits is written, if that goes quickly."""
        try:
            async with asyncio.timeout(PARTING_S):
                await self._written()
        except TimeoutError:
            pass
        if self._waiting:
            log.error("%d closed candles were not stored: they are left to the candle pull", len(self._waiting))

    async def _written(self) -> bool:
        """Whether nothing waits any more. What is being written goes on waiting until it is."""
        while self._waiting:
            exchange = self._waiting[0][0]
            piece = [each for each in list(self._waiting)[:PIECE] if each[0] == exchange]
            try:
                await self._store(exchange, [candle for _, candle in piece])
            except Error as error:  # the database is away, or not ready: the next turn tries again
                log.warning("%d closed candles wait for the database: %s", len(self._waiting), error)
                return False
            written = {id(candle) for _, candle in piece}
            self._waiting = deque(each for each in self._waiting if id(each[1]) not in written)
        if self._dropped:
            log.error("%d closed candles were left to the candle pull", self._dropped)
            self._dropped = 0
        return True

    async def _store(self, exchange: str, candles: Sequence[Candle]) -> None:
        """A candle that cannot be stored, ever, does not hold up the others."""
        try:
            await self._write(exchange, candles)
        except Exception as error:  # of a candle that nobody foresaw too
            if isinstance(error, Error) and not isinstance(error, DataError | IntegrityError):
                raise
            if len(candles) == 1:
                log.error("%s: a closed candle is left out, it cannot be stored: %s: %r", exchange, error, candles[0])
                return
            half = len(candles) // 2
            await self._store(exchange, candles[:half])
            await self._store(exchange, candles[half:])
