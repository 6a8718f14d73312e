"""The shapes of what Coinbase sends on a connection: only the fields we read, strictly typed. Field names are theirs.

Source: https://docs.cdp.coinbase.com, Advanced Trade WebSocket channels, Exchange WebSocket channels.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.json import Decoder

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
IdText = Annotated[str, Meta(min_length=1, max_length=64)]
Market = Annotated[str, Meta(min_length=1, max_length=100)]
Text = Annotated[str, Meta(max_length=1000)]
Figure = str | None  # absent, null, empty or 0 where there is none


class Head(Struct):
    """What tells all frames apart: `channel` is of Advanced Trade, `type` of the Exchange and of all errors."""

    channel: str | None = None
    type: str | None = None
    timestamp: str | None = None
    sequence_num: Id | None = None
    events: Raw | UnsetType = UNSET
    message: Text = ""
    reason: Text = ""


class Acknowledged(Struct):
    """The whole set of subscriptions, by channel; of `heartbeats` their list holds no market."""

    subscriptions: dict[str, list[str] | None] = {}


class Change(Struct):
    """`new_quantity` is absolute, 0 removes"""

    side: Literal["bid", "offer"]
    price_level: str
    new_quantity: str


class Levels(Struct):
    """`l2_data`: the whole book, or what changed"""

    type: Literal["snapshot", "update"]
    product_id: Market
    updates: list[Change] | None


class MarketTrade(Struct):
    trade_id: IdText
    product_id: Market
    price: str
    size: str
    side: str  # the maker's
    time: str


class MarketTrades(Struct):
    """The first of a subscription is a `snapshot`"""

    type: str = ""
    trades: list[MarketTrade] | None = None


class ShortTicker(Struct):
    """Of `ticker` and, without the book, `ticker_batch`; an absent figure can be empty text."""

    product_id: str
    price: str
    volume_24_h: Figure = None
    low_24_h: Figure = None
    high_24_h: Figure = None
    best_bid: Figure = None
    best_bid_quantity: Figure = None
    best_ask: Figure = None
    best_ask_quantity: Figure = None


class ShortTickers(Struct):
    tickers: list[ShortTicker] | None = None


class CandleRow(Struct):
    """Also by REST, without the market"""

    start: str
    high: str
    low: str
    open: str
    close: str
    volume: str
    product_id: str = ""


class Candles(Struct):
    candles: list[CandleRow] | None = None


class Match(Struct):
    """`match`, and `last_match`: the one before the subscription"""

    trade_id: Id
    product_id: Market
    price: str
    size: str
    side: str  # the maker's
    time: str


class Day(Struct):
    """`ticker` of the Exchange"""

    product_id: Market
    price: str
    time: str | None = None
    last_size: Figure = None
    open_24h: Figure = None
    volume_24h: Figure = None
    low_24h: Figure = None
    high_24h: Figure = None
    best_bid: Figure = None
    best_bid_size: Figure = None
    best_ask: Figure = None
    best_ask_size: Figure = None


class Heartbeat(Struct):
    product_id: Market
    last_trade_id: Id
    time: str


class Snapshot(Struct):
    """The Exchange's book; `time` since 2023"""

    product_id: Market
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time: str | None = None


class L2Update(Struct):
    product_id: Market
    changes: list[tuple[Literal["buy", "sell"], str, str]]
    time: str | None = None


class Channel(Struct):
    name: str
    product_ids: list[str] | None = None


class Subscriptions(Struct):
    """The Exchange's acknowledgement: the whole set"""

    channels: list[Channel]


head = Decoder(Head).decode
acknowledged = Decoder(list[Acknowledged]).decode
books = Decoder(list[Levels]).decode
market_trades = Decoder(list[MarketTrades]).decode
short_tickers = Decoder(list[ShortTickers]).decode
candles = Decoder(list[Candles]).decode
match = Decoder(Match).decode
day = Decoder(Day).decode
heartbeat = Decoder(Heartbeat).decode
snapshot = Decoder(Snapshot).decode
l2update = Decoder(L2Update).decode
subscriptions = Decoder(Subscriptions).decode
