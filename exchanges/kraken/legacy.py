"""WebSocket v1 as recordings hold it: arrays of `[channel id, payload…, channel name, pair]`, numbers as text.

Source: https://docs.kraken.com/api/docs/websocket-v1/ticker and its neighbours. Kraken keeps it up; we speak v2.
"""

from typing import Annotated, NamedTuple

from msgspec import Meta, Raw, Struct, ValidationError, field
from msgspec.json import Decoder

from exchanges import intervals
from exchanges.decimals import Number, unsigned
from exchanges.errors import BadFrame
from exchanges.events import Candle, Trade
from exchanges.kraken import names
from exchanges.tickers import Figures

Row = Annotated[list[str], Meta(min_length=3)]  # price, quantity, seconds; an `r` behind them says: sent before
MatchRow = tuple[str, str, str, str, str, str]  # price, quantity, seconds, side, order type, nothing
# time of the last change, end of the bucket, open, high, low, close, average, volume, trades
BucketRow = tuple[str, str, str, str, str, str, str, str, int]
SpreadRow = Annotated[list[str], Meta(min_length=3)]  # bid, ask, seconds; in all but the oldest both quantities too


class Array(NamedTuple):
    """One frame taken apart; `family` and `parameter` are the channel's name split at its dash (`book-1000`)."""

    family: str
    parameter: str
    market: str
    payloads: list[Raw]


class Day(Struct):
    """`ticker`: of each pair [today, last 24 hours]; of a side [price, whole lots, lots]"""

    a: list[str | int]
    b: list[str | int]
    c: tuple[str, str]
    v: tuple[str, str]
    l: tuple[str, str]  # noqa: E741
    h: tuple[str, str]
    o: tuple[str, str]


class Book(Struct):
    """`book`: a snapshot has `as` and `bs`; an update `a` or `b`, or each in a payload of its own, and a checksum"""

    all_asks: list[Row] | None = field(name="as", default=None)
    all_bids: list[Row] | None = field(name="bs", default=None)
    a: list[Row] = []
    b: list[Row] = []
    c: str | None = None


_parts: Decoder[list[Raw]] = Decoder(list[Raw])
_name = Decoder(str)
_day = Decoder(Day)
_book = Decoder(Book)
_matches: Decoder[list[MatchRow]] = Decoder(list[MatchRow])
_bucket: Decoder[BucketRow] = Decoder(BucketRow)
_spread: Decoder[SpreadRow] = Decoder(SpreadRow)


def array(frame: str | bytes) -> Array:
    parts = _parts.decode(frame)
    if len(parts) < 4:
        raise BadFrame(f"an array of {len(parts)} members", "array")
    family, _, parameter = _name.decode(parts[-2]).partition("-")
    return Array(family, parameter, names.pair(_name.decode(parts[-1])), parts[1:-2])


def day(payload: Raw) -> Figures:
    found = _day.decode(payload)
    (bid, bid_quantity), (ask, ask_quantity) = _best(found.b), _best(found.a)
    return {
        "last_price": names.existing(found.c[0]), "last_quantity": names.existing(found.c[1]),
        "bid_price": names.existing(bid), "bid_quantity": _beside(bid, bid_quantity),
        "ask_price": names.existing(ask), "ask_quantity": _beside(ask, ask_quantity),
        "open_24h": names.existing(found.o[1]), "high_24h": names.existing(found.h[1]),
        "low_24h": names.existing(found.l[1]), "volume_24h": unsigned(found.v[1]),
    }  # fmt: skip


def spread(payload: Raw) -> tuple[int, Figures]:
    """Best bid and ask, and when (us)."""
    bid, ask, seconds, *quantities = _spread.decode(payload)
    bid_quantity, ask_quantity = quantities[:2] if len(quantities) > 1 else (None, None)
    return names.micros_of(seconds), {
        "bid_price": names.existing(bid), "bid_quantity": _beside(bid, bid_quantity),
        "ask_price": names.existing(ask), "ask_quantity": _beside(ask, ask_quantity),
    }  # fmt: skip


def trades(payload: Raw, symbol: str, market: str, received_ns: int) -> list[Trade]:
    """Without ids: v1 sends none."""
    return [
        Trade(
            symbol=symbol, venue_symbol=market, received_ns=received_ns, event_us=names.micros_of(seconds), trade_id="",
            price=unsigned(price), quantity=unsigned(quantity), side=names.side(side),
            trade_us=names.micros_of(seconds),
        )
        for price, quantity, seconds, side, _, _ in _matches.decode(payload)
    ]  # fmt: skip


def candle(payload: Raw, minutes: str, symbol: str, market: str, received_ns: int) -> Candle:
    """It is stamped with its end, which in the documentation has a fraction: half an interval before it lies inside."""
    changed, end, open_, high, low, close, _, volume, count = _bucket.decode(payload)
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) < 6):
        raise BadFrame(f"unknown interval {minutes[:20]!r}", "interval")
    interval = names.interval(int(minutes))
    if count < 0:
        raise ValidationError("fewer trades than none - at `$[8]`")
    open_ms = intervals.open_ms(interval, names.micros_of(end) // 1000 - intervals.length_ms(interval) // 2)
    return Candle(
        symbol=symbol, venue_symbol=market, received_ns=received_ns, event_us=names.micros_of(changed),
        interval=interval, open_ms=open_ms, close_ms=intervals.close_ms(interval, open_ms), open=unsigned(open_),
        high=unsigned(high), low=unsigned(low), close=unsigned(close), volume=unsigned(volume), quote_volume=None,
        trades=count, closed=False,
    )  # fmt: skip


class BookFrame(NamedTuple):
    """All payloads of one `book` frame together."""

    whole: bool  # a snapshot
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    checksum: int | None
    event_us: int | None  # of the newest level


def book(payloads: list[Raw]) -> BookFrame:
    found = [_book.decode(payload) for payload in payloads]
    whole = any(one.all_asks is not None or one.all_bids is not None for one in found)
    bids = [row for one in found for row in one.all_bids or one.b]
    asks = [row for one in found for row in one.all_asks or one.a]
    sums = [one.c for one in found if one.c is not None]
    times_us = [names.micros_of(row[2]) for row in bids + asks]
    return BookFrame(
        whole, [(row[0], row[1]) for row in bids], [(row[0], row[1]) for row in asks],
        _checksum(sums[-1]) if sums else None, max(times_us, default=None),
    )  # fmt: skip


def _best(side: list[str | int]) -> tuple[str, str]:
    """Price and quantity, which are the first and the last."""
    if len(side) < 2 or not (isinstance(side[0], str) and isinstance(side[-1], str)):
        raise BadFrame(f"no price and quantity: {str(side)[:60]}", "side of a ticker")
    return side[0], side[-1]


def _beside(price: str, quantity: str | None) -> Number | None:
    """A side's quantity; a side that does not exist has none."""
    return unsigned(quantity) if quantity is not None and names.existing(price) else None


def _checksum(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 11):
        raise BadFrame(f"not a checksum: {text[:20]!r}", "checksum")
    return int(text)
