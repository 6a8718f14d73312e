"""When a changed book is kept whole for those who join late, who then hear the events after it. Pure.

A whole book costs as much as hundreds of its changes: it is kept once some changes would have to be heard after it.
"""

from collections.abc import Iterable

from exchanges.contract import Feed
from streams.numbering import Line, Numbering
from streams.position import START, Position

LEAST_S = 2.0  # between two of the same book
MOST_S = 10.0  # until a change, were it the only one, is in a kept book
EVENTS = 50  # that a late joiner has to hear at most, where more than LEAST_S lies between them
AT_ONCE = 4  # more would hold up what is live
NEVER = (START, float("-inf"))


class KeptBooks:
    """Those of one connection."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Position, float]] = {}  # topic -> position, and when in s

    def due(self, lines: Iterable[Line], now_s: float) -> list[Line]:
        """Those whose turn it is, the longest kept first."""
        found = [line for line in lines if line.stream == "depth" and self._is_due(line, now_s)]
        return sorted(found, key=lambda line: self._kept.get(line.topic, NEVER)[1])

    def keep(self, line: Line, now_s: float) -> None:
        """The book was kept as it is now."""
        self._kept[line.topic] = line.position, now_s

    def store(self, numbering: Numbering, feed: Feed, now_s: float, now_ns: int) -> None:
        """Some of those that are due, as far as they are proven."""
        left = AT_ONCE
        for line in self.due(numbering.lines, now_s):
            book = feed.book(line.symbol, now_ns)
            if book:
                self.keep(line, now_s)
                numbering.store_book(book)
                left -= 1
            if not left:
                return

    def _is_due(self, line: Line, now_s: float) -> bool:
        position, kept_s = self._kept.get(line.topic, NEVER)
        if line.position == position or now_s - kept_s < LEAST_S:
            return False
        return now_s - kept_s >= MOST_S or line.epoch != position.epoch or line.seq - position.seq >= EVENTS
