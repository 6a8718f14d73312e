"""Deribit's words and ours: markets, channels, intervals, status.

Source: https://docs.deribit.com (API reference, articles on notifications and on the market data channels).
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from exchanges import intervals
from exchanges.decimals import Number, plain
from exchanges.errors import BadFrame
from exchanges.symbols import Kind, SymbolStatus

# ours: theirs. Their 10 minutes and 3 hours are none of ours; they have no 4 and 8 hours, 3 days, week and month.
INTERVALS = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "6h": "360", "12h": "720",
    "1d": "1D",
}  # fmt: skip
OUR_INTERVALS = {theirs: ours for ours, theirs in INTERVALS.items()}

# The names up to 2026-01-13 are read too. A settlement is over in a moment, so the market counts as trading.
STATUS: dict[str, SymbolStatus] = {
    "open": "trading", "started": "trading", "settlement": "trading",
    "delivered": "delisted", "archivized": "delisted", "settled": "delisted", "closed": "delisted",
    "terminated": "delisted",
}  # fmt: skip

DOLLAR = "USD"  # the counter of what names none
PUBLIC, RAW = "100ms", "raw"  # how often a channel speaks; `raw` is for those who have logged in
STATES = "instrument.state.any.any"
CANDLES = "chart.trades."
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_spelling = re.compile(
    r"(?P<base>[A-Za-z0-9]+)(?:_(?P<counter>[A-Za-z0-9]+))?"
    r"(?:-(?:PERPETUAL|(?P<day>[0-9]{1,2})(?P<month>[A-Z]{3})(?P<year>[0-9]{2})"
    r"(?:-(?P<strike>[0-9]+(?:d[0-9]+)?)-(?P<side>[CP]))?))?",
).fullmatch


class Spelled(NamedTuple):
    """What a market's name tells. `inverse` ones settle in their base, and futures among them count US dollars."""

    base: str
    quote: str
    kind: Kind
    inverse: bool
    expiry: str | None = None  # YYYYMMDD
    strike: Number | None = None
    option_type: Literal["call", "put"] | None = None

    @property
    def counts_quote(self) -> bool:
        """An amount is in the quote, not in the base."""
        return self.inverse and self.kind in ("perpetual", "future")


@lru_cache(maxsize=16384)
def spelled(venue_symbol: str) -> Spelled | None:
    """`BTC-PERPETUAL`, `BTC_USDC-27MAR26`, `XRP_USDC-30JUN23-0d625-C`, `BTC_USDC`; None for a combo or no market."""
    found = _spelling(venue_symbol)
    if not found:
        return None
    counter, inverse = found["counter"] or DOLLAR, not found["counter"]
    if "-" not in venue_symbol:
        return None if inverse else Spelled(found["base"], counter, "spot", False)
    if found["day"] is None:
        return Spelled(found["base"], counter, "perpetual", inverse)
    if found["month"] not in MONTHS or not 1 <= int(found["day"]) <= 31:
        return None
    expiry = f"20{found['year']}{MONTHS.index(found['month']) + 1:02}{int(found['day']):02}"
    if found["strike"] is None:
        return Spelled(found["base"], counter, "future", inverse, expiry)
    strike = plain(found["strike"].replace("d", "."))
    return Spelled(found["base"], counter, "option", inverse, expiry, strike, "call" if found["side"] == "C" else "put")


def symbol_of(venue_symbol: str) -> str | None:
    """Our symbol from the spelling alone."""
    one = spelled(venue_symbol)
    return None if one is None else symbol(one, one.base if one.inverse else one.quote)


def symbol(market: Spelled, settle: str | None) -> str:
    """Our spelling; what settles in another asset than its quote says so at its end."""
    parts = [market.base, market.quote]
    if market.kind == "perpetual":
        parts.append("PERP")
    if market.expiry:
        parts.append(market.expiry)
    if market.strike is not None:
        parts += [market.strike, "C" if market.option_type == "call" else "P"]
    return "-".join(parts) + (f"_{settle}" if market.kind != "spot" and settle and settle != market.quote else "")


def expiry(expires_ms: int) -> str:
    """The day of an expiry, as it stands in symbols."""
    return datetime.fromtimestamp(expires_ms // 1000, UTC).strftime("%Y%m%d")


def status(state: str | None, active: bool) -> SymbolStatus:
    """A state that is not known yet counts as not tradable; where there is none, `is_active` decides."""
    if state is None:
        return "trading" if active else "halted"
    return STATUS.get(state, "halted")


def channel(stream: str, venue_symbol: str, pace: str) -> str:
    """Their channel that our stream of one market is made from; all depth streams are made from one book."""
    family, _, interval = stream.partition("_")
    match family:
        case "trade":
            return f"trades.{venue_symbol}.{pace}"
        case "ticker":
            return f"ticker.{venue_symbol}.{pace}"
        case "candle":
            return f"{CANDLES}{venue_symbol}.{INTERVALS[interval]}"
        case _:
            return f"book.{venue_symbol}.{pace}"


def candle_channel(theirs: str) -> tuple[str, str]:
    """Market and our interval of `chart.trades.BTC-PERPETUAL.60`; BadFrame where there is none."""
    market, _, resolution = theirs.removeprefix(CANDLES).rpartition(".")
    if market and (ours := OUR_INTERVALS.get(resolution)):
        return market, ours
    raise BadFrame(f"unknown resolution {resolution[:20]!r}", "interval")


def opened(interval: str, tick_ms: int) -> int:
    """When a candle opened; BadFrame where it is not anchored in UTC, which their documents leave open for 1D."""
    if intervals.open_ms(interval, tick_ms) != tick_ms:
        raise BadFrame(f"a candle of {interval} opens at {tick_ms}, not at a multiple of its interval", "alignment")
    return tick_ms
