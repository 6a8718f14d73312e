"""All books of one connection whose snapshots are asked for over REST: diffs in; events and requests out. Pure."""

from collections.abc import Callable, Iterable, Mapping

from exchanges.contract import Fetch, Output, Request
from exchanges.depths import Break, Depths
from exchanges.errors import ExchangeError, Reconnect, Retry, Stop, verdict
from exchanges.events import Depth, Status
from exchanges.seeded import SeededBook, Start, Update
from exchanges.snapshots import Snapshots
from exchanges.symbols import Instruments

SECOND_NS = 1_000_000_000
SHALLOW = 100  # levels a side of the cheapest snapshots
FEW = 6  # books of a connection: so many are asked for whole at once, of more the best levels first
THIN = 60  # levels a side that are left of a snapshot before it has to be replaced at once


class SeededBooks:
    """Keyed by venue symbol. `request` gives the request of a market's snapshot of so many levels a side, at most
    `deepest`; `new_book` an empty book.

    A whole snapshot may cost fifty times as much as one of the best levels. Where many books begin at once, as after a
    disconnect, these come first, and the rest once the budget has room for it.
    """

    def __init__(
        self,
        instruments: Instruments,
        request: Callable[[str, int], Request],
        deepest: int,
        new_book: Callable[[], SeededBook] = SeededBook,
    ) -> None:
        self._instruments = instruments
        self._request, self._deepest, self._new_book = request, deepest, new_book
        self._wanted: Mapping[str, set[str]] = {}
        self._depths = Depths(instruments)
        self._books: dict[str, SeededBook] = {}
        self._early: dict[str, Start] = {}  # snapshots of a recording that precede its diffs
        self._told = False  # whether `want` was ever called
        self._snapshots = Snapshots()
        self._whole = Snapshots(at_once=1)  # of books that are proven, but only as far as their best levels

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Output]:
        """The depth streams wanted of each market from now on; a stream that joins a proven book gets its state."""
        self._told, self._wanted = True, streams
        for market in [market for market in self._books if market not in streams]:
            del self._books[market]
            self._snapshots.forget(market)
            self._whole.forget(market)
        yield from self._depths.want(streams, self._books)

    def diff(self, market: str, update: Update) -> Iterable[Output]:
        """One diff of the exchange."""
        if not self._depths.wanted(market):
            return
        book = self._books.get(market)
        if book is None:
            book = self._books[market] = self._new_book()
        try:
            delta = book.push(update)
        except Break:
            yield from self._depths.broken(market, book, "sequence", update.received_ns, update.event_us)
        else:
            if delta is not None:
                yield from self._depths.changed(market, book, delta)
        if market in self._early and book.seeding and book.seed(self._early.pop(market), early=True):
            yield from self._depths.started(market, book)
        if not book.proven:
            self._snapshots.ask(market)
        elif book.book.short:
            self._lengthen(market, book)
        yield from self.due(update.received_ns)

    def snapshot(self, market: str, start: Start) -> Iterable[Output]:
        """The answer to a Fetch of ours, or one that a recording holds."""
        queue = self._queue(market, start.limit)
        attempt = queue.ended(market)
        book = self._books.get(market)
        if book is not None and book.seeding:
            yield from self._seed(market, book, start, queue, attempt)
        elif book is None and not self._told:
            self._early[market] = start
        yield from self.due(start.received_ns)

    def failed(self, market: str, error: Exception, now_ns: int, levels: int = 0) -> Iterable[Output]:
        """No answer: ask again later, or say why that is of no use. `levels` a side were asked for."""
        queue = self._queue(market, levels)
        attempt = queue.ended(market)
        book = self._books.get(market)
        if book is None or not book.seeding:
            return
        what = verdict(error, attempt) if isinstance(error, ExchangeError) else Retry(_pause_ns(attempt) / SECOND_NS)
        match what:
            case Stop(status):
                queue.give_up(market)
                for stream in sorted(self._depths.wanted(market)) if not book.proven else ():
                    yield Status(
                        symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=now_ns,
                        stream=stream, status=status, detail=str(error),
                    )  # fmt: skip
            case Retry(after_s) | Reconnect(after_s):
                queue.ask(market, now_ns + int(after_s * SECOND_NS))
            case _:
                queue.ask(market, now_ns + _pause_ns(attempt))

    def due(self, now_ns: int) -> list[Fetch]:
        """The snapshots to ask for now."""
        fetches = [Fetch(self._request(market, self._levels(market))) for market in self._snapshots.due(now_ns)]
        for market in () if self._snapshots.busy else self._whole.due(now_ns):
            book = self._books.get(market)
            if book is None or not book.proven:  # it is asked for otherwise
                self._whole.ended(market)
                continue
            if not book.seeding:
                book.seed_again()
            fetches.append(Fetch(self._request(market, self._deepest), patient=True))
        return fetches

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Pictures whose pause is over, and snapshots whose time has come."""
        yield from self._depths.due(self._books, now_ns)
        yield from self.due(now_ns)

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book as a snapshot."""
        book = self._books.get(market)
        return self._depths.state(market, book, received_ns) if book and book.proven else None

    def waiting(self) -> dict[str, int]:
        """Diffs of each market that cannot be shown before a snapshot comes."""
        return {market: book.waiting for market, book in self._books.items() if book.waiting}

    def _lengthen(self, market: str, book: SeededBook) -> None:
        """A proven book of which too few levels are known: what is urgent is not to lose the best ones."""
        if book.book.thin(THIN):
            if not book.seeding:
                book.seed_again()
            self._snapshots.ask(market)
        elif self._is_whole(market) and not book.seeding:
            self._whole.ask(market)

    def _is_whole(self, market: str) -> bool:
        """Somebody wants more than the best levels."""
        return not self._told or "depth" in self._wanted.get(market, ())

    def _levels(self, market: str) -> int:
        """A side of the snapshot to be asked for."""
        whole = self._is_whole(market) and max(len(self._wanted), len(self._books)) <= FEW
        return self._deepest if whole else min(SHALLOW, self._deepest)

    def _queue(self, market: str, levels: int) -> Snapshots:
        """The one that the snapshot of so many levels was asked from."""
        return self._whole if levels >= self._deepest and self._whole.has(market) else self._snapshots

    def _seed(self, market: str, book: SeededBook, start: Start, queue: Snapshots, attempt: int) -> Iterable[Output]:
        if book.seed(start):
            queue.succeeded(market)
            yield from self._depths.started(market, book)
        else:
            queue.ask(market, start.received_ns + (_pause_ns(attempt - 1) if attempt else 0))


def _pause_ns(attempt: int) -> int:
    return min(60 * SECOND_NS, SECOND_NS // 2 << min(attempt, 7))
