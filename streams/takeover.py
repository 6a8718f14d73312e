"""What another loop has handed over goes on as this loop's own: each stream of a shard from its last event."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from msgspec import structs

from exchanges.contract import Want
from exchanges.events import Counted, Depth, Trade
from streams import exact
from streams.history import Kept
from streams.numbering import Line, Numbering
from streams.rehearsal import NOTHING, Rehearsal, Said, difference, is_identified
from streams.repair import Repairs


@dataclass(frozen=True)
class TakeOver:
    """Of one shard. `book` gives the new connection's own; `away`: there is none now; `polled`: there never is one;
    `open` begins a stream anew."""

    numbering: Numbering
    repairs: Repairs
    rehearsal: Rehearsal
    book: Callable[[str], Depth | None]
    away: bool
    polled: bool
    open: Callable[[Want, Kept], None]

    def all(self, known: Mapping[Want, Kept], said: Mapping[Want, Said]) -> None:
        """`known`: where the other has stopped; `said`: what it has said since this loop listens."""
        follows = self.rehearsal.follows(said)
        for want, kept in known.items():
            if kept.fresh:
                self._go_on(want, kept, said.get(want, NOTHING), follows)
            else:
                self._begin(want, kept)

    def _begin(self, want: Want, kept: Kept) -> None:
        """The other does not carry the stream: all that was heard is news."""
        self.open(want, kept)
        book = self.book(want[1]) if want[0] == "depth" else None
        self._say([book] if book else self.rehearsal.unsaid(want))

    def _go_on(self, want: Want, kept: Kept, said: Said, follows: bool) -> None:
        line = self.numbering.go_on(want, kept)
        unsaid = self.rehearsal.unsaid(want, said, kept.time_us)
        missed = self.polled and want[0] == "trade"  # what was traded since the other asked last
        if self.away or missed or (is_identified(want) and self.rehearsal.broken):
            self.repairs.lost(line, "failover", time.time_ns())
            return
        if want[0] == "depth":
            take_book_over(self.numbering, line, kept, self.book(line.symbol))
        elif is_identified(want) and unsaid and not (follows or _is_next(unsaid[0], line)):
            self.repairs.lost(line, "failover", time.time_ns())
        self._say(unsaid)

    def _say(self, events: Iterable[Counted]) -> None:
        for event in events:
            self.repairs.take(event) or self.numbering.take(event)


def _is_next(event: Counted, line: Line) -> bool:
    """Whether the exchange counts its trades, and none lies between."""
    counted = isinstance(event, Trade) and f"{event.place}{line.trade_id}".isdigit()
    return counted and int(event.place) == int(line.trade_id) + 1


def take_book_over(numbering: Numbering, line: Line, kept: Kept, book: Depth | None) -> None:
    """Says what is different in our book; where either is not known as it stands, a gap, and ours whole."""
    if book is None or kept.book is None or kept.book_position != kept.position:
        numbering.gap(line, "failover", time.time_ns())
        if book:
            numbering.take(book)
        return
    bids, asks = difference(exact.sides(kept.book), book)
    if bids or asks:
        numbering.take(structs.replace(book, type="delta", bids=bids, asks=asks))
