"""The exchange's side of the wire: the invented market as an adapter sees it, and what its `sandbox.py` must offer.

The market is a pure function of time. Nothing is pushed: who wants to know what happened asks for (after_ms, until_ms],
as often as wanted and always with the same answer. Times are ms since 1970 UTC, numbers exact canonical text.

`exchanges/<name>/sandbox.py` has a class `Sandbox` that fulfils `Exchange`. It is pure: requests, frames and a time in,
answers and frames out; the server under `sandbox/` holds the sockets, the clock and the faults.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, runtime_checkable

from msgspec import Struct

from exchanges.decimals import Number, plain
from exchanges.symbols import Instrument

Level = tuple[Number, Number]  # price, quantity


class InventedTrade(Struct, frozen=True, gc=False):
    """One match. `trade_id` and `order_id` run without a hole per symbol from 1; an order has one or more trades."""

    symbol: str
    trade_id: int
    order_id: int  # of the taker
    price: Number
    quantity: Number
    buyer_is_maker: bool
    time_ms: int

    @property
    def quote_quantity(self) -> Number:
        return plain(Decimal(self.price) * Decimal(self.quantity))


class InventedCandle(Struct, frozen=True, gc=False):
    """Agrees with the trades between its open and its close. One without trades is flat at the price before it."""

    symbol: str
    interval: str
    open_ms: int
    close_ms: int  # the last millisecond inside
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    quote_volume: Number
    taker_buy_volume: Number
    taker_buy_quote_volume: Number
    trades: int
    first_id: int  # -1 without trades
    last_id: int
    closed: bool


class InventedDepth(Struct, frozen=True, gc=False):
    """The book after update `update_id`, best first; with `first_update_id` only what changed from that update on."""

    symbol: str
    time_ms: int
    update_id: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    first_update_id: int | None = None


class InventedWindow(Struct, frozen=True, gc=False):
    """The figures of a rolling window that ends at `close_ms`."""

    symbol: str
    open_ms: int
    close_ms: int
    open: Number
    high: Number
    low: Number
    last: Number
    last_quantity: Number
    previous_close: Number  # of the last trade before the window
    volume: Number
    quote_volume: Number
    trades: int
    first_id: int  # -1 without trades
    last_id: int
    bid: Level
    ask: Level


class Invented(Protocol):
    """The invented market. `until_ms` None is now; a symbol that is not listed raises KeyError."""

    first_ms: int  # history begins here, on every symbol

    def instruments(self) -> Sequence[Instrument]:
        """Spot markets in our spelling. An adapter spells them its own way, and may list its other kinds over them."""

    def now_ms(self) -> int: ...

    def last_trade_id(self, symbol: str, until_ms: int | None = None) -> int:
        """The id of the last trade at or before the time; 0 if there is none."""

    def trades(self, symbol: str, first_id: int, last_id: int) -> Sequence[InventedTrade]:
        """Oldest first, both ids included; none that is still to come."""

    def trades_between(self, symbol: str, after_ms: int, until_ms: int) -> Sequence[InventedTrade]:
        """Oldest first, after one time and up to the other."""

    def order_trade_ids(self, symbol: str, order_id: int) -> tuple[int, int]:
        """The ids of the first and last trade of one taker order."""

    def candle(self, symbol: str, interval: str, open_ms: int, until_ms: int | None = None) -> InventedCandle | None:
        """The candle that opens then, as it stands; None before the first trade."""

    def candles(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> Sequence[InventedCandle]:
        """Oldest first, those that open in [start_ms, end_ms], the running one included; without a start the newest."""

    def depth(self, symbol: str, limit: int, until_ms: int | None = None) -> InventedDepth:
        """The best `limit` levels a side."""

    def depth_changes(self, symbol: str, after_ms: int, until_ms: int) -> InventedDepth | None:
        """What changed in the whole book; None where no update happened."""

    def tops(self, symbol: str, after_ms: int, until_ms: int) -> Sequence[InventedDepth]:
        """Best bid and ask after each update of that time, oldest first."""

    def window(self, symbol: str, length_ms: int, until_ms: int | None = None) -> InventedWindow: ...


@dataclass(frozen=True, slots=True)
class Channel:
    """One stream of frames that any number of connections share; frames are made once for all of them.

    Two connections that want other frames of one stream (raw, combined) want two channels: `variant` tells them apart.
    """

    name: str  # the exchange's own name of the stream
    symbol: str | None  # the invented market's; None for a stream over all symbols
    stream: str  # our word: trade, ticker, depth, depth_5, candle_1m, …
    period_ms: int = 0  # 0: at once; otherwise at multiples of this
    variant: str = ""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request; `path` is without the sandbox's own prefix, names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = ""  # the address it came from
    now_ms: int = 0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class HangUp:
    """The exchange closes this connection; without a code it just drops it."""

    code: int | None = None
    reason: str = ""


Said = str | bytes | HangUp


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The exchange pings each `interval_s` and drops who has not answered after `timeout_s`."""

    interval_s: float
    timeout_s: float


class Conversation(Protocol):
    """The exchange's side of one WebSocket connection. The server sends what is returned, in order."""

    personal: bool  # True: `deliver` makes every frame this connection's own
    channels: Collection[Channel]  # what it is subscribed to now; the server looks after each call

    def opening(self, now_ms: int) -> Iterable[Said]:
        """What is said first."""

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]: ...

    def control(self, now_ms: int) -> Iterable[Said]:
        """A WebSocket PING or PONG came in; the server answers it by itself."""

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        """A channel's frames as this connection gets them (a sequence number over all channels); if `personal`."""

    def tick(self, now_ms: int) -> Iterable[Said]:
        """Called once a second (heartbeats)."""

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        """What is said before a planned shutdown."""


class Exchange(Protocol):
    """One exchange over the invented market."""

    title: str
    examples: Sequence[str]  # paths that a newcomer may try: `/api/v3/time`, `/ws/btcusdt@trade`
    keepalive: Keepalive | None
    lifetime_s: float | None  # of a connection

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """Any HTTP request, also one that makes no sense."""

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        """How this exchange words 403, 418, 429, 451 and 5xx."""

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        """A WebSocket handshake; an answer refuses it."""

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        """What a newcomer gets first (a snapshot): the state at `at_ms`, which its next frames continue."""

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        """The channel's frames for what happened after one time and up to the other."""


@runtime_checkable
class Rationed(Protocol):
    """An exchange that has words of its own for a quota that is spent; of others it is HTTP 429."""

    def spent(self, request: HttpRequest) -> HttpAnswer: ...
