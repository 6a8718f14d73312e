"""The shapes of what OKX sends: only the fields we read, strictly typed. Field names are theirs.

Numbers and times are text, what is missing is empty text.
Source: https://www.okx.com/docs-v5/en/#order-book-trading-market-data (REST and WebSocket alike).
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

Market = Annotated[str, Meta(min_length=1, max_length=100)]
Line = Annotated[list[str], Meta(min_length=2)]  # price, quantity, then figures that we do not read
Sequence = Annotated[int, Meta(ge=-1, le=2**63 - 1)]


class Arg(Struct, frozen=True):
    """What a frame is about."""

    channel: str = ""
    instId: str = ""


class Frame(Struct):
    """Any frame: data, an answer to a request of ours (`event`), or a notice."""

    event: str | None = None
    arg: Arg | None = None
    action: str | None = None
    data: Raw = Raw()
    id: str | None = None
    code: str | int = ""
    msg: str = ""
    table: str | None = None  # of the protocol before 2021 (v3), which is another one


class TradeRow(Struct):
    """`trades-all`, `trades` and the REST lists; in `trades` the id is that of the last merged match."""

    tradeId: str
    px: str
    sz: str
    side: Literal["buy", "sell"]  # the taker's
    ts: str


class TickerRow(Struct):
    """`tickers` and `/market/ticker`"""

    last: str
    lastSz: str
    askPx: str
    askSz: str
    bidPx: str
    bidSz: str
    open24h: str
    high24h: str
    low24h: str
    volCcy24h: str
    vol24h: str
    ts: str


class BookRow(Struct):
    """`books`, `books5`, `/market/books`, `/market/books-full`"""

    asks: list[Line]
    bids: list[Line]
    ts: str
    seqId: Sequence | None = None
    prevSeqId: Sequence | None = None
    checksum: int = 0


# opening, open, high, low, close, contracts or base, base or quote; since December 2022 quote, and whether it is final
CandleRow = Annotated[list[str], Meta(min_length=7)]

frame = Decoder(Frame).decode
trades = Decoder(list[TradeRow]).decode
tickers = Decoder(list[TickerRow]).decode
books = Decoder(list[BookRow]).decode
candles = Decoder(list[CandleRow]).decode
trade = Decoder(TradeRow).decode
candle = Decoder(CandleRow).decode
ticker = Decoder(TickerRow).decode
book = Decoder(BookRow).decode
