"""The shapes of what Bitstamp sends: only the fields we read, strictly typed. Field names are theirs.

Source: https://www.bitstamp.net/websocket/v2/ (live ticker, live order book) and https://www.bitstamp.net/api/
"""

from typing import Annotated

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

Micros = Annotated[str, Meta(pattern="^[0-9]{10,17}$")]
Seconds = Annotated[str, Meta(pattern="^[0-9]{1,11}$")]
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Market = Annotated[str, Meta(min_length=1, max_length=100)]


class Frame(Struct):
    """The envelope of every frame; only the channel's name says of which market it is."""

    event: str
    channel: str = ""
    data: Raw = Raw(b"null")


class Error(Struct):
    """`data` of `bts:error`; it names no channel."""

    code: int | str | None = None
    message: str = ""


class Match(Struct):
    """`live_trades`. The other `timestamp` is in seconds or in milliseconds, as it happens; the numbers are floats."""

    id: Id
    microtimestamp: Micros
    price_str: str
    amount_str: str
    type: int


class Book(Struct):
    """`order_book`, the best 100 levels; and the whole book by REST."""

    microtimestamp: Micros
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class Day(Struct):
    """`/ticker/`. `open` is the day's first price, `open_24` that of 24 hours ago."""

    timestamp: Seconds
    pair: str = ""  # BTC/USD
    last: str | None = None
    bid: str | None = None
    ask: str | None = None
    open_24: str | None = None
    high: str | None = None
    low: str | None = None
    volume: str | None = None


class TradeRow(Struct):
    """One row of `/transactions/`"""

    date: Seconds
    tid: str | Id
    price: str
    amount: str
    type: str


class CandleRow(Struct):
    """One row of `/ohlc/`"""

    timestamp: Seconds
    open: str
    high: str
    low: str
    close: str
    volume: str


class Candles(Struct):
    """`data` of `/ohlc/`"""

    ohlc: list[Raw]


class CandlesAnswer(Struct):
    """`/ohlc/`"""

    data: Candles


class MarketRow(Struct):
    """One row of `/markets/`"""

    market_symbol: Market
    base_currency: Market
    counter_currency: Market
    base_decimals: int
    counter_decimals: int
    trading: str = ""
    market_type: str = "SPOT"
    minimum_order_amount: str | None = None
    maximum_order_amount: str | None = None
    minimum_order_value: str | None = None
    maximum_order_value: str | None = None


frame = Decoder(Frame).decode
error = Decoder(Error).decode
match = Decoder(Match).decode
book = Decoder(Book).decode
day = Decoder(Day).decode
trade_row = Decoder(TradeRow).decode
candle_row = Decoder(CandleRow).decode
candles = Decoder(CandlesAnswer).decode
market_row = Decoder(MarketRow).decode
rows = Decoder(list[Raw]).decode
