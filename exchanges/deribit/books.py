"""The order books of one connection, chained by `prev_change_id`. Pure.

The first message of a channel is the whole book; each later one names the state that it continues. Where it names
another, something is lost: the channel is left and joined again for a new snapshot.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from exchanges.depths import Break, Depths, ProvenBook
from exchanges.deribit import units
from exchanges.deribit.frames import Change
from exchanges.events import Depth, Event, Level
from exchanges.symbols import Instruments

PAUSE_NS = 1_000_000_000  # before a channel is joined again; doubled each time, up to a minute
LONGEST_NS = 60 * PAUSE_NS
NOTHING = Decimal(0)
PATIENCE_NS = 10 * PAUSE_NS  # for a snapshot that was asked for


class Books:
    """Keyed by venue symbol."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._depths = Depths(instruments)
        self._books: dict[str, ProvenBook] = {}
        self._broken: dict[str, int] = {}  # market: when to join its channel again
        self._attempts: dict[str, int] = {}
        self._left: set[str] = set()  # nobody wanted them for a while; where they are again, no snapshot has come yet

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Event]:
        """The depth streams wanted of each market from now on; a stream that joins a proven book gets its state."""
        for gone in [market for market in self._books if market not in streams]:
            del self._books[gone]
            self._broken.pop(gone, None)
            self._attempts.pop(gone, None)
            self._left.add(gone)
        return self._depths.want(streams, self._books)

    def message(self, change: Change, received_ns: int) -> Iterable[Event]:
        """A snapshot, or what changed."""
        market = change.instrument_name
        if not self._depths.wanted(market):
            return
        book = self._books.setdefault(market, ProvenBook())
        try:
            yield from self._read(market, book, change, received_ns)
        except Break:
            book.lose()
            attempt = self._attempts.get(market, 0)
            self._attempts[market] = attempt + 1
            self._broken[market] = received_ns + (min(LONGEST_NS, PAUSE_NS << min(attempt - 1, 6)) if attempt else 0)
            yield from self._depths.broken(market, book, "sequence", received_ns, change.timestamp * 1000)

    def tick(self, now_ns: int) -> Iterable[Event]:
        """Pictures whose pause is over."""
        return self._depths.due(self._books, now_ns)

    def due(self, now_ns: int) -> list[str]:
        """The markets whose channel is to be left and joined again now."""
        due = [market for market, at_ns in self._broken.items() if at_ns <= now_ns]
        for market in due:
            self._broken[market] = now_ns + PATIENCE_NS
        return due

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book as a snapshot."""
        book = self._books.get(market)
        return self._depths.state(market, book, received_ns) if book and book.proven else None

    def _read(self, market: str, book: ProvenBook, change: Change, received_ns: int) -> Iterable[Event]:
        in_quote = units.counts_quote(self._instruments.by_venue_symbol.get(market), market)
        bids, asks = _levels(change.bids, in_quote), _levels(change.asks, in_quote)
        event_us = change.timestamp * 1000
        if change.whole:
            book.start(bids, asks, received_ns=received_ns, sequence=change.change_id, event_us=event_us)
            if book.book.crossed:
                raise Break("the snapshot is crossed")
            self._broken.pop(market, None)
            self._left.discard(market)
            yield from self._depths.started(market, book)
        elif market in self._left:  # said before the channel was left; the snapshot is on its way
            self._broken.setdefault(market, received_ns + PATIENCE_NS)
        elif book.proven or market not in self._broken:
            if book.proven and change.change_id == book.sequence != change.prev_change_id:
                return  # said twice
            if not book.proven or change.prev_change_id != book.sequence:
                raise Break(f"{change.prev_change_id} does not continue {book.sequence}")
            delta = book.apply(bids, asks, received_ns=received_ns, sequence=change.change_id, event_us=event_us)
            self._attempts.pop(market, None)
            yield from self._depths.changed(market, book, delta)


def _levels(side: Iterable[tuple[str, Decimal, Decimal]], in_quote: bool) -> list[Level]:
    """A deleted level has nothing left, whatever its amount says."""
    return units.levels(
        ((price, NOTHING if action == "delete" else amount) for action, price, amount in side), in_quote
    )
