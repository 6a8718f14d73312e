"""All books of one connection: `books` frames in; snapshots, deltas, pictures and gaps out. Pure.

Each update names the state that it follows (`prevSeqId`); a snapshot comes on the connection after each subscription.
Source: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain, zip_longest
from zlib import crc32

from exchanges.book import Book
from exchanges.contract import Output
from exchanges.decimals import Number
from exchanges.depths import Break, Delta, Depths, ProvenBook
from exchanges.errors import BadFrame
from exchanges.events import Depth, Reason
from exchanges.okx import frames, names, quantities
from exchanges.symbols import Instruments

# Levels a side of what each channel keeps us informed of. The first is the one that we ask for; the others need a login
# and are read in recordings.
LEVELS = {"books": 400, "books-l2-tbt": 400, "books50-l2-tbt": 50}
CHECKED = 25  # levels a side in a checksum
SNAPSHOT_NS = 15_000_000_000
WRITTEN = 2000  # prices whose digits are kept; more are of levels that have left


class ChecksumBreak(Break):
    """The levels are not those that the exchange summed up."""


class ChainedBook(ProvenBook):
    """One market's book. It stays known, but is not proven, while it is crossed, as in a call auction."""

    def __init__(self, channel: str) -> None:
        super().__init__()
        self.channel = channel
        self.book = Book(kept=LEVELS[channel])  # what has left the range is told to us no more
        self.waiting = 0  # updates since the book was lost
        self._chain: tuple[int | None, int | None] | None = None  # prevSeqId and seqId of the last frame
        self._written: tuple[dict[Number, str], dict[Number, str]] = ({}, {})  # by price, a level as they wrote it

    def snapshot(self, row: frames.BookRow, sides: Delta, event_us: int | None, received_ns: int) -> None:
        self.book.replace(*sides)
        self._chain, self.waiting, self._written = (row.prevSeqId, row.seqId), 0, ({}, {})
        self._check(row, sides)
        self._stand(row, event_us, received_ns)

    def update(self, row: frames.BookRow, sides: Delta, event_us: int | None, received_ns: int) -> Delta | None:
        """The window's delta; None where there is nothing to tell. Raises Break."""
        if self._chain is None:
            self.waiting += 1
            return None
        if self._repeats(row) or not self._follows(row, event_us):
            return None
        self._chain = row.prevSeqId, row.seqId
        delta = self.book.apply(*sides)
        self._check(row, sides)
        before = self.proven
        self._stand(row, event_us, received_ns)
        return delta if before else None

    def forget(self) -> None:
        """Nothing is known until the next snapshot."""
        self.lose()
        self._chain = None

    def _repeats(self, row: frames.BookRow) -> bool:
        """The same frame once more; a keep-alive has nothing to repeat."""
        return row.seqId is not None and (row.prevSeqId, row.seqId) == self._chain

    def _follows(self, row: frames.BookRow, event_us: int | None) -> bool:
        """Raises Break where a frame is missing. An empty frame without a time may lie outside the chain; if it does
        not, the next one will not follow."""
        assert self._chain is not None
        if row.prevSeqId == self._chain[1] and (row.seqId is not None or row.checksum):
            return True
        if event_us is None and not row.bids and not row.asks:
            return False
        last = self._chain[1]
        self.forget()
        raise Break(f"an update after {last} is missing, {row.prevSeqId} to {row.seqId} came")

    def _stand(self, row: frames.BookRow, event_us: int | None, received_ns: int) -> None:
        if self.book.crossed:
            self.lose()
        else:
            self._stands(row.seqId, event_us, received_ns)

    def _check(self, row: frames.BookRow, sides: Delta) -> None:
        """Only frames without a sequence are proven by their checksum; the others have had none since June 2026."""
        if row.seqId is not None:
            return
        for written, levels, lines in zip(self._written, sides, (row.bids, row.asks), strict=True):
            written.update((level[0], f"{line[0]}:{line[1]}") for level, line in zip(levels, lines, strict=True))
        bids, asks = (
            [written.get(price, f"{price}:{quantity}") for price, quantity in best]
            for written, best in zip(self._written, self.book.best(CHECKED), strict=True)
        )
        if row.checksum != checksum(bids, asks):
            self.forget()
            raise ChecksumBreak(f"the checksum is not {row.checksum}")
        for written, best in zip(self._written, self.book.best(), strict=True):
            if len(written) > WRITTEN:
                kept = {price: written[price] for price, _ in best if price in written}
                written.clear()
                written.update(kept)


class Books:
    """Keyed by venue symbol. `renew` asks for a new snapshot of a market."""

    def __init__(self, instruments: Instruments, renew: Callable[[str], None]) -> None:
        self._instruments = instruments
        self._renew = renew
        self._depths = Depths(instruments)
        self._books: dict[str, ChainedBook] = {}
        self._awaited: dict[str, int] = {}  # markets without a snapshot, since when; 0 where no time is known yet

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Output]:
        """The depth streams wanted of each market from now on."""
        for market in [market for market in self._books if market not in streams]:
            del self._books[market]
        self._awaited = {market: self._awaited.get(market, 0) for market in streams if market not in self._known()}
        yield from self._depths.want(streams, self._books)

    def frame(
        self, market: str, channel: str, action: str | None, row: frames.BookRow, received_ns: int
    ) -> Iterable[Output]:
        """One `snapshot` or `update`. Of several channels of a market the first one is read: they have one book."""
        if not self._depths.wanted(market):
            return
        book = self._books.get(market)
        if book is None:
            book = self._books[market] = ChainedBook(channel)
        if book.channel != channel:
            return
        contract, event_us = quantities.contract(self._instruments, market), names.micros(row.ts)
        sides = tuple(quantities.levels(contract, row.bids)), tuple(quantities.levels(contract, row.asks))
        was_proven, delta = book.proven, None
        try:
            if action == "snapshot":
                self._awaited.pop(market, None)
                book.snapshot(row, sides, event_us, received_ns)
            elif action == "update":
                delta = book.update(row, sides, event_us, received_ns)
            else:
                raise BadFrame(f"a book is updated by {str(action)[:30]!r}", "book action")
        except Break as error:
            self._awaited[market] = received_ns
            self._renew(market)
            reason: Reason = "checksum" if isinstance(error, ChecksumBreak) else "sequence"
            yield from self._depths.broken(market, book, reason, received_ns, event_us)
            return
        if was_proven and not book.proven:
            yield from self._depths.broken(market, book, "sequence", received_ns, event_us)
        elif book.proven and (action == "snapshot" or not was_proven):
            yield from self._depths.started(market, book)
        elif delta is not None:
            yield from self._depths.changed(market, book, delta)

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Pictures whose pause is over; a snapshot that does not come is asked for again."""
        yield from self._depths.due(self._books, now_ns)
        for market, since_ns in self._awaited.items():
            if not since_ns:
                self._awaited[market] = now_ns
            elif now_ns - since_ns > SNAPSHOT_NS:
                self._awaited[market] = now_ns
                self._renew(market)

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book as a snapshot."""
        book = self._books.get(market)
        return self._depths.state(market, book, received_ns) if book and book.proven else None

    def waiting(self) -> dict[str, int]:
        """Updates of each market that cannot be shown before a snapshot comes."""
        return {market: book.waiting for market, book in self._books.items() if book.waiting}

    def _known(self) -> set[str]:
        return {market for market, book in self._books.items() if market not in self._awaited}


def checksum(bids: Iterable[str], asks: Iterable[str]) -> int:
    """The CRC32 of bids and asks in turn, each `price:quantity` in the exchange's own digits, as a signed number."""
    told = ":".join(level for level in chain.from_iterable(zip_longest(bids, asks)) if level)
    unsigned = crc32(told.encode())
    return unsigned - 2**32 if unsigned >= 2**31 else unsigned
