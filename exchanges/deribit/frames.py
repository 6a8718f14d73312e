"""The shapes of what Deribit sends, on a connection and over HTTP: only the fields we read. Field names are theirs.

Prices and amounts are JSON numbers, which are read as decimals from their text.
Source: https://docs.deribit.com, JSON-RPC overview, API reference, market data channels.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.json import Decoder

Time = Annotated[int, Meta(ge=0, lt=10**14)]  # milliseconds
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Market = Annotated[str, Meta(min_length=1, max_length=100)]
Text = Annotated[str, Meta(min_length=1, max_length=100)]


class Error(Struct):
    """Why a call was refused."""

    code: int = 0
    message: str = ""
    data: Any = None  # mostly {"reason", "param"}


class Said(Struct):
    """`params` of a notification: of a subscription `channel` and `data`, of a heartbeat its `type`."""

    channel: str | None = None
    data: Raw = Raw()
    type: str | None = None


class Frame(Struct):
    """A notification (with a method), or the answer to a call of ours (with its id)."""

    method: str | None = None
    params: Said | UnsetType = UNSET
    id: int | str | None = None
    result: Raw | UnsetType = UNSET
    error: Error | UnsetType = UNSET


class Answer(Struct):
    """The body of an HTTP answer."""

    result: Raw | UnsetType = UNSET
    error: Error | UnsetType = UNSET


class TradeRow(Struct):
    trade_id: Text
    trade_seq: Id  # runs without a hole per market
    timestamp: Time
    instrument_name: Market
    price: Decimal
    amount: Decimal
    direction: Literal["buy", "sell"]


class Trades(Struct):
    """Of `get_last_trades_by_instrument`"""

    trades: list[Raw]


class Change(Struct):
    """`book.<market>.<pace>`: absolute amounts; the whole book where it is a snapshot"""

    timestamp: Time
    instrument_name: Market
    change_id: Id
    bids: list[tuple[Literal["new", "change", "delete"], Decimal, Decimal]]
    asks: list[tuple[Literal["new", "change", "delete"], Decimal, Decimal]]
    prev_change_id: Id | None = None  # absent, null or 0 on a snapshot
    type: Literal["snapshot", "change"] | None = None  # older frames have none

    @property
    def whole(self) -> bool:
        return not self.prev_change_id if self.type is None else self.type == "snapshot"


class Book(Struct):
    """The best levels, whole: `book.<market>.none.<depth>.<pace>`, and `get_order_book`"""

    timestamp: Time
    instrument_name: Market
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    change_id: Id | None = None


class Stats(Struct, frozen=True):
    """Of the last 24 hours"""

    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal | None = None  # base
    volume_usd: Decimal | None = None
    volume_notional: Decimal | None = None  # quote


class Quote(Struct):
    """`quote.<market>`; an empty side is null or 0"""

    timestamp: Time
    instrument_name: Market
    best_bid_price: Decimal | None = None
    best_bid_amount: Decimal | None = None
    best_ask_price: Decimal | None = None
    best_ask_amount: Decimal | None = None


class Day(Quote):
    """`ticker.<market>.<pace>`, and `public/ticker`"""

    last_price: Decimal | None = None
    stats: Stats = Stats()


class Sample(Struct):
    """`chart.trades.<market>.<resolution>`"""

    tick: Time
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal  # base
    cost: Decimal | None = None  # quote


class Chart(Struct):
    """Of `get_tradingview_chart_data`: columns, oldest first"""

    status: Literal["ok", "no_data"]
    ticks: list[Time] = []
    open: list[Decimal | None] = []
    high: list[Decimal | None] = []
    low: list[Decimal | None] = []
    close: list[Decimal | None] = []
    volume: list[Decimal | None] = []
    cost: list[Decimal | None] | None = None


class State(Struct):
    """`instrument.state.<kind>.<currency>`"""

    state: str
    instrument_name: Market


class Listed(Struct):
    """One market of `get_instruments`"""

    instrument_name: Market
    kind: str
    base_currency: Market
    quote_currency: Market  # what the price is in: of an inverse option its base
    counter_currency: Market | None = None
    settlement_currency: str | None = None
    instrument_type: str | None = None  # "reversed" or "linear"
    settlement_period: str | None = None
    tick_size: Decimal | None = None
    contract_size: Decimal | None = None
    min_trade_amount: Decimal | None = None
    expiration_timestamp: Time | None = None
    strike: Decimal | None = None
    option_type: str | None = None
    state: str | None = None
    is_active: bool = True


frame = Decoder(Frame).decode
answer = Decoder(Answer).decode
channels = Decoder(list[str]).decode
members = Decoder(dict[str, Raw]).decode  # of any object
trade_rows = Decoder(list[TradeRow]).decode
trade_row = Decoder(TradeRow).decode
trades = Decoder(Trades).decode
change = Decoder(Change).decode
book = Decoder(Book).decode
quote = Decoder(Quote).decode
day = Decoder(Day).decode
sample = Decoder(Sample).decode
chart = Decoder(Chart).decode
state = Decoder(State).decode
rows = Decoder(list[Raw]).decode
listed = Decoder(Listed).decode
