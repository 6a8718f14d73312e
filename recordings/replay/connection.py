"""One connection of a recording: its feed, told again what it was told when the recording was made. Pure."""

from collections.abc import Collection, Iterable

from exchanges.contract import Card, Feed, Output, Request, Want
from exchanges.errors import ExchangeError
from exchanges.events import Status
from exchanges.symbols import Instruments
from marketdata.normalize import Line
from recordings.replay.faulty import FaultyFeed
from streams.rehearsal import Rehearsal

LIVE_AFTER_NS = 2_000_000_000  # as live: a quiet market counts as live when its connection has been open for so long


class Connection:
    """`wants` is None where the recording does not say: the feed then accepts whatever comes."""

    def __init__(
        self,
        card: Card,
        now_ns: int,
        instruments: Instruments,
        truths: Instruments | None = None,
        wants: Collection[Want] | None = None,
        socket: int | None = None,
        rehearsing: bool = False,
    ) -> None:
        """`instruments` are all that are known of the exchange, one object for its connections, as live; `truths` are
        the same for those that hear what faults hide, where not all comes as it was recorded."""
        self._card, self._instruments, self._truths = card, instruments, truths
        self.polled = socket is not None and not card.sockets[socket].url
        self.wants = None if wants is None else frozenset(wants)
        self.rehearsal = Rehearsal(self.wants or ()) if rehearsing else None
        self.cut = False  # what it says is left out for a while
        self.since_ns = now_ns  # when it was opened, or told other wants
        self.said: dict[Want, Status] = {}  # what keeps a stream from being live
        self.known: dict[Want, frozenset[str]] = {}  # what was told of a topic before this connection took it over
        self.feed: Feed | FaultyFeed = self._new_feed()

    @property
    def exchange(self) -> str:
        return self._card.code

    def begin(self) -> list[Output]:
        """What the feed says at its start."""
        return [*self.feed.opening(), *self._wanted()]

    def begin_anew(self) -> list[Output]:
        """Lines are missing: what the feed knew is not proven any more."""
        self.feed, self.said = self._new_feed(), {}
        return self.begin()

    def want(self, wants: Collection[Want], now_ns: int) -> list[Output]:
        """Other streams from now on."""
        self.wants, self.since_ns = frozenset(wants), now_ns
        self.rehearsal = Rehearsal(self.wants) if self.rehearsal else None
        return list(self._wanted())

    def hear(self, line: Line, received_ns: int) -> Iterable[Output]:
        """A frame, or the answer to a request."""
        return _told(self.feed, line, received_ns)

    def overhear(self, line: Line, received_ns: int) -> None:
        """The same, before a fault may hit it."""
        if isinstance(self.feed, FaultyFeed):
            self.feed.overhear(lambda feed: _told(feed, line, received_ns))

    def mend(self, symbols: Iterable[str], now_ns: int) -> bool:
        """Whether books that faults broke stand again: each is then to be told as it is now."""
        return isinstance(self.feed, FaultyFeed) and self.feed.mend(symbols, now_ns)

    def failed(self, target: str, detail: str, now_ns: int) -> Iterable[Output]:
        """A request came to nothing."""
        return self.feed.failed(Request(target), ExchangeError(detail or "no answer was recorded"), now_ns)

    def _new_feed(self) -> Feed | FaultyFeed:
        feed = self._card.feed(self._instruments)
        return feed if self._truths is None else FaultyFeed(feed, self._card.feed(self._truths), self._truths)

    def _wanted(self) -> Iterable[Output]:
        return () if self.wants is None else self.feed.wanted(self.wants)


def _told(feed: Feed | FaultyFeed, line: Line, received_ns: int) -> Iterable[Output]:
    payload = line.payload
    if line.rest is None:
        return feed.receive(payload, received_ns)
    body = payload.encode("utf-8", "replace") if isinstance(payload, str) else payload
    return feed.answered(Request(line.rest), body, received_ns)
