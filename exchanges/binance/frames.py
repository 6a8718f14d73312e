"""The shapes of what Binance sends on a connection: only the fields we read, strictly typed. Field names are theirs.

Source: https://developers.binance.com/en/docs/products/spot, WebSocket streams.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.json import Decoder

Time = Annotated[int, Meta(ge=0, lt=10**17)]  # milliseconds, or microseconds where the connection asked for them
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Market = Annotated[str, Meta(min_length=1, max_length=100)]
Levels = list[tuple[str, str]]  # price, quantity


class Combined(Struct):
    """The envelope of `/stream`; absent on `/ws`."""

    stream: str | None = None
    data: Raw = Raw()


class Head(Struct):
    """What tells frames without an envelope apart: payloads, and answers to our own requests."""

    e: str | None = None
    s: str | None = None
    u: int | None = None
    b: Raw | UnsetType = UNSET
    id: int | str | None = None
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    code: int | None = None
    msg: str = ""


class Error(Struct):
    """Why a request was refused; on its own or inside `error`."""

    code: int = 0
    msg: str = ""


class Match(Struct, tag_field="e", tag="trade"):
    """`@trade`"""

    E: Time
    s: Market
    t: Id
    p: str
    q: str
    T: Time
    m: bool  # the buyer is the maker


class Aggregate(Struct, tag_field="e", tag="aggTrade"):
    """`@aggTrade`: the fills of one taker order at one price"""

    E: Time
    s: Market
    a: Id
    p: str
    q: str
    T: Time
    m: bool


class Day(Struct, tag_field="e", tag="24hrTicker"):
    """`@ticker`"""

    E: Time
    s: Market
    c: str
    Q: str
    b: str
    B: str
    a: str
    A: str
    o: str
    h: str
    l: str  # noqa: E741
    v: str
    q: str


class ShortDay(Struct, tag_field="e", tag="24hrMiniTicker"):
    """`@miniTicker`"""

    E: Time
    s: Market
    c: str
    o: str
    h: str
    l: str  # noqa: E741
    v: str
    q: str


class Best(Struct):
    """`@bookTicker`; it has neither a type nor a time"""

    u: Id
    s: Market
    b: str
    B: str
    a: str
    A: str


class KlineFigures(Struct):
    """`k` of a kline"""

    t: Time
    T: Time
    i: str
    o: str
    c: str
    h: str
    l: str  # noqa: E741
    v: str
    q: str
    n: Id
    x: bool  # closed


class Kline(Struct, tag_field="e", tag="kline"):
    """`@kline_<interval>`"""

    E: Time
    s: Market
    k: KlineFigures


class Diff(Struct, tag_field="e", tag="depthUpdate"):
    """`@depth`: absolute quantities of the levels that updates U to u changed"""

    E: Time
    s: Market
    U: Id
    u: Id
    b: Levels
    a: Levels


class Snapshot(Struct):
    """`@depth<n>`, and the answer of `/api/v3/depth`; it names no market and has no time"""

    lastUpdateId: Id
    bids: Levels
    asks: Levels


class BestRow(Struct):
    """One market of `/ticker/bookTicker`"""

    symbol: Market
    bidPrice: str
    bidQty: str
    askPrice: str
    askQty: str


combined = Decoder(Combined).decode
head = Decoder(Head).decode
error = Decoder(Error).decode
match = Decoder(Match).decode
aggregate = Decoder(Aggregate).decode
day = Decoder(Day).decode
short_day = Decoder(ShortDay).decode
days = Decoder(list[Day | ShortDay]).decode
best = Decoder(Best).decode
kline = Decoder(Kline).decode
diff = Decoder(Diff).decode
snapshot = Decoder(Snapshot).decode
best_rows = Decoder(list[BestRow]).decode
