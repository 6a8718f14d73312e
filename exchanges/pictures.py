"""The best N levels of one book as a stream of its own: a picture when they changed, at most ten a second."""

from typing import Protocol

from exchanges.book import Book
from exchanges.events import Depth, Level

# the depth streams that our own books serve: levels a side, None for the whole window
DEPTHS = {"depth": None, "depth_5": 5, "depth_10": 10, "depth_20": 20, "depth_50": 50}

PAUSE_NS = 100_000_000


class Shown(Protocol):
    """The book whose best levels are shown."""

    book: Book
    proven: bool
    sequence: int | None
    event_us: int | None
    received_ns: int


class Pictures:
    """`depth_<n>` of one market. The first change after a pause is told at once, later ones on a tick."""

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self._told: tuple[tuple[Level, ...], tuple[Level, ...]] | None = None
        self._told_ns = -PAUSE_NS
        self._changed = False

    def changed(self, symbol: str, venue_symbol: str, book: Shown) -> Depth | None:
        """The book changed."""
        self._changed = True
        return self.due(symbol, venue_symbol, book, book.received_ns)

    def due(self, symbol: str, venue_symbol: str, book: Shown, now_ns: int) -> Depth | None:
        """The newest picture, where one is owed and the pause is over."""
        if not self._changed or not book.proven or now_ns - self._told_ns < PAUSE_NS:
            return None
        self._changed = False
        best = book.book.best(self.levels)
        if best == self._told:
            return None
        self._told, self._told_ns = best, now_ns
        return Depth(
            symbol=symbol, venue_symbol=venue_symbol, received_ns=book.received_ns, event_us=book.event_us,
            stream=f"depth_{self.levels}", type="snapshot", bids=best[0], asks=best[1], sequence=book.sequence,
        )  # fmt: skip

    def broken(self) -> None:
        """The book is no longer proven: the first picture after it is told even if nothing changed."""
        self._told, self._changed = None, False
