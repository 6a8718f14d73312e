"""The shapes of Kraken's WebSocket v2 frames. Numbers stay as they were written: the checksum is over their digits.

Source: https://docs.kraken.com/exchange, Spot WebSocket v2.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Raw, Struct, field
from msgspec.json import Decoder

Time = Annotated[datetime, Meta(tz=True)]
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Checksum = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Market = Annotated[str, Meta(min_length=1, max_length=100)]
NOTHING = Raw()


class Frame(Struct):
    """What tells frames apart: data of a channel, answers to our requests, and the control frames of v1 (`event`)."""

    channel: str | None = None
    type: str = ""
    data: Raw = NOTHING
    timestamp: Time | None = None
    method: str | None = None
    success: bool | None = None
    error: str | None = None
    symbol: str | None = None
    req_id: int | None = None
    result: Raw = NOTHING
    event: str | None = None
    status: str | None = None
    error_message: str = field(name="errorMessage", default="")
    pair: str | None = None
    fault: str | None = field(name="Error", default=None)  # without any other member: too many messages


class Result(Struct):
    """Of an acknowledgement"""

    channel: str = ""
    symbol: str = ""
    depth: int | None = None
    interval: int = 0


class System(Struct):
    """`status`"""

    system: str = ""


class Match(Struct):
    """`trade`"""

    symbol: Market
    side: str  # the taker's
    price: Raw
    qty: Raw
    trade_id: Id
    timestamp: Time


class Day(Struct):
    """`ticker`; the figures are those of the last 24 hours"""

    symbol: Market
    bid: Raw = NOTHING
    bid_qty: Raw = NOTHING
    ask: Raw = NOTHING
    ask_qty: Raw = NOTHING
    last: Raw = NOTHING
    volume: Raw = NOTHING
    low: Raw = NOTHING
    high: Raw = NOTHING
    change: Raw = NOTHING  # in quote units
    timestamp: Time | None = None


class Bucket(Struct):
    """`ohlc`; its `timestamp` is deprecated and said to be the start while it shows the end"""

    symbol: Market
    open: Raw
    high: Raw
    low: Raw
    close: Raw
    volume: Raw
    trades: Id
    interval_begin: Time
    interval: int


class Level(Struct):
    price: Raw
    qty: Raw


class Book(Struct):
    """`book`"""

    symbol: Market
    bids: list[Level] = []
    asks: list[Level] = []
    checksum: Checksum | None = None
    timestamp: Time | None = None


frame = Decoder(Frame).decode
result = Decoder(Result).decode
systems = Decoder(list[System]).decode
matches = Decoder(list[Match]).decode
days = Decoder(list[Day]).decode
buckets = Decoder(list[Bucket]).decode
books = Decoder(list[Book]).decode
