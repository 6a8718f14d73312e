"""A book whose start has to be asked for: buffer diffs, prove them by a snapshot, apply, notice a break. Pure.

The procedure is Binance's: https://developers.binance.com/en/docs/products/spot, "How to manage a local order book
correctly"; which update follows which is the caller's rule.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from exchanges.book import WINDOW, Book
from exchanges.depths import Break, Delta, ProvenBook
from exchanges.events import Level

BUFFERED = 10_000  # diffs that wait for a snapshot; one more and the buffer starts over with it


@dataclass(frozen=True, slots=True)
class Update:
    """One diff: absolute quantities after the updates `first_id` to `last_id`; `previous_id` where the exchange says
    which update the one before ended with."""

    first_id: int
    last_id: int
    event_us: int
    received_ns: int
    bids: list[Level]
    asks: list[Level]
    previous_id: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """One snapshot: the state after the update `update_id`, of at most `limit` levels a side."""

    update_id: int
    bids: list[Level]
    asks: list[Level]
    limit: int
    received_ns: int


Follows = Callable[[Update, int], bool]  # whether the update may be applied to the state after this id


def contiguous(update: Update, local_id: int) -> bool:
    """Ids run without a hole (Binance spot)."""
    return update.first_id <= local_id + 1


class SeededBook(ProvenBook):
    """One market's book. Unproven until `seed` succeeds; a proven one can be seeded again while it goes on.

    `joins` judges the first update after a snapshot, `follows` every later one.
    """

    def __init__(self, follows: Follows = contiguous, joins: Follows = contiguous, window: int = WINDOW) -> None:
        """`window` levels a side are shown; a snapshot has to hold some more, or it is short at once."""
        super().__init__()
        self.book = Book(window)
        self._follows, self._joins = follows, joins
        self._buffer: deque[Update] | None = None
        self._oldest_id = 0  # a snapshot before this update cannot be joined to the buffer
        self._joined = False  # an update was applied since the snapshot

    @property
    def seeding(self) -> bool:
        """True while diffs are buffered for a snapshot."""
        return self._buffer is not None

    @property
    def waiting(self) -> int:
        """Diffs that cannot be shown before a snapshot comes."""
        return 0 if self.proven else len(self._buffer or ())

    def seed_again(self) -> None:
        """Begin to buffer for a new snapshot; the book goes on meanwhile."""
        self._buffer, self._oldest_id = deque(), self.sequence or 0

    def push(self, update: Update) -> Delta | None:
        """The window's delta; None where nothing can be told. Raises Break, and has then started over."""
        if self._buffer is not None:
            self._keep(update)
        if self.sequence is None:
            if self._buffer is None:
                self._start_over([update])
            return None
        if update.last_id <= self.sequence:
            return None
        if not (self._follows if self._joined else self._joins)(update, self.sequence):
            expected = self.sequence + 1
            self._start_over([update])
            raise Break(f"update {expected} is missing, {update.first_id} came")
        try:
            delta = self.apply(
                update.bids, update.asks, sequence=update.last_id, event_us=update.event_us,
                received_ns=update.received_ns,
            )  # fmt: skip
        except Break:
            self._start_over([update])
            raise
        if self.book.thin(1):
            self._start_over([update])
            raise Break(f"no known level of a side is left after update {update.last_id}")
        self._joined = True
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
            sound = (self._follows if last else self._joins)(update, local_id)
            if sound:
                book.apply(update.bids, update.asks)
            if not sound or book.crossed:
                self._buffer_from(list(buffer)[index:])
                return False
            local_id, last = update.last_id, update
        if book.crossed or (self.sequence is not None and local_id < self.sequence):
            return False
        self.book, self._buffer, self._joined = book, None, last is not None
        received_ns = max(start.received_ns, last.received_ns if last else 0)
        self._stands(local_id, last.event_us if last else None, received_ns)
        # A diff that the snapshot holds already was proven by it all the same.
        self.last_proven_us = buffer[-1].event_us if buffer else self.last_proven_us
        return True

    def _keep(self, update: Update) -> None:
        assert self._buffer is not None
        if len(self._buffer) < BUFFERED:
            self._buffer.append(update)
        else:
            self._buffer_from([update])

    def _start_over(self, updates: list[Update]) -> None:
        self.lose()
        self._buffer_from(updates)

    def _buffer_from(self, updates: list[Update]) -> None:
        first = updates[0]
        # Where the exchange names the update before, a snapshot that ends there joins too.
        self._buffer, self._oldest_id = (
            deque(updates),
            first.first_id if first.previous_id is None else first.previous_id,
        )
