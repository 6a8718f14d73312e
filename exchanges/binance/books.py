"""All order books of one connection: diffs and snapshots in, depth events, gaps and requests out. Pure."""

from collections.abc import Collection, Iterable, Mapping

from exchanges.binance import frames, names, rest
from exchanges.binance.depth import Break, Delta, LocalBook, Start, Update, levels
from exchanges.binance.pictures import Pictures
from exchanges.binance.snapshots import Snapshots
from exchanges.contract import Fetch, Output, Request
from exchanges.errors import ExchangeError, Reconnect, Retry, Stop, verdict
from exchanges.events import Depth, Gap, Status
from exchanges.symbols import Instruments

LIMIT = 5000  # levels a side of the snapshots we ask for, the most there are
DEFAULT_LIMIT = 100  # of a request that names none
SECOND_NS = 1_000_000_000


class Books:
    """Keyed by venue symbol. Before `want` was ever called, every market is wanted as `depth`."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._books: dict[str, LocalBook] = {}
        self._early: dict[str, Start] = {}  # snapshots of a recording that precede its diffs
        self._streams: dict[str, set[str]] | None = None
        self._pictures: dict[str, dict[str, Pictures]] = {}
        self._snapshots = Snapshots()

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Output]:
        """The depth streams wanted of each market from now on; a stream that joins a proven book gets its state."""
        before = self._streams or {}
        self._streams = {market: set(wanted) for market, wanted in streams.items()}
        for market in [market for market in self._books if market not in streams]:
            del self._books[market]
            self._snapshots.forget(market)
        self._pictures = {
            market: {s: self._pictures.get(market, {}).get(s) or Pictures(n) for s in wanted if (n := names.DEPTHS[s])}
            for market, wanted in streams.items()
        }
        for market, wanted in streams.items():
            if (book := self._books.get(market)) and book.proven:
                yield from self._state(market, book, wanted - before.get(market, set()))

    def diff(self, market: str, update: Update) -> Iterable[Output]:
        """One diff of the exchange."""
        if self._streams is not None and market not in self._streams:
            return
        book = self._books.get(market)
        if book is None:
            book = self._books[market] = LocalBook()
        try:
            delta = book.push(update)
        except Break:
            yield from self._broken(market, book, update)
        else:
            if delta is not None:
                yield from self._changed(market, book, delta)
        if market in self._early and book.seeding and book.seed(self._early.pop(market), early=True):
            yield from self._state(market, book, self._wanted(market))
        if book.proven and book.book.short and not book.seeding:
            book.seed_again()
            self._snapshots.ask(market)
        elif not book.proven:
            self._snapshots.ask(market)
        yield from self.due(update.received_ns)

    def snapshot(self, request: Request, snapshot: frames.Snapshot, received_ns: int) -> Iterable[Output]:
        """The answer to a Fetch of ours, or one that a recording holds."""
        market = request.query.get("symbol", "")
        attempt = self._snapshots.ended(market)
        bids, asks = levels(snapshot.bids), levels(snapshot.asks)
        start = Start(snapshot.lastUpdateId, bids, asks, _limit(request), received_ns)
        book = self._books.get(market)
        if book is not None and book.seeding:
            yield from self._seed(market, book, start, attempt)
        elif book is None and self._streams is None:
            self._early[market] = start
        yield from self.due(received_ns)

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        """No answer: ask again later, or say why that is of no use."""
        market = request.query.get("symbol", "")
        attempt = self._snapshots.ended(market)
        book = self._books.get(market)
        if book is None or not book.seeding:
            return
        what = verdict(error, attempt) if isinstance(error, ExchangeError) else Retry(_pause_ns(attempt) / SECOND_NS)
        match what:
            case Stop(status):
                self._snapshots.give_up(market)
                for stream in sorted(self._wanted(market)):
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
        return [Fetch(rest.snapshot_request(market, LIMIT)) for market in self._snapshots.due(now_ns)]

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Pictures whose pause is over, and snapshots whose time has come."""
        for market, pictures in self._pictures.items():
            if (book := self._books.get(market)) is None:
                continue
            for picture in pictures.values():
                if event := picture.due(self._instruments.symbol(market), market, book, now_ns):
                    yield event
        yield from self.due(now_ns)

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book as a snapshot."""
        book = self._books.get(market)
        return self._snapshot_event(market, book, received_ns) if book and book.proven else None

    def waiting(self) -> dict[str, int]:
        """Diffs of each market that cannot be shown before a snapshot comes."""
        return {market: book.waiting for market, book in self._books.items() if book.waiting}

    def _seed(self, market: str, book: LocalBook, start: Start, attempt: int) -> Iterable[Output]:
        if book.seed(start):
            self._snapshots.succeeded(market)
            yield from self._state(market, book, self._wanted(market))
        else:
            self._snapshots.ask(market, start.received_ns + (_pause_ns(attempt - 1) if attempt else 0))

    def _state(self, market: str, book: LocalBook, streams: Collection[str]) -> Iterable[Output]:
        if "depth" in streams:
            yield self._snapshot_event(market, book, book.received_ns)
        yield from self._tell_pictures(market, book)

    def _changed(self, market: str, book: LocalBook, delta: Delta) -> Iterable[Output]:
        bids, asks = delta
        if not bids and not asks:
            return
        if "depth" in self._wanted(market):
            yield Depth(
                symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=book.received_ns,
                event_us=book.event_us, type="delta", bids=bids, asks=asks, sequence=book.update_id,
            )  # fmt: skip
        yield from self._tell_pictures(market, book)

    def _tell_pictures(self, market: str, book: LocalBook) -> Iterable[Output]:
        for picture in self._pictures.get(market, {}).values():
            if event := picture.changed(self._instruments.symbol(market), market, book):
                yield event

    def _broken(self, market: str, book: LocalBook, update: Update) -> Iterable[Output]:
        for picture in self._pictures.get(market, {}).values():
            picture.broken()
        for stream in sorted(self._wanted(market)):
            yield Gap(
                symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=update.received_ns,
                event_us=update.event_us, stream=stream, reason="sequence", from_us=book.last_proven_us,
            )  # fmt: skip

    def _wanted(self, market: str) -> Collection[str]:
        return ("depth",) if self._streams is None else self._streams.get(market, ())

    def _snapshot_event(self, market: str, book: LocalBook, received_ns: int) -> Depth:
        bids, asks = book.book.best()
        return Depth(
            symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=received_ns,
            event_us=book.event_us, type="snapshot", bids=bids, asks=asks, sequence=book.update_id,
        )  # fmt: skip


def _pause_ns(attempt: int) -> int:
    return min(60 * SECOND_NS, SECOND_NS // 2 << min(attempt, 7))


def _limit(request: Request) -> int:
    text = request.query.get("limit", "")
    return min(int(text), LIMIT) if text.isascii() and text.isdigit() and len(text) < 10 else DEFAULT_LIMIT
