"""What the histories of many topics have after the positions up to which they were read."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis

from streams import keys
from streams.forwarders.lines import Line
from streams.position import Position

ONE_READ_BYTES = 4 * 2**20  # about so much of one answer
ONE_READ_TOPICS = 256
ENTRIES_MAX = 1_000  # of one topic in one answer
WAIT_MS = 500
PAUSE_S = 0.02  # between looks at more topics than one read takes
FIRST_GUESS_BYTES = 4_096  # of an entry


class Found(NamedTuple):
    """What the history has of a line after the position `asked`; the line may stand elsewhere by now."""

    line: Line
    asked: Position
    entries: list["Entry"]


class Entry(NamedTuple):
    """Consecutive events; `last` is the position of the last."""

    last: Position
    events: list[bytes]

    @property
    def first(self) -> Position:
        return Position(self.last.epoch, self.last.seq - len(self.events) + 1)

    def after(self, position: Position) -> "Entry":
        """Without what was read before."""
        known = position.seq - self.first.seq + 1 if position.epoch == self.last.epoch else 0
        return Entry(self.last, self.events[known:]) if known > 0 else self


class Reader:
    """Reads a bounded piece at a time; who has much waiting comes again sooner."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._entry_bytes = float(FIRST_GUESS_BYTES)
        self._turn = 0
        self._hungry: list[Line] = []  # had more than one read took
        self._was_hungry = False

    async def read(self, lines: Sequence[Line]) -> list[Found]:
        """New entries, oldest first, of some of the lines; waits a moment where there are none."""
        there = set(map(id, lines))
        hungry = [line for line in self._hungry if id(line) in there]
        self._was_hungry = bool(hungry) and not self._was_hungry
        some = hungry if self._was_hungry else self._next(lines)
        if not some:
            await asyncio.sleep(WAIT_MS / 1000)
            return []
        count = int(min(ENTRIES_MAX, max(1, ONE_READ_BYTES / self._entry_bytes / len(some))))
        alone = len(lines) <= ONE_READ_TOPICS
        by_key = {keys.history(line.topic).encode(): (line, line.read) for line in some}
        positions = {key: str(asked) for key, (_, asked) in by_key.items()}
        found = await self._redis.xread(positions, count=count, block=WAIT_MS if alone and not hungry else None) or []
        taken = [Found(*by_key[key], [_entry(*pair) for pair in pairs]) for key, pairs in found]
        self._learn(taken)
        full = [found.line for found in taken if len(found.entries) >= count]
        self._hungry = full if self._was_hungry else list({id(line): line for line in (*hungry, *full)}.values())
        if not taken and not alone and self._turn == 0:
            await asyncio.sleep(PAUSE_S)
        return taken

    def _next(self, lines: Sequence[Line]) -> Sequence[Line]:
        some = lines[self._turn : self._turn + ONE_READ_TOPICS] or lines[:ONE_READ_TOPICS]
        self._turn = self._turn + ONE_READ_TOPICS if self._turn + ONE_READ_TOPICS < len(lines) else 0
        return some

    def _learn(self, taken: list[Found]) -> None:
        entries = [entry for found in taken for entry in found.entries]
        if entries:
            size = sum(len(event) for entry in entries for event in entry.events) / len(entries)
            self._entry_bytes += (max(size, 100.0) - self._entry_bytes) / 4


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
    return Entry(Position.parse(entry_id), fields[b"events"].split(b"\n"))
