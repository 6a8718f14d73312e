"""The shapes of what Hyperliquid sends, on a connection and over HTTP: only the fields we read. Field names are theirs.

Source: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api (info endpoint, websocket subscriptions).
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.json import Decoder

Time = Annotated[int, Meta(ge=0, lt=10**14)]  # milliseconds
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Coin = Annotated[str, Meta(min_length=1, max_length=100)]


class Frame(Struct):
    channel: str
    data: Raw = Raw(b"null")


class Subscription(Struct):
    """What a subscription is told apart by; in an acknowledgement they fill in the defaults."""

    type: str
    coin: str = ""
    interval: str | None = None
    fast: bool | None = None


class Acknowledged(Struct):
    """`subscriptionResponse`"""

    method: str
    subscription: Subscription


class TradeRow(Struct):
    coin: Coin
    side: Literal["A", "B"]
    px: str
    sz: str
    time: Time
    tid: Id  # a hash of both orders: no number in a row


class Level(Struct):
    px: str
    sz: str


class Book(Struct):
    """`l2Book`, on a connection and over HTTP: whole each time, bids first, best first"""

    coin: Coin
    time: Time
    levels: tuple[list[Level], list[Level]]
    fast: bool | None = None
    spread: Any = None  # only where prices are grouped


class Best(Struct):
    """`bbo`"""

    coin: Coin
    time: Time
    bbo: tuple[Level | None, Level | None]


class CandleRow(Struct):
    """`candle`, and the rows of `candleSnapshot`: text on the wire, numbers in the documents"""

    t: Time
    T: Time
    s: Coin
    i: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741
    c: Decimal
    v: Decimal  # base
    n: Annotated[int, Meta(ge=0)] | None = None


class Context(Struct):
    """The state of a market: text on the wire, numbers in the documents"""

    prevDayPx: Decimal | None = None  # noqa: N815
    dayNtlVlm: Decimal | None = None  # noqa: N815  quote
    dayBaseVlm: Decimal | None = None  # noqa: N815  base
    coin: str | None = None  # of spot alone


class CoinContext(Struct):
    """`activeAssetCtx`, `activeSpotAssetCtx`"""

    coin: Coin
    ctx: Context


class Listed(Struct):
    """One perpetual of `meta`"""

    name: Coin
    szDecimals: Annotated[int, Meta(ge=0, le=30)]  # noqa: N815
    isDelisted: bool | None = None  # noqa: N815


class Token(Struct):
    """One asset of `spotMeta`; names are not unique, indices are"""

    name: Coin
    szDecimals: Annotated[int, Meta(ge=0, le=30)]  # noqa: N815
    index: int


class Pair(Struct):
    """One spot market of `spotMeta`"""

    name: Coin
    tokens: tuple[int, int]  # base, quote
    index: int


class Listing(Struct):
    """`meta`, or with `tokens` `spotMeta`"""

    universe: list[Raw]
    tokens: list[Raw] | UnsetType = UNSET
    collateralToken: int = 0  # noqa: N815


class Named(Struct):
    """One market of a listing, by its name alone"""

    name: Coin


class Names(Struct):
    universe: list[Named]


frame = Decoder(Frame).decode
acknowledged = Decoder(Acknowledged).decode
subscription = Decoder(Subscription).decode
words = Decoder(str).decode
trade_rows = Decoder(list[TradeRow]).decode
trade_row = Decoder(TradeRow).decode
book = Decoder(Book).decode
best = Decoder(Best).decode
candle_row = Decoder(CandleRow).decode
candle_rows = Decoder(CandleRow | list[CandleRow]).decode
coin_context = Decoder(CoinContext).decode
context = Decoder(Context).decode
listing = Decoder(Listing).decode
listed = Decoder(Listed).decode
token = Decoder(Token).decode
pair = Decoder(Pair).decode
rows = Decoder(list[Raw]).decode
contexts = Decoder(tuple[Names, list[Raw]]).decode
