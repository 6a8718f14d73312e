"""From a hold loop to Redis: all that waited since the last flush in one round trip, then an envelope a group.

There is no timer: while one flush is under way the next one gathers. What waits is bounded; over the bound it is
dropped as a whole and `on_lost` is told, so that each topic says so by a gap.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import envelope, keys
from streams.lease import TTL_MS, Lease
from streams.position import Position

log = logging.getLogger(__name__)

WAITING_BYTES = 64 * 2**20
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
SEND_TIMEOUT_S = 5.0
HISTORY_MIN = 32  # entries of a topic that are kept whatever the budget says


class Numbered(Protocol):
    """What the publisher needs to know of a line."""

    topic: str
    epoch: int
    seq: int
    time_us: int | None
    trade_id: str | None


@dataclass(slots=True)
class Batch:
    """Consecutive events of one topic and epoch that wait for the flush."""

    lease: Lease
    line: Any
    epoch: int
    first: int
    events: list[bytes] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)
    fields: dict[str, str | bytes] = field(default_factory=dict)

    @property
    def last(self) -> Position:
        return Position(self.epoch, self.first + len(self.events) - 1)

    @property
    def item(self) -> envelope.Item:
        return envelope.Item(self.line.topic, self.epoch, self.first, self.events, self.notes)


class Publisher:
    """One a hold loop. `add`, `note` and `fields` never wait; `run` writes."""

    def __init__(
        self,
        redis: Redis,
        layer: Any,
        history_events: int,
        history_bytes: int,
        on_lost: Callable[[], None],
        on_refused: Callable[[Lease], None],
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self._flush = redis.register_script((Path(__file__).parent / "flush.lua").read_text())
        self._redis = redis
        self._layer = layer
        self._history_events = history_events
        self._history_bytes = history_bytes
        self._on_lost = on_lost
        self._on_refused = on_refused
        self._waiting_bytes = waiting_bytes
        self._batches: dict[tuple[str, int], Batch] = {}
        self._bytes = 0
        self._waiting = asyncio.Event()
        self._begun = self._ended = 0  # flushes
        self._end = asyncio.Event()  # of the flush under way
        self._left: set[str] = set()  # topics that are no longer carried here; what waits of them is still written
        self._mean: dict[str, tuple[float, float]] = {}  # topic -> (events, bytes) of a typical history entry

    def add(self, lease: Lease, line: Numbered, event: bytes) -> None:
        """One counted event, the line's newest."""
        batch = self._batches.get((line.topic, line.epoch))
        if batch is None:
            batch = self._batch(lease, line, line.seq)
        elif not batch.events:
            batch.first = line.seq
        batch.events.append(event)
        self._bytes += len(event)
        if self._bytes > self._waiting_bytes:
            self._overflow()

    def note(self, lease: Lease, line: Numbered, event: bytes) -> None:
        """One event that is not counted; also kept as the topic's last status."""
        batch = self._batches.get((line.topic, line.epoch)) or self._batch(lease, line, line.seq + 1)
        batch.notes.append(event)
        batch.fields["status"] = event

    def fields(self, lease: Lease, line: Numbered, **fields: str | bytes) -> None:
        """What is kept of the topic beside its history."""
        batch = self._batches.get((line.topic, line.epoch)) or self._batch(lease, line, line.seq + 1)
        batch.fields.update(fields)

    async def run(self) -> None:
        """Flushes until cancelled."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            batches, self._batches, self._bytes = list(self._batches.values()), {}, 0
            left, self._left = self._left, set()
            self._begun += 1
            refused = await self._write(batches)
            await self._announce([batch for n, batch in enumerate(batches) if n not in refused])
            for lease in {batches[n].lease for n in refused}:
                self._on_refused(lease)
            for topic in left:
                self._mean.pop(topic, None)
            self._ended += 1
            self._end.set()
            self._end = asyncio.Event()

    async def drained(self) -> None:
        """Returns when what waits now is written; what is added meanwhile, without end perhaps, is not waited for."""
        last = self._begun + bool(self._batches)
        while self._ended < last:
            await self._end.wait()

    def _batch(self, lease: Lease, line: Numbered, first: int) -> Batch:
        batch = self._batches[line.topic, line.epoch] = Batch(lease, line, line.epoch, first)
        self._waiting.set()
        return batch

    def _overflow(self) -> None:
        log.error("Redis took nothing while %d bytes waited: dropped, each topic says so by a gap", self._bytes)
        self._batches, self._bytes = {}, 0
        self._on_lost()

    async def _write(self, batches: list[Batch]) -> set[int]:
        """The indexes of refused batches. Tries until Redis answers: nothing may overtake what waits."""
        arguments = self._arguments(batches)
        attempt = 0
        while True:
            try:
                refused = await self._flush(args=arguments)
                return {index - 1 for index in refused}
            except (RedisError, OSError) as error:
                if attempt == 0:
                    log.warning("Redis does not take what the exchanges say, it waits here: %s", error)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1

    def _arguments(self, batches: list[Batch]) -> list[Any]:
        leases = list({batch.lease for batch in batches})
        index = {lease: number for number, lease in enumerate(leases, 1)}
        arguments: list[Any] = [TTL_MS, len(leases)]
        for lease in leases:
            arguments += (lease.key, lease.token)
        for batch in batches:
            topic, events = batch.line.topic, batch.events
            blob = b"\n".join(events)
            fields = batch.fields
            if events:
                fields = {"stopped": "0", **fields, "position": str(batch.last), "time_us": batch.line.time_us or 0}
                if batch.line.trade_id is not None:
                    fields["trade_id"] = batch.line.trade_id
            history = keys.history(topic) if events else ""
            length = self._length(topic, len(events), len(blob)) if events else 0
            arguments += (index[batch.lease], history, keys.latest(topic), str(batch.last), blob, length, len(fields))
            for name, value in fields.items():
                arguments += (name, value)
        return arguments

    def _length(self, topic: str, events: int, size: int) -> int:
        """How many entries the topic's history keeps: bounded by events, and by its share of one budget of memory."""
        mean_events, mean_bytes = self._mean.get(topic, (events, size))
        mean_events += (events - mean_events) / 16
        mean_bytes += (size - mean_bytes) / 16
        self._mean[topic] = mean_events, mean_bytes
        share = self._history_bytes / len(self._mean)
        return max(HISTORY_MIN, int(min(self._history_events / mean_events, share / max(mean_bytes, 1.0))))

    def forget(self, topic: str) -> None:
        """The topic is no longer carried here: its share of the budget is free after the next flush."""
        self._left.add(topic)

    async def _announce(self, batches: list[Batch]) -> None:
        """A batch without events tells where a quiet topic stands: Pub/Sub may have lost the last message."""
        grouped = envelope.messages([batch.item for batch in batches])
        # In one round trip for all groups: `group_send` takes one each, and a busy loop waits its turn for every one.
        pipeline = self._redis.pipeline(transaction=False)
        for name, message in grouped.items():
            pipeline.publish(self._layer._get_group_channel_name(name), self._layer.serialize(message))
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await pipeline.execute()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError: readers fill the hole from the history
            log.warning("an envelope was not sent: %s", error)
