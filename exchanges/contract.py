"""The contract between an adapter and the rest: the card, requests, a feed with its inputs and outputs.

An adapter is a folder of this package with
    __init__.py  CARD
    names.py     their words and ours
    rest.py      builds a Request, reads its answer; pure
    feed.py      one connection's conversation; pure
    sandbox.py   the same protocol from the exchange's side; pure
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from exchanges.events import Candle, Depth, Event, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, Instruments, Kind, kind_of

QUOTA_S = 3600  # a limit over longer than this is a quota
RestKind = Literal["instruments", "candles", "trades", "ticker", "depth"]


@dataclass(frozen=True)
class Request:
    """One HTTP request below the card's `rest_url`: `target` is path and query, `weight` counts against the budget."""

    target: str
    weight: int = 1
    method: Literal["GET", "POST"] = "GET"
    body: str | None = None
    host: str = ""  # which of the card's `hosts`; its `rest_url` without one

    @classmethod
    def get(cls, path: str, weight: int = 1, **query: object) -> "Request":
        """A GET of `path`; parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return cls(f"{path}?{urlencode(given)}" if given else path, weight)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2]))


@dataclass(frozen=True)
class Send:
    """Text that the session sends on the connection."""

    text: str


@dataclass(frozen=True)
class Fetch:
    """A request that the session makes for the feed; the answer comes back through `answered` or `failed`."""

    request: Request
    patient: bool = False  # it waits until half of the budget is left


@dataclass(frozen=True)
class Close:
    """The connection is of no more use; the session opens a new one after `after_s` seconds.

    `planned`: it is good for some seconds more, in which another may take its place.
    """

    reason: str
    after_s: float = 0.0
    planned: bool = False


Output = Event | Rejected | Send | Fetch | Close
Want = tuple[str, str]  # (stream, symbol) of one exchange; ("ticker", ALL) is every market's ticker in one subscription
ALL = "*"
Keys = Mapping[str, str]  # what the user has with the exchange, by the names on the card; never in a log or an error


class Feed(Protocol):
    """One connection's conversation. New connection, new object. Nothing here waits, sends or looks at a clock."""

    def opening(self) -> Iterable[Output]:
        """What to say first, before any topic is wanted (a login, a greeting)."""

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        """The whole set of streams wanted from now on; the feed works out what to add and drop.

        A feed that was never told accepts whatever comes, as when a recording is read.
        """

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        """A frame from the exchange. A frame that is broken or unknown gives Rejected, never an exception."""

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        """The answer to a Fetch. A feed reads what it needs from the request's target."""

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        """A Fetch that came to nothing; the feed asks again on a later tick if it still needs it."""

    def tick(self, now_ns: int) -> Iterable[Output]:
        """Time passes; called about ten times a second."""

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        """The proven order book of `symbol` as a snapshot, or None."""

    def waiting(self) -> Mapping[str, int]:
        """By symbol, how many frames wait for an answer (an order-book snapshot) before they can be shown."""


@dataclass(frozen=True)
class Limit:
    """At most `amount` weight in `window_s` seconds, counted in fixed windows over all that share the `scope`."""

    amount: int
    window_s: int
    scope: str = "weight"


@dataclass(frozen=True)
class Socket:
    """One kind of connection an exchange offers: where, for which streams, and within which limits.

    Without a `url` nothing is opened: the feed asks for what it needs by Fetch, on its ticks.
    """

    url: str
    streams: tuple[str, ...]  # stream names; `candle` stands for every interval
    max_subscriptions: int  # the exchange's own limit per connection
    messages_per_s: float  # what we may send
    connects: "Limit | None" = None  # new connections, over all workers
    lifetime_s: float | None = None  # we reconnect before the exchange closes
    max_frame_bytes: int = 16 * 2**20
    most_connections: int | None = None  # the source takes no more at once, over all workers
    keyed_url: str = ""  # opened in place of `url` where the card holds the user's keys
    kinds: tuple[Kind, ...] = ()  # of the markets that it carries; all where none is named


@dataclass(frozen=True)
class Signed:
    """A request as it goes out: with the user's key in it, so it is made last and never kept."""

    target: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sight:
    """What a look at a market shows of its newest trade."""

    mark: str  # another one with every trade
    place: int | None = None  # as `Trade.place` says it, where that runs without a hole
    trade_us: int | None = None


@dataclass(frozen=True)
class Glance:
    """The cheapest look at several markets at once."""

    most: int  # markets a request
    request: Callable[[Sequence[Instrument]], Request]
    read: Callable[[bytes], Mapping[str, Sight]]  # by venue symbol


def unsigned(request: Request, _: Keys) -> Signed:
    """For exchanges whose market data needs no key."""
    return Signed(request.target)


class Rest(Protocol):
    """What `exchanges/<name>/rest.py` offers. A request that the exchange does not offer is not on the card."""

    def instruments_requests(self) -> list[Request]:
        """What to ask for all instruments."""

    def read_instruments(self, body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
        """A broken row goes into `rejected` and the others are read; without it, BadFrame. So for every list."""

    def candles_request(
        self, instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
    ) -> Request:
        """Candles that open in [start_ms, end_ms); one page. The caller goes on from the last candle's next opening."""

    def read_candles(
        self, body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
        rejected: list[Rejected] | None = None,
    ) -> list[Candle]:  # fmt: skip
        """Oldest first. A candle is closed when it ended before `now_ms` (default: the receive time)."""

    def trades_request(
        self, instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
    ) -> Request:
        """The newest trades; or those from the id (`Trade.place`) on, that one included, oldest first, of which the
        time of the one before is known; or, without an id, those from that time on."""

    def read_trades(
        self, body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
    ) -> list[Trade]: ...

    def ticker_request(self, instrument: Instrument) -> Request: ...

    def read_ticker(self, body: bytes, instrument: Instrument, received_ns: int) -> Ticker: ...

    def depth_request(self, instrument: Instrument, limit: int) -> Request: ...

    def read_depth(self, body: bytes, instrument: Instrument, received_ns: int) -> Depth: ...

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception | None:
        """The error that an answer carries, also one inside HTTP 200; None where it is an answer."""

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """What the exchange says we used in the current window, where it says so."""


@dataclass(frozen=True)
class Card:
    """All that differs between exchanges and is not protocol."""

    code: str
    title: str
    kind: Literal["exchange", "broker", "aggregator"]
    rest_url: str
    sockets: tuple[Socket, ...]
    streams: tuple[str, ...]  # `candle` stands for one stream per interval
    intervals: Mapping[str, str]  # our interval: theirs
    limits: tuple[Limit, ...]  # of REST requests
    rest: Rest
    new_feed: Callable[[Instruments, Keys], Feed]
    candles_per_page: int
    depth_limit: int  # levels a side that one REST answer can hold
    probe: Request  # the cheapest request that tells whether the exchange can be reached
    glance: Glance | None = None  # without one, a market is looked at by its newest trade
    trades_from_id: bool = False  # REST serves trades from an id (or count, `Trade.place`) on, without a hole
    trades_from_id_kinds: tuple[Kind, ...] = ()  # of markets of these kinds alone; of all where none is named
    trades_from_time: bool = False  # REST serves trades from a time on, oldest first
    settle_s: int = 60  # a candle that is absent so long after its end had no trades; before, it may only be late
    sync_every_s: int | None = None  # its lists of markets are asked for so often, where they cost a quota
    candles_kept: int | None = None  # the source still has so many of each interval, the newest; None: all
    all_tickers: bool = False  # the feed takes ("ticker", ALL)
    hosts: Mapping[str, str] = field(default_factory=dict)  # further REST addresses, by the name in Request.host
    key_names: tuple[str, ...] = ()  # settings that hold the user's keys, e.g. ALPACA_KEY_ID; data flows without them
    keys: Keys = field(default_factory=dict, repr=False)
    keyed_limits: tuple[Limit, ...] = ()  # in place of `limits` where the card holds the user's keys
    keyed_kinds: tuple[Kind, ...] = ()  # markets of these kinds are listed to those with keys alone
    open_lists: tuple[Request, ...] = ()  # asked for the other markets where the whole list is refused without keys
    named_lists: Callable[[Request, bytes], list[Request]] = lambda request, answer: []  # that an answer's list names
    sign: Callable[[Request, Keys], Signed] = unsigned
    spelled: Callable[[str], str | None] | None = None  # our symbol from the spelling alone, where it tells
    missing: Mapping[str, str] = field(
        default_factory=dict
    )  # what the source does not offer ("candles by WebSocket"): why
    notes: str = ""

    def __post_init__(self) -> None:
        if self.key_names and self.keyed:
            opened = tuple(replace(one, url=one.keyed_url) if one.keyed_url else one for one in self.sockets)
            object.__setattr__(self, "sockets", opened)
            object.__setattr__(self, "limits", self.keyed_limits or self.limits)

    @property
    def keyed(self) -> bool:
        """Whether it holds all the keys that the source takes."""
        return all(self.keys.get(name) for name in self.key_names)

    def feed(self, instruments: Instruments) -> Feed:
        """A new connection's feed."""
        instruments.spelled = self.spelled
        return self.new_feed(instruments, self.keys)

    def address(self, request: Request) -> str:
        """What stands before the request's target."""
        return self.hosts[request.host] if request.host else self.rest_url

    @property
    def has_quota(self) -> bool:
        """Its requests are counted over so long that none is spent on what is not asked for."""
        return any(limit.window_s > QUOTA_S for limit in self.limits)

    def numbers_trades(self, instrument: Instrument) -> bool:
        """Whether the market's trades can be asked for from an id (or count) on, and a hole in these is a loss."""
        return self.trades_from_id and instrument.kind in (self.trades_from_id_kinds or (instrument.kind,))

    def stream_names(self) -> list[str]:
        """Every stream of the card by its full name."""
        plain = [stream for stream in self.streams if stream != "candle"]
        return plain + ([f"candle_{interval}" for interval in self.intervals] if "candle" in self.streams else [])

    def socket_of(self, stream: str, symbol: str = ALL) -> int:
        """The index in `sockets` of the first connection that carries `stream` of that market."""
        names, kind = {stream, stream.partition("_")[0]}, None if symbol == ALL else kind_of(symbol)
        return next(
            index
            for index, socket in enumerate(self.sockets)
            if names & set(socket.streams) and (kind is None or not socket.kinds or kind in socket.kinds)
        )

    def at(self, url: str) -> "Card":
        """The same card with every address below `url` (`http://host:port/<code>`), as a sandbox serves it."""

        def ws(theirs: str) -> str:
            parts = urlsplit(theirs)
            return "ws" + url.removeprefix("http") + parts.path + (f"?{parts.query}" if parts.query else "")

        sockets = tuple(
            replace(
                socket, url=ws(socket.url) if socket.url else "",
                keyed_url=ws(socket.keyed_url) if socket.keyed_url else "",
            )
            for socket in self.sockets
        )  # fmt: skip
        hosts = {name: url + urlsplit(theirs).path for name, theirs in self.hosts.items()}
        return replace(self, rest_url=url + urlsplit(self.rest_url).path, sockets=sockets, hosts=hosts)
