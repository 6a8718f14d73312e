"""The shapes of what Alpaca sends, on a connection and over HTTP: only the fields we read. Field names are theirs.

Source: https://docs.alpaca.markets/docs/streaming-market-data and https://docs.alpaca.markets/reference
"""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Raw, Struct, field
from msgspec.json import Decoder

Symbol = Annotated[str, Meta(min_length=1, max_length=100)]
Id = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]


class Head(Struct):
    """What every object on a connection has."""

    T: str
    S: str = ""
    msg: str = ""
    code: int = 0


class Subscription(Struct):
    """The complete list of each channel, never only what changed."""

    trades: list[str] | None = None
    quotes: list[str] | None = None
    bars: list[str] | None = None
    updatedBars: list[str] | None = None  # noqa: N815
    orderbooks: list[str] | None = None


class TradeRow(Struct):
    """`tks` is of crypto, `x` (the venue), `u` (what became of it) of stocks"""

    t: str
    p: Decimal
    s: Decimal
    i: Id
    tks: str | None = None
    x: str = ""
    u: str | None = None


class QuoteRow(Struct):
    """A price of 0 is no offer. `z` (the tape) is of stocks."""

    t: str
    bp: Decimal
    bs: Decimal
    ap: Decimal
    as_: Decimal = field(name="as")
    z: str | None = None


class BarRow(Struct):
    t: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741
    c: Decimal
    v: Decimal
    n: Count | None = None


class Level(Struct):
    p: Decimal
    s: Decimal


class BookRow(Struct):
    """With `r` the whole book, without it levels that changed; over HTTP always whole."""

    t: str
    b: list[Level] | None = None
    a: list[Level] | None = None
    r: bool | None = None


class Snapshot(Struct):
    """Each may be missing or null for a market that nobody trades."""

    latestTrade: TradeRow | None = None  # noqa: N815
    latestQuote: QuoteRow | None = None  # noqa: N815


class Asset(Struct):
    symbol: Symbol
    class_: str = field(name="class")
    exchange: str = ""
    status: str = "active"
    tradable: bool = True
    min_order_size: str | None = None
    min_trade_increment: str | None = None
    price_increment: str | None = None


class Refusal(Struct):
    """`{"code": …, "message": …}`, the code not always"""

    message: str
    code: int = 0


frame: Decoder[list[Raw]] = Decoder(list[Raw])
head = Decoder(Head)
subscription = Decoder(Subscription)
trade = Decoder(TradeRow)
quote = Decoder(QuoteRow)
bar = Decoder(BarRow)
book = Decoder(BookRow)
snapshot = Decoder(Snapshot)
asset = Decoder(Asset)
refusal = Decoder(Refusal)
rows: Decoder[list[Raw]] = Decoder(list[Raw])
members: Decoder[dict[str, Raw]] = Decoder(dict[str, Raw])
token: Decoder[str | None] = Decoder(str | None)
