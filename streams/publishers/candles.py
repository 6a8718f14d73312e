"""Closed candles to the database, through a bounded queue: a slow database never holds up the live path."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from channels.db import database_sync_to_async

from exchanges.events import Candle

log = logging.getLogger(__name__)

WAITING = 20_000  # candles; the oldest make room, and the candle pull finds the hole
PAUSE_S = 1.0
RETRY_S = 5.0


class CandleWriter:
    """`write` stores candles of one exchange; it blocks, so it runs in a thread."""

    def __init__(self, write: Callable[[str, Sequence[Candle]], object]) -> None:
        self._write = write
        self._waiting: deque[tuple[str, Candle]] = deque(maxlen=WAITING)

    def add(self, exchange: str, candle: Candle) -> None:
        if len(self._waiting) == WAITING:
            log.error("the database takes no candles: the oldest that waits is left to the candle pull")
        self._waiting.append((exchange, candle))

    async def run(self) -> None:
        """Writes what waits, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE_S)
            if self._waiting and not await self._written():
                await asyncio.sleep(RETRY_S)

    async def _written(self) -> bool:
        waiting, self._waiting = self._waiting, deque(maxlen=WAITING)
        by_exchange: dict[str, list[Candle]] = {}
        for exchange, candle in waiting:
            by_exchange.setdefault(exchange, []).append(candle)
        try:
            for exchange, candles in by_exchange.items():
                await database_sync_to_async(self._write, thread_sensitive=False)(exchange, candles)
        except Exception:  # whatever the database says, the next turn tries again
            log.exception("%d closed candles were not stored; trying again", len(waiting))
            self._waiting = deque([*waiting, *self._waiting], maxlen=WAITING)
            return False
        return True
