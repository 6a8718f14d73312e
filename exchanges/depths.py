"""The depth topics of one connection: proven books in; snapshots, deltas, pictures and gaps out. Pure.

For feeds whose exchange sends snapshot and updates on the connection itself; seeded_books.py builds on it where the
snapshot has to be asked for.
"""

from collections.abc import Collection, Iterable, Mapping

from exchanges.book import Book
from exchanges.decimals import unsigned
from exchanges.events import Depth, Event, Gap, Level, Reason
from exchanges.pictures import DEPTHS, Pictures
from exchanges.symbols import Instruments

Delta = tuple[tuple[Level, ...], tuple[Level, ...]]


class Break(Exception):
    """An update is missing, or the book became impossible: it is no longer proven."""


class ProvenBook:
    """One market's book, and what proves it. `sequence` is the exchange's own number of the state."""

    def __init__(self) -> None:
        self.book = Book()
        self.proven = False
        self.sequence: int | None = None
        self.event_us: int | None = None  # of the newest applied update
        self.received_ns = 0
        self.last_proven_us: int | None = None  # outlives a break

    def start(
        self, bids: Iterable[Level], asks: Iterable[Level], *, received_ns: int, sequence: int | None = None,
        event_us: int | None = None, limit: int | None = None,
    ) -> None:  # fmt: skip
        """The whole book as the exchange sent it; with `limit`, a side of so many levels was cut there."""
        self.book.replace(bids, asks, limit)
        self._stands(sequence, event_us, received_ns)

    def apply(
        self, bids: Iterable[Level], asks: Iterable[Level], *, received_ns: int, sequence: int | None = None,
        event_us: int | None = None,
    ) -> Delta:  # fmt: skip
        """Absolute quantities (0 removes); the delta of the window. Break where the book would be crossed."""
        delta = self.book.apply(bids, asks)
        if self.book.crossed:
            self.lose()
            raise Break(f"the book is crossed after update {sequence}")
        self._stands(sequence, event_us, received_ns)
        return delta

    def lose(self) -> None:
        """What follows is not proven until the next `start`."""
        self.proven, self.sequence, self.event_us = False, None, None

    def _stands(self, sequence: int | None, event_us: int | None, received_ns: int) -> None:
        self.proven, self.sequence, self.received_ns = True, sequence, received_ns
        self.event_us = event_us if event_us is not None else self.event_us
        self.last_proven_us = self.event_us or self.last_proven_us


class Depths:
    """Which depth streams are wanted of each market (by venue symbol), and their events.

    Before `want` was ever called, as when a recording is read, every market is wanted as `depth`.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._streams: dict[str, set[str]] | None = None
        self._pictures: dict[str, dict[str, Pictures]] = {}

    def want(self, streams: Mapping[str, set[str]], books: Mapping[str, ProvenBook]) -> Iterable[Event]:
        """The streams wanted of each market from now on; one that joins a proven book gets its state."""
        before = self._streams or {}
        self._streams = {market: set(wanted) for market, wanted in streams.items()}
        self._pictures = {
            market: {s: self._pictures.get(market, {}).get(s) or Pictures(n) for s in wanted if (n := DEPTHS[s])}
            for market, wanted in streams.items()
        }
        for market, wanted in streams.items():
            if (book := books.get(market)) and book.proven:
                yield from self.started(market, book, wanted - before.get(market, set()))

    def wanted(self, market: str) -> Collection[str]:
        return ("depth",) if self._streams is None else self._streams.get(market, ())

    def started(self, market: str, book: ProvenBook, streams: Collection[str] | None = None) -> Iterable[Event]:
        """The book is proven: its state for `streams`, by default for all that are wanted."""
        if "depth" in (self.wanted(market) if streams is None else streams):
            yield self.state(market, book, book.received_ns)
        yield from self._tell_pictures(market, book)

    def changed(self, market: str, book: ProvenBook, delta: Delta) -> Iterable[Event]:
        """An update was applied."""
        bids, asks = delta
        if not bids and not asks:
            return
        if "depth" in self.wanted(market):
            yield Depth(
                symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=book.received_ns,
                event_us=book.event_us, type="delta", bids=bids, asks=asks, sequence=book.sequence,
            )  # fmt: skip
        yield from self._tell_pictures(market, book)

    def broken(
        self, market: str, book: ProvenBook, reason: Reason, received_ns: int, event_us: int | None = None
    ) -> Iterable[Event]:
        """The book is no longer proven: each wanted stream has a gap."""
        for picture in self._pictures.get(market, {}).values():
            picture.broken()
        for stream in sorted(self.wanted(market)):
            yield Gap(
                symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=received_ns,
                event_us=event_us, stream=stream, reason=reason, from_us=book.last_proven_us,
            )  # fmt: skip

    def due(self, books: Mapping[str, ProvenBook], now_ns: int) -> Iterable[Event]:
        """Pictures whose pause is over."""
        for market, pictures in self._pictures.items():
            if (book := books.get(market)) is None:
                continue
            for picture in pictures.values():
                if event := picture.due(self._instruments.symbol(market), market, book, now_ns):
                    yield event

    def state(self, market: str, book: ProvenBook, received_ns: int) -> Depth:
        """The whole window as a snapshot."""
        bids, asks = book.book.best()
        return Depth(
            symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=received_ns,
            event_us=book.event_us, type="snapshot", bids=bids, asks=asks, sequence=book.sequence,
        )  # fmt: skip

    def _tell_pictures(self, market: str, book: ProvenBook) -> Iterable[Event]:
        for picture in self._pictures.get(market, {}).values():
            if event := picture.changed(self._instruments.symbol(market), market, book):
                yield event


def levels(side: Iterable[tuple[str, str]]) -> list[Level]:
    """Their levels as canonical text; BadFrame for what is no level."""
    return [(unsigned(price), unsigned(quantity)) for price, quantity in side]
