"""The order books of one connection: each frame is the whole picture of the best levels, sent when it changed. Pure.

They have no number and no checksum, and none of the channels with updates (`diff_order_book`) has one either: there a
lost update could not be seen. A whole picture proves itself, and one that was lost is replaced by the next.
"""

from collections.abc import Iterable, Mapping

from exchanges.bitstamp.readings import Sides
from exchanges.decimals import ZERO
from exchanges.depths import Depths, ProvenBook
from exchanges.events import Depth, Event, Level
from exchanges.symbols import Instruments


class Books:
    """Keyed by venue symbol."""

    def __init__(self, instruments: Instruments) -> None:
        self._depths = Depths(instruments)
        self._books: dict[str, ProvenBook] = {}

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Event]:
        """The depth streams wanted of each market from now on; a stream that joins a proven book gets its state."""
        self._books = {market: book for market, book in self._books.items() if market in streams}
        return self._depths.want(streams, self._books)

    def picture(self, market: str, sides: Sides, event_us: int, received_ns: int) -> Iterable[Event]:
        """The best levels, whole. The first is a snapshot, of later ones only the difference is told."""
        if not self._depths.wanted(market):
            return ()
        book = self._books.setdefault(market, ProvenBook())
        if book.event_us is not None and event_us <= book.event_us:
            return ()
        if not book.proven:
            book.start(*sides, received_ns=received_ns, event_us=event_us)
            return self._depths.started(market, book)
        bids, asks = (_changes(before, now) for before, now in zip(book.book.best(), sides, strict=True))
        delta = book.apply(bids, asks, received_ns=received_ns, event_us=event_us)
        return self._depths.changed(market, book, delta)

    def tick(self, now_ns: int) -> Iterable[Event]:
        """Pictures of the best levels whose pause is over."""
        return self._depths.due(self._books, now_ns)

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book as a snapshot."""
        book = self._books.get(market)
        return self._depths.state(market, book, received_ns) if book and book.proven else None


def _changes(before: tuple[Level, ...], now: tuple[Level, ...]) -> list[Level]:
    """What leads from one picture to the other: levels that are gone as 0, and those that are new or differ."""
    prices, known = {price for price, _ in now}, set(before)
    gone = [(price, ZERO) for price, _ in before if price not in prices]
    return gone + [level for level in now if level not in known]
