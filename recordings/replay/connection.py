"""One connection of a recording: its feed, told again what it was told when the recording was made. Pure."""

from collections.abc import Collection, Iterable

from exchanges.contract import Card, Feed, Output, Request, Want
from exchanges.errors import ExchangeError
from exchanges.events import Status
from exchanges.symbols import Instrument, Instruments
from marketdata.normalize import Line
from streams.rehearsal import Rehearsal

LIVE_AFTER_NS = 2_000_000_000  # as live: a quiet market counts as live when its connection has been open for so long


class Connection:
    """`wants` is None where the recording does not say: the feed then accepts whatever comes."""

    def __init__(
        self,
        card: Card,
        now_ns: int,
        wants: Collection[Want] | None = None,
        instruments: Iterable[Instrument] = (),
        socket: int | None = None,
        rehearsing: bool = False,
    ) -> None:
        self._card = card
        self.polled = socket is not None and not card.sockets[socket].url
        self.wants = None if wants is None else frozenset(wants)
        self.instruments = Instruments(instruments)
        self.rehearsal = Rehearsal(self.wants or ()) if rehearsing else None
        self.cut = False  # what it says is left out for a while
        self.since_ns = now_ns  # when it was opened, or told other wants
        self.said: dict[Want, Status] = {}  # what keeps a stream from being live
        self.known: dict[Want, frozenset[str]] = {}  # what was told of a topic before this connection took it over
        self.feed: Feed = card.feed(self.instruments)

    @property
    def exchange(self) -> str:
        return self._card.code

    def begin(self) -> list[Output]:
        """What the feed says at its start."""
        return [*self.feed.opening(), *self._wanted()]

    def begin_anew(self) -> list[Output]:
        """Lines are missing: what the feed knew is not proven any more."""
        self.feed = self._card.feed(self.instruments)
        self.said = {}
        return self.begin()

    def want(self, wants: Collection[Want], instruments: Iterable[Instrument], now_ns: int) -> list[Output]:
        """Other streams from now on."""
        known = {**self.instruments.by_symbol, **{one.symbol: one for one in instruments}}
        self.instruments.become(known.values())
        self.wants, self.since_ns = frozenset(wants), now_ns
        self.rehearsal = Rehearsal(self.wants) if self.rehearsal else None
        return self._wanted()

    def hear(self, line: Line, received_ns: int) -> Iterable[Output]:
        """A frame, or the answer to a request."""
        payload = line.payload
        if line.rest is None:
            return self.feed.receive(payload, received_ns)
        body = payload.encode("utf-8", "replace") if isinstance(payload, str) else payload
        return self.feed.answered(Request(line.rest), body, received_ns)

    def failed(self, target: str, detail: str, now_ns: int) -> Iterable[Output]:
        """A request came to nothing."""
        return self.feed.failed(Request(target), ExchangeError(detail or "no answer was recorded"), now_ns)

    def _wanted(self) -> Iterable[Output]:
        return () if self.wants is None else self.feed.wanted(self.wants)
