"""Coinbase's words and ours: markets, intervals, sides, times, contracts.

Source of every fact: https://docs.cdp.coinbase.com (Advanced Trade and Exchange, REST and WebSocket).
"""

import re
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import lru_cache

from exchanges.decimals import ZERO, Number, plain, unsigned
from exchanges.errors import BadFrame
from exchanges.events import Side
from exchanges.symbols import Instruments

# ours: theirs, of Advanced Trade's REST
INTERVALS = {
    "1m": "ONE_MINUTE", "5m": "FIVE_MINUTE", "15m": "FIFTEEN_MINUTE", "30m": "THIRTY_MINUTE", "1h": "ONE_HOUR",
    "2h": "TWO_HOUR", "4h": "FOUR_HOUR", "6h": "SIX_HOUR", "1d": "ONE_DAY",
}  # fmt: skip
OUR_INTERVALS = {theirs: ours for ours, theirs in INTERVALS.items()}
LIVE_INTERVAL = "5m"  # the only one of the channel `candles`

TAKERS: dict[str, Side] = {"buy": "sell", "sell": "buy"}  # by the maker's side, in lower case
NO_SIDE = ("", "UNKNOWN_ORDER_SIDE")  # in the documents' examples

_exact = Context(prec=200)  # two numbers of the greatest length multiply without rounding
_time = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z").fullmatch
_pair = re.compile(r"[A-Z0-9]{1,20}-[A-Z0-9]{1,20}").fullmatch


def spelled(venue_symbol: str) -> str | None:
    """A spot market is spelled as ours are; of a future the spelling does not tell the underlying."""
    return venue_symbol if _pair(venue_symbol) else None


def number(trade_id: str) -> int | None:
    """A trade's id where it is an integer; the documents' examples of Advanced Trade have names instead."""
    return int(trade_id) if trade_id.isascii() and trade_id.isdigit() and len(trade_id) < 20 else None


def taker(maker: str) -> Side | None:
    """The aggressor, from the side they send, which is the maker's on both interfaces; None where they name none.

    Exchange: "The side field indicates the maker order side" (channel `matches`); Advanced Trade: "makers side"
    (channel `market_trades`), by REST since 2025-07-30.
    """
    if side := TAKERS.get(maker.lower()):
        return side
    if maker in NO_SIDE:
        return None
    raise BadFrame(f"unknown side {maker[:20]!r}", "side")


def interval(theirs: str) -> str:
    """Our interval; BadFrame where there is none."""
    if ours := OUR_INTERVALS.get(theirs):
        return ours
    raise BadFrame(f"unknown granularity {theirs[:20]!r}", "interval")


def micros(time: str) -> int | None:
    """RFC 3339 with up to 9 digits as microseconds; None for the times that mean none (year 1, 1970)."""
    found = _time(time)
    if not found:
        raise BadFrame(f"not a time: {time[:40]!r}", "time")
    seconds = _seconds(found[1])
    return seconds * 1_000_000 + int((found[2] or "").ljust(6, "0")[:6]) if seconds > 0 else None


@lru_cache(maxsize=1024)
def _seconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise BadFrame(f"not a time: {text!r}", "time") from error


def start_ms(seconds: str) -> int:
    """A candle's `start`, text of unix seconds, as milliseconds."""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 11):
        raise BadFrame(f"not a time: {seconds[:20]!r}", "time")
    return int(seconds) * 1000


def existing(number: str | None) -> Number | None:
    """A price or limit; absent, empty and 0 mean that there is none."""
    if number is None or number == "":
        return None
    price = unsigned(number)
    return None if price == ZERO else price


def contract_size(instruments: Instruments, venue_symbol: str) -> Number | None:
    """Base units in one contract, where the market counts contracts."""
    instrument = instruments.by_venue_symbol.get(venue_symbol)
    return instrument.contract_size if instrument and instrument.kind != "spot" else None


def units(quantity: str | Decimal, size: Number | None) -> Number:
    """A quantity in base units: theirs, or of so many contracts of `size`."""
    number = unsigned(quantity)
    return number if size is None else times(number, size)


def plus(number: Number, other: Number) -> Number:
    """The exact sum."""
    return plain(_exact.add(Decimal(number), Decimal(other)))


def times(number: Number, factor: Number) -> Number:
    """The exact product."""
    return plain(_exact.multiply(Decimal(number), Decimal(factor)))
