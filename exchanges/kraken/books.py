"""The books of one connection: snapshots and updates in; events, and subscriptions made anew, out. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from exchanges.broken import rejected
from exchanges.contract import Output, Send
from exchanges.depths import Break, Depths
from exchanges.errors import BadFrame
from exchanges.events import Depth
from exchanges.kraken.book import DEEPEST, KrakenBook, Places, Sent, listed_depth
from exchanges.symbols import Instruments

SECOND_NS = 1_000_000_000
PATIENCE_NS = 20 * SECOND_NS  # a subscription without a snapshot for so long is made again
CALM_NS = 60 * SECOND_NS  # a book that held for so long has its earlier breaks forgiven
LONGEST_PAUSE_NS = 60 * SECOND_NS

_channels = re.compile(r'"channel":\s*"(\w+)"').findall
_symbols = re.compile(r'"symbol":\s*"([^"]+)"').findall


@dataclass
class Waiting:
    """A market whose snapshot is to come: when to ask for it (again), and how many updates came meanwhile."""

    again_ns: int | None  # None: from the next tick on, patience
    frames: int = 0


class Books:
    """Keyed by venue symbol; `again` gives what to send to have a market's snapshot once more."""

    def __init__(self, instruments: Instruments, again: Callable[[str], Iterable[Send]]) -> None:
        self._instruments = instruments
        self._again = again
        self._depths = Depths(instruments)
        self._books: dict[str, KrakenBook] = {}
        self._waiting: dict[str, Waiting] = {}
        self._breaks: dict[str, tuple[int, int]] = {}  # how many without a calm between, when the last one was
        self._subscribed: dict[str, int] = {}  # the depth of each market's subscription, as acknowledged
        self._refused: set[str] = set()  # asking for their snapshots is of no use
        self._told = False  # whether `want` was ever called

    def want(self, streams: Mapping[str, set[str]]) -> Iterable[Output]:
        """The depth streams wanted of each market from now on."""
        self._told = True
        for known in (self._books, self._waiting, self._breaks, self._subscribed):
            for market in [market for market in known if market not in streams]:
                del known[market]
        self._refused &= streams.keys()
        for market in streams:
            if market not in self._books and market not in self._refused:
                self._waiting.setdefault(market, Waiting(None))
        yield from self._depths.want(streams, self._books)

    def wanted(self, market: str) -> list[str]:
        """The depth streams that the market's subscription serves."""
        return sorted(self._depths.wanted(market))

    def acknowledged(self, market: str, depth: int | None) -> None:
        """The market's subscription stands, with this depth."""
        if depth is not None and 0 < depth <= DEEPEST:
            self._subscribed[market] = depth

    def refused(self, market: str) -> None:
        """There will be no snapshot."""
        self._waiting.pop(market, None)
        self._refused.add(market)

    def snapshot(
        self, market: str, bids: list[Sent], asks: list[Sent], checksum: int | None, event_us: int | None,
        received_ns: int, depth: int | None = None,
    ) -> Iterable[Output]:  # fmt: skip
        """The whole book of `depth` levels a side; by default, what was subscribed to."""
        if not self._depths.wanted(market):
            return
        known = depth or self._subscribed.get(market) or (DEEPEST if self._told else 0)
        book = KrakenBook(max(known, listed_depth(max(len(bids), len(asks)))), self._places(market))
        if before := self._books.get(market):
            book.last_proven_us = before.last_proven_us
        try:
            book.snapshot(bids, asks, checksum, event_us, received_ns)
        except Break:
            self._books[market] = book
            yield from self._broken(market, book, received_ns, event_us)
        else:
            self._books[market] = book
            self._waiting.pop(market, None)
            yield from self._depths.started(market, book)

    def update(
        self, market: str, bids: list[Sent], asks: list[Sent], checksum: int | None, event_us: int | None,
        received_ns: int,
    ) -> Iterable[Output]:  # fmt: skip
        """What changed. Without a proven book it can only be dropped: the snapshot to come holds it."""
        if not self._depths.wanted(market):
            return
        book = self._books.get(market)
        if book is None or not book.proven:
            self._waiting.setdefault(market, Waiting(None)).frames += 1
            return
        try:
            delta = book.update(bids, asks, checksum, event_us, received_ns)
        except Break:
            yield from self._broken(market, book, received_ns, event_us)
        except BadFrame as error:
            # What the frame said is lost, so that no later checksum could be ours.
            book.lose()
            yield rejected(error)
            yield from self._broken(market, book, received_ns, event_us)
        else:
            yield from self._depths.changed(market, book, delta)

    def unread(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        """A frame that nobody could read: what it may have changed is lost, and a checksum need not tell."""
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        if any(channel != "book" for channel in _channels(text)):
            return
        named = {market for market in _symbols(text) if market in self._books} or self._books.keys()
        for market in [market for market in named if self._books[market].proven]:
            self._books[market].lose()
            yield from self._broken(market, self._books[market], received_ns, None)

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Pictures whose pause is over, and snapshots whose time has come."""
        yield from self._depths.due(self._books, now_ns)
        for market, waiting in list(self._waiting.items()) if self._told else ():
            if waiting.again_ns is None:
                waiting.again_ns = now_ns + PATIENCE_NS
            elif now_ns >= waiting.again_ns:
                waiting.again_ns = now_ns + PATIENCE_NS
                yield from self._again(market)

    def state(self, market: str, received_ns: int) -> Depth | None:
        """The proven book as a snapshot."""
        book = self._books.get(market)
        return self._depths.state(market, book, received_ns) if book and book.proven else None

    def waiting(self) -> dict[str, int]:
        """Updates of each market that came while its snapshot was missing."""
        return {market: waiting.frames for market, waiting in self._waiting.items() if waiting.frames}

    def _places(self, market: str) -> Places:
        """The decimals of the market's increments; 0 where they are not known."""
        listed = self._instruments.by_venue_symbol.get(market)
        prices, quantities = (listed.price_increment, listed.quantity_increment) if listed else (None, None)
        return len((prices or "").partition(".")[2]), len((quantities or "").partition(".")[2])

    def _broken(self, market: str, book: KrakenBook, received_ns: int, event_us: int | None) -> Iterable[Output]:
        """A gap, and a new subscription: at once, but ever later where one break follows another."""
        yield from self._depths.broken(market, book, "checksum", received_ns, event_us)
        count, last_ns = self._breaks.get(market, (0, 0))
        count = 0 if received_ns - last_ns > CALM_NS else count
        self._breaks[market] = count + 1, received_ns
        waiting = self._waiting[market] = Waiting(received_ns + PATIENCE_NS)
        if count:
            waiting.again_ns = received_ns + min(LONGEST_PAUSE_NS, SECOND_NS << min(count, 6))
        elif self._told:
            yield from self._again(market)
