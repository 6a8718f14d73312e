"""The order books of one connection: each frame is the whole book, unchanged ones are sent again. Pure.

There is no number and no checksum: a frame proves itself, one that is older than the last is dropped, and a market that
falls silent while others speak is no longer proven.
"""

from collections.abc import Iterable, Mapping

from exchanges.depths import Depths, ProvenBook
from exchanges.events import Depth, Event, Reason, Rejected
from exchanges.hyperliquid import readings
from exchanges.hyperliquid.heard import Heard
from exchanges.hyperliquid.readings import Sides
from exchanges.symbols import Instruments


class Books:
    """Keyed by venue symbol."""

    def __init__(self, instruments: Instruments) -> None:
        self._depths = Depths(instruments)
        self._books: dict[str, ProvenBook] = {}
        self._heard = Heard()

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Event]:
        """The depth streams wanted of each market from now on; a stream that joins a proven book gets its state."""
        self._books = {market: book for market, book in self._books.items() if market in streams}
        self._heard.keep(streams)
        return self._depths.want(streams, self._books)

    def frame(self, market: str, sides: Sides, event_us: int, received_ns: int) -> Iterable[Event | Rejected]:
        """The whole book."""
        if not self._depths.wanted(market):
            return
        book = self._books.setdefault(market, ProvenBook())
        if book.last_proven_us is not None and event_us < book.last_proven_us:
            return
        self._heard.at(market, received_ns)
        before = book.book.best() if book.proven else None
        if readings.crossed(*sides):
            if before is not None:
                yield from self._lose(market, book, received_ns, "sequence", event_us)
            else:
                yield Rejected(f"a crossed book of {market[:30]}", "crossed book")
            return
        book.start(*sides, received_ns=received_ns, event_us=event_us)
        if book.book.best() != before:
            yield from self._depths.started(market, book)

    def tick(self, now_ns: int) -> Iterable[Event]:
        """Pictures whose pause is over."""
        return self._depths.due(self._books, now_ns)

    def silent(self, now_ns: int) -> Iterable[str | Event]:
        """Each market that has said nothing for too long, and the gaps where its book was proven till now."""
        for market in self._heard.silent(now_ns):
            yield market
            if (book := self._books.get(market)) and book.proven:
                yield from self._lose(market, book, now_ns, "stale", book.event_us)

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book as a snapshot."""
        book = self._books.get(market)
        return self._depths.state(market, book, received_ns) if book and book.proven else None

    def _lose(
        self, market: str, book: ProvenBook, received_ns: int, reason: Reason, event_us: int | None
    ) -> Iterable[Event]:
        book.lose()
        return self._depths.broken(market, book, reason, received_ns, event_us)
