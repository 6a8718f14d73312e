"""The order books of `orderbooks` on one connection, and which of them are to be subscribed to anew. Pure.

The whole book comes first and then levels with absolute sizes. There is neither a number nor a checksum: a book is
proven by the connection alone, until it is crossed.
"""

from collections.abc import Iterable, Mapping

from exchanges.contract import Output
from exchanges.depths import Break, Depths, ProvenBook
from exchanges.events import Depth, Level
from exchanges.symbols import Instruments

PATIENCE_NS = 10_000_000_000  # for a whole book, and between two subscriptions of one market


class Books:
    """Keyed by venue symbol."""

    def __init__(self, instruments: Instruments) -> None:
        self._depths = Depths(instruments)
        self._books: dict[str, ProvenBook] = {}
        self._due_ns: dict[str, int | None] = {}  # unproven markets: subscribe anew then; None: a tick sets it

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Output]:
        """The depth streams wanted of each market from now on."""
        for market in self._books.keys() - streams.keys():
            del self._books[market]
        proven = {market for market, book in self._books.items() if book.proven}
        self._due_ns = {market: self._due_ns.get(market) for market in streams if market not in proven}
        return self._depths.want(streams, self._books)

    def frame(
        self, market: str, whole: bool, bids: list[Level], asks: list[Level], event_us: int, received_ns: int
    ) -> Iterable[Output]:
        """A whole book, or what changed; the latter is nothing before the former."""
        book = self._books.get(market)
        if not self._depths.wanted(market) or not (whole or (book and book.proven)):
            return ()
        if book is None:
            book = self._books[market] = ProvenBook()
        if whole:
            return self._started(market, book, bids, asks, event_us, received_ns)
        try:
            delta = book.apply(bids, asks, received_ns=received_ns, event_us=event_us)
        except Break:
            return self._lose(market, book, event_us, received_ns)
        return self._depths.changed(market, book, delta)

    def _started(
        self, market: str, book: ProvenBook, bids: list[Level], asks: list[Level], event_us: int, received_ns: int
    ) -> Iterable[Output]:
        book.start(bids, asks, received_ns=received_ns, event_us=event_us)
        if book.book.crossed:
            book.lose()
            return self._lose(market, book, event_us, received_ns)
        self._due_ns.pop(market, None)
        return self._depths.started(market, book)

    def _lose(self, market: str, book: ProvenBook, event_us: int | None, received_ns: int) -> Iterable[Output]:
        self._due_ns.setdefault(market, received_ns)
        return self._depths.broken(market, book, "sequence", received_ns, event_us)

    def unread(self, received_ns: int) -> Iterable[Output]:
        """Something came that nobody could read: any book may have changed by it."""
        for market, book in self._books.items():
            if book.proven:
                book.lose()
                yield from self._lose(market, book, None, received_ns)

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Pictures whose pause is over; and the wait for whole books begins."""
        for market, at_ns in self._due_ns.items():
            if at_ns is None:
                self._due_ns[market] = now_ns + PATIENCE_NS
        return self._depths.due(self._books, now_ns)

    def due(self, now_ns: int) -> list[str]:
        """The markets to subscribe to anew now; they count as asked from here on."""
        due = [market for market, at_ns in self._due_ns.items() if at_ns is not None and at_ns <= now_ns]
        self._due_ns |= dict.fromkeys(due, now_ns + PATIENCE_NS)
        return due

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book, or None."""
        book = self._books.get(market)
        return self._depths.state(market, book, received_ns) if book and book.proven else None
