"""Which topics are forwarded, and after which position: those that are wanted, and for a while those that were."""

import logging
import time
from collections.abc import Iterable

from redis.asyncio import Redis

from streams.forwarders import positions
from streams.forwarders.lines import Line
from streams.forwarders.names import Per, kafka_topic, key
from streams.lease import Lease
from streams.position import Position
from streams.report import KEEP_HISTORY_S

log = logging.getLogger(__name__)

# A topic that comes back so soon goes on where it was, so that no reader sees an unexplained jump; the history of one
# that nobody carries lasts no longer.
KEEP_S = float(KEEP_HISTORY_S)


class Following:
    """Topics by name. A new one begins with what is said from now on, not with what the history has."""

    def __init__(self, redis: Redis, output: str, lease: Lease, per: Per, prefix: str) -> None:
        self._redis, self._output, self._lease = redis, output, lease
        self._per, self._prefix = per, prefix
        self.lines: dict[str, Line] = {}
        self._forget: list[str] = []

    async def begin(self) -> None:
        """With what was forwarded before; it is known soon what of that is still wanted."""
        for topic, position in (await positions.stored(self._redis, self._output)).items():
            self._add(topic, position, stored=position, unwanted_s=time.monotonic())

    async def follow(self, wanted: Iterable[str]) -> None:
        """From now on these."""
        wanted = set(wanted)
        for topic, line in list(self.lines.items()):
            self._look(topic, line, topic in wanted)
        new = sorted(wanted - self.lines.keys())
        if new:
            for topic, position in zip(new, await positions.ends(self._redis, new), strict=True):
                self._add(topic, position)
            await self.store()

    async def store(self) -> bool:
        """Keeps what was acknowledged since the last time. False where the lease is nobody's, or another's, by now."""
        changed = {topic: line.acked for topic, line in self.lines.items() if line.stored != line.acked}
        forget, self._forget = [topic for topic in self._forget if topic not in self.lines], []
        if not changed and not forget:
            return True
        if not await positions.store(self._redis, self._output, self._lease, changed, forget):
            return False
        for topic, position in changed.items():
            if topic in self.lines:
                self.lines[topic].stored = position
        return True

    async def look(self) -> None:
        """A Redis that has forgotten positions, as one that was emptied, is told all again."""
        known = sum(line.stored is not None for line in self.lines.values())
        if await positions.count(self._redis, self._output) < known:
            self.store_again()

    def store_again(self) -> None:
        """Redis may have lost it."""
        for line in self.lines.values():
            line.stored = None

    def _look(self, topic: str, line: Line, wanted: bool) -> None:
        now_s = time.monotonic()
        if wanted:
            line.unwanted_s = None
        elif line.unwanted_s is None:
            line.unwanted_s = now_s
        elif now_s - line.unwanted_s > KEEP_S and not line.parcels:
            del self.lines[topic]
            self._forget.append(topic)

    def _add(
        self, topic: str, position: Position, stored: Position | None = None, unwanted_s: float | None = None
    ) -> None:
        try:
            there = kafka_topic(topic, self._per, self._prefix)
        except ValueError as error:
            log.warning("%s is not forwarded: %s", topic, error)
            return
        line = Line(topic, there, key(topic), acked=position, read=position, stored=stored, unwanted_s=unwanted_s)
        line.even = position if stored is None else None
        self.lines[topic] = line
