"""Binance's local order book of one market: buffer diffs, prove them by a snapshot, apply, notice a break. Pure.

Source: https://developers.binance.com/en/docs/products/spot, "How to manage a local order book correctly".
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from exchanges.book import Book
from exchanges.decimals import unsigned
from exchanges.events import Level

BUFFERED = 10_000  # diffs that wait for a snapshot; one more and the buffer starts over with it

Delta = tuple[tuple[Level, ...], tuple[Level, ...]]


@dataclass(frozen=True, slots=True)
class Update:
    """One diff: absolute quantities after the updates `first_id` to `last_id`."""

    first_id: int
    last_id: int
    event_us: int
    received_ns: int
    bids: list[Level]
    asks: list[Level]


@dataclass(frozen=True, slots=True)
class Start:
    """One snapshot: the state after the update `update_id`, of at most `limit` levels a side."""

    update_id: int
    bids: list[Level]
    asks: list[Level]
    limit: int
    received_ns: int


class Break(Exception):
    """An update is missing, or the book became impossible: it is no longer proven."""


class LocalBook:
    """One market's book. Unproven until `seed` succeeds; a proven one can be seeded again while it goes on."""

    def __init__(self) -> None:
        self.book = Book()
        self.update_id: int | None = None  # the state is the one after this update; None while unproven
        self.event_us: int | None = None  # of the newest applied diff
        self.received_ns = 0  # of the newest applied diff or snapshot
        self.last_proven_us: int | None = None  # outlives a break
        self._buffer: deque[Update] | None = None
        self._oldest_id = 0  # a snapshot before this update cannot be joined to the buffer

    @property
    def proven(self) -> bool:
        return self.update_id is not None

    @property
    def seeding(self) -> bool:
        """True while diffs are buffered for a snapshot."""
        return self._buffer is not None

    @property
    def waiting(self) -> int:
        """Diffs that cannot be shown before a snapshot comes."""
        return len(self._buffer or ()) if self.update_id is None else 0

    def seed_again(self) -> None:
        """Begin to buffer for a new snapshot; the book goes on meanwhile."""
        self._buffer, self._oldest_id = deque(), self.update_id or 0

    def push(self, update: Update) -> Delta | None:
        """The window's delta; None where nothing can be told. Raises Break, and has then started over."""
        if self._buffer is not None:
            self._keep(update)
        if self.update_id is None:
            if self._buffer is None:
                self._start_over([update])
            return None
        if update.last_id <= self.update_id:
            return None
        if update.first_id > self.update_id + 1:
            expected = self.update_id + 1
            self._start_over([update])
            raise Break(f"update {expected} is missing, {update.first_id} came")
        delta = self.book.apply(update.bids, update.asks)
        if self.book.crossed:
            self._start_over([update])
            raise Break(f"the book is crossed after update {update.last_id}")
        self._applied(update)
        return delta

    def seed(self, start: Start, early: bool = False) -> bool:
        """Join a snapshot to the buffered diffs; False where a newer snapshot is needed.

        A snapshot that was taken before the first diff (`early`, in recordings) may also end where that begins.
        """
        buffer, update_id = self._buffer, start.update_id
        if buffer is None or update_id < self._oldest_id - early:
            return False
        book, local_id, last = Book(self.book.window), update_id, None
        book.replace(start.bids, start.asks, start.limit)
        for index, update in enumerate(buffer):
            if update.last_id <= local_id:
                continue
            sound = update.first_id <= local_id + 1
            if sound:
                book.apply(update.bids, update.asks)
            if not sound or book.crossed:
                self._buffer_from(list(buffer)[index:])
                return False
            local_id, last = update.last_id, update
        if book.crossed or (self.update_id is not None and local_id < self.update_id):
            return False
        self.book, self.update_id, self._buffer = book, local_id, None
        self.event_us = last.event_us if last else self.event_us
        # A diff that the snapshot holds already was proven by it all the same.
        self.last_proven_us = buffer[-1].event_us if buffer else self.last_proven_us
        self.received_ns = max(start.received_ns, last.received_ns if last else 0)
        return True

    def _applied(self, update: Update) -> None:
        self.update_id, self.received_ns = update.last_id, update.received_ns
        self.event_us = self.last_proven_us = update.event_us

    def _keep(self, update: Update) -> None:
        assert self._buffer is not None
        if len(self._buffer) < BUFFERED:
            self._buffer.append(update)
        else:
            self._buffer_from([update])

    def _start_over(self, updates: list[Update]) -> None:
        self.update_id = self.event_us = None
        self._buffer_from(updates)

    def _buffer_from(self, updates: list[Update]) -> None:
        self._buffer, self._oldest_id = deque(updates), updates[0].first_id


def levels(side: Iterable[tuple[str, str]]) -> list[Level]:
    """Their levels as canonical text; BadFrame for what is no level."""
    return [(unsigned(price), unsigned(quantity)) for price, quantity in side]
