"""The events: what exchanges say, in our words. Each field is defined once, here.

Times: `*_us` are microseconds since 1970-01-01 UTC by the exchange's clock, `received_ns` nanoseconds by ours, `*_ms`
milliseconds where the field has no finer meaning. Numbers are canonical decimal text (exchanges.decimals).
Absent is None, never zero.
"""

from typing import ClassVar, Literal

from msgspec import Struct

from exchanges.decimals import Number

Side = Literal["buy", "sell"]  # the taker's: `buy` means somebody bought at the ask
Level = tuple[Number, Number]  # price, quantity; quantity 0 removes the level in a delta
Reason = Literal["disconnect", "sequence", "checksum", "stale", "failover", "recovery"]
State = Literal[
    "starting", "live", "stale", "reconnecting", "stopped", "not_authenticated", "quota_spent", "not_listed"
]


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """What every event says."""

    symbol: str  # our spelling of the market
    venue_symbol: str  # the exchange's own
    received_ns: int  # our clock when the frame arrived
    event_us: int | None = None  # the exchange's clock when it sent the frame; None if it sends none


class Trade(Event, frozen=True, kw_only=True, gc=False):
    """One match (or, where the exchange offers no more, one taker order's fills at one price)."""

    name: ClassVar[str] = "trade"
    stream: ClassVar[str] = "trade"
    trade_id: str  # the exchange's own id
    price: Number  # quote per base
    quantity: Number  # base units
    side: Side | None  # None where the exchange does not say
    trade_us: int | None  # when the match happened, by the exchange
    venue_quantity: Number | None = None  # what the exchange sent, where `quantity` had to be worked out
    number: int | None = None  # its place in the market's own count, where the exchange has one beside the id; not told

    @property
    def place(self) -> str:
        """What runs without a hole, where anything does: the market's count, or else the id."""
        return self.trade_id if self.number is None else str(self.number)


class Ticker(Event, frozen=True, kw_only=True, gc=False):
    """The state of a market at a glance; a rolling 24 h window where the exchange has one."""

    name: ClassVar[str] = "ticker"
    stream: ClassVar[str] = "ticker"
    last_price: Number | None = None
    last_quantity: Number | None = None
    bid_price: Number | None = None
    bid_quantity: Number | None = None
    ask_price: Number | None = None
    ask_quantity: Number | None = None
    open_24h: Number | None = None
    high_24h: Number | None = None
    low_24h: Number | None = None
    volume_24h: Number | None = None  # base units
    quote_volume_24h: Number | None = None


class Depth(Event, frozen=True, kw_only=True, gc=False):
    """The order book: a `snapshot` replaces all, a `delta` carries absolute quantities (0 removes the level)."""

    name: ClassVar[str] = "depth"
    stream: str = "depth"  # or depth_5 … depth_50
    type: Literal["snapshot", "delta"]
    bids: tuple[Level, ...]  # best first
    asks: tuple[Level, ...]  # best first
    sequence: int | None = None  # the exchange's own number of this state


class Candle(Event, frozen=True, kw_only=True, gc=False):
    """Open, high, low, close and volume of one interval."""

    name: ClassVar[str] = "candle"
    interval: str
    open_ms: int
    close_ms: int  # the last millisecond inside
    open: Number | None
    high: Number | None
    low: Number | None
    close: Number | None
    volume: Number | None  # base units
    quote_volume: Number | None
    trades: int | None
    closed: bool  # True when these figures are final

    @property
    def stream(self) -> str:
        return f"candle_{self.interval}"


class Gap(Event, frozen=True, kw_only=True, gc=False):
    """Continuity of one topic was lost here; what follows belongs to a new epoch."""

    name: ClassVar[str] = "gap"
    stream: str
    reason: Reason
    from_us: int | None  # the last proven moment
    repair: Literal["pending", "none"] = "none"


class Repaired(Event, frozen=True, kw_only=True, gc=False):
    """What the exchange still had of a gap was fetched and sent."""

    name: ClassVar[str] = "repaired"
    stream: str
    from_us: int | None
    to_us: int | None
    count: int
    complete: bool


class Status(Event, frozen=True, kw_only=True, gc=False):
    """How a topic is doing; not counted."""

    name: ClassVar[str] = "status"
    stream: str
    status: State
    detail: str = ""


class Rejected(Struct, frozen=True, gc=False):
    """A frame that is broken or unknown; `kind` is the same for frames that fail in the same way."""

    reason: str
    kind: str


Market = Trade | Ticker | Depth | Candle
Counted = Market | Gap | Repaired
