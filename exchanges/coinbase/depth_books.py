"""The order books of Advanced Trade's `level2` on one connection, and when a market is subscribed to anew. Pure.

Snapshot and updates come on the connection. Nothing in a book proves it but the connection's own `sequence_num`: a
hole in it may have been any market's, so all books are lost by it.
"""

from collections.abc import Collection, Iterable, Mapping

from exchanges.contract import Output
from exchanges.depths import Break, Depths, ProvenBook
from exchanges.events import Depth, Level
from exchanges.symbols import Instruments

SECOND_NS = 1_000_000_000
PATIENCE_NS = 10 * SECOND_NS  # for a snapshot
PAUSE_NS = 5 * SECOND_NS  # between two subscriptions of one market: a snapshot can be several megabytes


class DepthBooks:
    """Keyed by venue symbol. `due` names the markets that need a new snapshot."""

    def __init__(self, instruments: Instruments) -> None:
        self._depths = Depths(instruments)
        self._books: dict[str, ProvenBook] = {}
        self._due_ns: dict[str, int | None] = {}  # unproven markets: subscribe anew then; None: a tick sets it
        self._asked_ns: dict[str, int] = {}  # when we subscribed anew

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Output]:
        """The depth streams wanted of each market from now on."""
        for known in (self._books, self._due_ns, self._asked_ns):
            for market in known.keys() - streams.keys():
                del known[market]
        for market in streams:
            if market not in self._books or not self._books[market].proven:
                self._due_ns.setdefault(market, None)
        yield from self._depths.want(streams, self._books)

    def snapshot(
        self, market: str, bids: list[Level], asks: list[Level], received_ns: int, event_us: int | None,
        sequence: int | None,
    ) -> Iterable[Output]:  # fmt: skip
        """The whole book."""
        if not self._depths.wanted(market):
            return
        book = self._books.setdefault(market, ProvenBook())
        book.start(bids, asks, received_ns=received_ns, sequence=sequence, event_us=event_us)
        if book.book.crossed:
            yield from self._lose(market, received_ns, event_us)
            return
        self._due_ns.pop(market, None)
        yield from self._depths.started(market, book)

    def update(
        self, market: str, bids: list[Level], asks: list[Level], received_ns: int, event_us: int | None,
        sequence: int | None,
    ) -> Iterable[Output]:  # fmt: skip
        """What changed; nothing where the market's snapshot has not come yet."""
        book = self._books.get(market)
        if book is None or not book.proven or not self._depths.wanted(market):
            return
        try:
            delta = book.apply(bids, asks, received_ns=received_ns, sequence=sequence, event_us=event_us)
        except Break:
            yield from self._lose(market, received_ns, event_us)
        else:
            yield from self._depths.changed(market, book, delta)

    def lost(self, received_ns: int, event_us: int | None) -> Iterable[Output]:
        """A frame is missing, and nobody knows whose."""
        for market, book in self._books.items():
            if book.proven:
                yield from self._lose(market, received_ns, event_us)

    def due(self, now_ns: int) -> Collection[str]:
        """The markets to subscribe to anew now; they count as asked from here on."""
        due = [market for market, at_ns in self._due_ns.items() if at_ns is not None and at_ns <= now_ns]
        for market in due:
            self._asked_ns[market], self._due_ns[market] = now_ns, now_ns + PATIENCE_NS
        return due

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Pictures whose pause is over; and the wait for first snapshots begins."""
        for market, at_ns in self._due_ns.items():
            if at_ns is None:
                self._due_ns[market] = now_ns + PATIENCE_NS
        yield from self._depths.due(self._books, now_ns)

    def refused(self, market: str) -> Collection[str]:
        """The exchange has no such market: its wanted streams."""
        self._due_ns.pop(market, None)
        return self._depths.wanted(market)

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book, or None."""
        book = self._books.get(market)
        return self._depths.state(market, book, received_ns) if book and book.proven else None

    def _lose(self, market: str, received_ns: int, event_us: int | None) -> Iterable[Output]:
        book = self._books[market]
        book.lose()
        asked_ns = self._asked_ns.get(market)
        self._due_ns[market] = received_ns if asked_ns is None else max(received_ns, asked_ns + PAUSE_NS)
        yield from self._depths.broken(market, book, "sequence", received_ns, event_us)
