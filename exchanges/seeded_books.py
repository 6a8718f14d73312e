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


class SeededBooks:
    """Keyed by venue symbol. `request` gives the request of a market's snapshot, `new_book` an empty book."""

    def __init__(
        self,
        instruments: Instruments,
        request: Callable[[str], Request],
        new_book: Callable[[], SeededBook] = SeededBook,
    ) -> None:
        self._instruments = instruments
        self._request, self._new_book = request, new_book
        self._depths = Depths(instruments)
        self._books: dict[str, SeededBook] = {}
        self._early: dict[str, Start] = {}  # snapshots of a recording that precede its diffs
        self._told = False  # whether `want` was ever called
        self._snapshots = Snapshots()

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Output]:
        """The depth streams wanted of each market from now on; a stream that joins a proven book gets its state."""
        self._told = True
        for market in [market for market in self._books if market not in streams]:
            del self._books[market]
            self._snapshots.forget(market)
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
        if book.proven and book.book.short and not book.seeding:
            book.seed_again()
            self._snapshots.ask(market)
        elif not book.proven:
            self._snapshots.ask(market)
        yield from self.due(update.received_ns)

    def snapshot(self, market: str, start: Start) -> Iterable[Output]:
        """The answer to a Fetch of ours, or one that a recording holds."""
        attempt = self._snapshots.ended(market)
        book = self._books.get(market)
        if book is not None and book.seeding:
            yield from self._seed(market, book, start, attempt)
        elif book is None and not self._told:
            self._early[market] = start
        yield from self.due(start.received_ns)

    def failed(self, market: str, error: Exception, now_ns: int) -> Iterable[Output]:
        """No answer: ask again later, or say why that is of no use."""
        attempt = self._snapshots.ended(market)
        book = self._books.get(market)
        if book is None or not book.seeding:
            return
        what = verdict(error, attempt) if isinstance(error, ExchangeError) else Retry(_pause_ns(attempt) / SECOND_NS)
        match what:
            case Stop(status):
                self._snapshots.give_up(market)
                for stream in sorted(self._depths.wanted(market)):
                    yield Status(
                        symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=now_ns,
                        stream=stream, status=status, detail=str(error),
                    )  # fmt: skip
            case Retry(after_s) | Reconnect(after_s):
                self._snapshots.ask(market, now_ns + int(after_s * SECOND_NS))
            case _:
                self._snapshots.ask(market, now_ns + _pause_ns(attempt))

    def due(self, now_ns: int) -> list[Fetch]:
        """The snapshots to ask for now."""
        return [Fetch(self._request(market)) for market in self._snapshots.due(now_ns)]

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

    def _seed(self, market: str, book: SeededBook, start: Start, attempt: int) -> Iterable[Output]:
        if book.seed(start):
            self._snapshots.succeeded(market)
            yield from self._depths.started(market, book)
        else:
            self._snapshots.ask(market, start.received_ns + (_pause_ns(attempt - 1) if attempt else 0))


def _pause_ns(attempt: int) -> int:
    return min(60 * SECOND_NS, SECOND_NS // 2 << min(attempt, 7))
