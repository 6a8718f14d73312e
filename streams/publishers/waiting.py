"""What waits for Redis: batches of consecutive events of a topic, bounded in bytes over all, taken piece by piece."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from streams import envelope
from streams.lease import Lease
from streams.position import Position

BATCH_BYTES = 256 * 1024  # an entry of the history is no longer: after an outage a topic has much to say


class Numbered(Protocol):
    """What the publisher needs to know of a line."""

    topic: str
    epoch: int
    seq: int
    time_us: int | None
    trade_id: str | None
    closed_ms: int | None


class Written(NamedTuple):
    """Where a topic stood at an event: its time, the last trade's place, the opening of the last closed candle."""

    time_us: int | None
    trade_id: str | None
    closed_ms: int | None


@dataclass(slots=True)
class Batch:
    """Consecutive events of one topic and epoch, and where the topic stood at the last."""

    lease: Lease
    line: Any
    epoch: int
    first: int
    events: list[bytes] = field(default_factory=list)
    notes: list[tuple[int, bytes]] = field(default_factory=list)  # with the seq that each follows
    fields: dict[str, str | bytes] = field(default_factory=dict)
    size: int = 0
    time_us: int | None = None
    trade_id: str | None = None
    closed_ms: int | None = None

    @property
    def written(self) -> Written:
        return Written(self.time_us, self.trade_id, self.closed_ms)

    @property
    def last(self) -> Position:
        return Position(self.epoch, self.first + len(self.events) - 1)

    @property
    def item(self) -> envelope.Item:
        return envelope.Item(self.line.topic, self.epoch, self.first, self.events, self.notes)

    @property
    def kept(self) -> dict[str, str | bytes]:
        """What is kept of the topic beside its history once the batch is written."""
        if not self.events:
            return self.fields
        kept = {"stopped": "0", **self.fields, "position": str(self.last), "time_us": str(self.time_us or 0)}
        if self.trade_id is not None:
            kept["trade_id"] = self.trade_id
        return kept


class Waiting:
    """In the order in which it was said."""

    def __init__(self) -> None:
        self.batches: deque[Batch] = deque()
        self.size = 0  # bytes of all events; what is kept beside them is bounded by the count of topics
        self._newest: dict[str, Batch] = {}  # of each topic

    def event(self, lease: Lease, line: Numbered, event: bytes) -> None:
        """One counted event, the line's newest."""
        batch = self._newest.get(line.topic)
        if batch is None or batch.epoch != line.epoch or batch.lease is not lease or batch.size > BATCH_BYTES:
            batch = self._batch(lease, line, line.seq)
        if not batch.events:
            batch.first = line.seq
        batch.events.append(event)
        batch.time_us, batch.trade_id, batch.closed_ms = line.time_us, line.trade_id, line.closed_ms
        size = len(event)
        batch.size += size
        self.size += size

    def note(self, lease: Lease, line: Numbered, event: bytes) -> None:
        """One event that is not counted; also kept as the topic's last status."""
        batch = self._batch(lease, line, line.seq + 1)
        batch.notes.append((line.seq, event))
        batch.fields["status"] = event
        batch.size += len(event)
        self.size += len(event)

    def fields(self, lease: Lease, line: Numbered, fields: dict[str, str | bytes]) -> None:
        """What is kept of the topic beside its history."""
        batch = self._batch(lease, line, line.seq + 1)
        batch.fields.update(fields)

    def take(self, most_bytes: float) -> list[Batch]:
        """The oldest, of about so many bytes together; what it takes no longer waits."""
        taken, size = [], 0
        while self.batches and size < most_bytes:
            batch = self.batches.popleft()
            taken.append(batch)
            self.size -= batch.size
            size += batch.size + len(batch.fields.get("book", ""))
            if self._newest.get(batch.line.topic) is batch:
                del self._newest[batch.line.topic]
        return taken

    def drop(self) -> Iterable[Batch]:
        """All that waits, oldest first, is not said; but that a topic was stopped is still told."""
        dropped = self.take(float("inf"))
        for batch in dropped:
            if "stopped" in batch.fields:
                self.fields(batch.lease, batch.line, {"stopped": batch.fields["stopped"]})
        return dropped

    def _batch(self, lease: Lease, line: Numbered, first: int) -> Batch:
        """The topic's newest, or a new one after it."""
        newest = self._newest.get(line.topic)
        fields: dict[str, str | bytes] = {}
        if newest and newest.epoch == line.epoch and newest.lease is lease:
            if newest.size <= BATCH_BYTES or not newest.events:
                return newest
            fields, newest.fields = newest.fields, fields  # they are kept once, with the newest
        batch = self._newest[line.topic] = Batch(lease, line, line.epoch, first, fields=fields)
        self.batches.append(batch)
        return batch
