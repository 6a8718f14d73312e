"""The invented market as an adapter's sandbox side sees it; made by `sandbox/`. Times in ms, numbers exact text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from exchanges.decimals import Number
from exchanges.symbols import Instrument


class Invented(Protocol):
    """The invented market as a sandbox adapter sees it (made by `sandbox/`); all times in ms, all numbers exact text."""

    def instruments(self) -> Sequence[Instrument]: ...

    def now_ms(self) -> int: ...

    def trades(self, symbol: str, from_id: int | None, limit: int) -> Sequence["InventedTrade"]:
        """Oldest first: from the id on, or the newest `limit`."""

    def trades_between(self, symbol: str, start_ms: int, end_ms: int, limit: int) -> Sequence["InventedTrade"]:
        """Oldest first, the first `limit` in [start_ms, end_ms]."""

    def candles(self, symbol: str, interval: str, start_ms: int, end_ms: int, limit: int) -> Sequence["InventedCandle"]:
        """Oldest first, those that open in [start_ms, end_ms], the running one included."""

    def depth(self, symbol: str, limit: int) -> "InventedDepth": ...

    def day(self, symbol: str) -> "InventedDay": ...


@dataclass(frozen=True, slots=True)
class InventedTrade:
    """One match of the invented market; `trade_id` runs without a hole per symbol from 1."""

    symbol: str
    trade_id: int
    price: Number
    quantity: Number
    quote_quantity: Number
    buyer_is_maker: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class InventedCandle:
    """Agrees with the trades between its open and its close."""

    symbol: str
    interval: str
    open_ms: int
    close_ms: int
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    quote_volume: Number
    trades: int
    first_id: int  # -1 without trades
    last_id: int
    taker_buy_volume: Number
    taker_buy_quote_volume: Number
    closed: bool


@dataclass(frozen=True, slots=True)
class InventedDepth:
    """The whole book after update `update_id` (best first), or with `first_update_id` the changes of the updates up to it."""

    symbol: str
    update_id: int
    bids: Sequence[tuple[Number, Number]]
    asks: Sequence[tuple[Number, Number]]
    time_ms: int
    first_update_id: int | None = None


@dataclass(frozen=True, slots=True)
class InventedDay:
    """The last 24 hours of one symbol."""

    symbol: str
    time_ms: int
    open_ms: int
    open: Number
    high: Number
    low: Number
    last: Number
    last_quantity: Number
    bid: tuple[Number, Number] | None
    ask: tuple[Number, Number] | None
    volume: Number
    quote_volume: Number
    first_id: int
    last_id: int
    trades: int
    previous_close: Number
