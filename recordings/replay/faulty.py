"""A feed to which not everything comes as it was: its books stand again as if their exchange had been asked. Pure.

The recording has no answer to a question that was never asked when it was made. So another feed hears everything, and
where a fault has broken a book, a copy of that one tells the books from then on.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy

from exchanges.contract import Feed, Output, Request, Want
from exchanges.events import Depth, Gap, Status
from exchanges.symbols import Instruments

MENDED_NS = 1_000_000_000  # what asking for a book takes


class FaultyFeed:
    """`truth` hears everything; of its `instruments` no copy is made. `overhear` is told before any fault what is to be
    received, or answered."""

    def __init__(self, feed: Feed, truth: Feed, instruments: Instruments) -> None:
        self._feed, self._truth, self._instruments = feed, truth, instruments
        self._books: Feed | None = None
        self._broken: dict[str, int] = {}  # by symbol, since when a book cannot be told

    def opening(self) -> Iterable[Output]:
        list(self._truth.opening())
        return self._feed.opening()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        list(self._truth.wanted(wants))
        return self._both(lambda feed: feed.wanted(wants))

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        return self._both(lambda feed: feed.receive(frame, received_ns))

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        return self._both(lambda feed: feed.answered(request, body, received_ns))

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        list(self._truth.failed(request, error, now_ns))
        return self._both(lambda feed: feed.failed(request, error, now_ns))

    def tick(self, now_ns: int) -> Iterable[Output]:
        list(self._truth.tick(now_ns))
        return self._both(lambda feed: feed.tick(now_ns))

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return (self._books or self._feed).book(symbol, received_ns)

    def waiting(self) -> Mapping[str, int]:
        return (self._books or self._feed).waiting()

    def overhear(self, tell: Callable[[Feed], Iterable[Output]]) -> None:
        """A line as it was recorded."""
        list(tell(self._truth))

    def mend(self, symbols: Iterable[str], now_ns: int) -> bool:
        """Whether books that were broken stand again: each is then to be told as it is now."""
        for symbol in symbols:
            if self._truth.book(symbol, now_ns) is None or self.book(symbol, now_ns):
                self._broken.pop(symbol, None)
            elif now_ns - self._broken.setdefault(symbol, now_ns) >= MENDED_NS:
                self._books = deepcopy(self._truth, {id(self._instruments): self._instruments})
                self._broken = {}
                return True
        return False

    def _both(self, tell: Callable[[Feed], Iterable[Output]]) -> Iterable[Output]:
        if self._books is None:
            return tell(self._feed)
        rest = [output for output in tell(self._feed) if not _is_of_a_book(output)]
        return rest + [output for output in tell(self._books) if _is_of_a_book(output)]


def _is_of_a_book(output: Output) -> bool:
    return isinstance(output, Depth | Gap | Status) and output.stream.startswith("depth")
