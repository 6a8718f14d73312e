"""Alpha Vantage's words and ours: kinds of markets, functions, intervals, the places and zones of times. Pure."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as time_of_day
from typing import Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from exchanges.contract import Keys, Request, Signed
from exchanges.errors import BadFrame
from exchanges.intervals import MINUTE_MS, length_ms
from exchanges.symbols import Instrument

Family = Literal["stock", "crypto", "forex"]

# Pairs have no spelling in the requests; these are the source's own, from where one list may hold all kinds.
CRYPTO, FOREX = "CRYPTO:", "FOREX:"
QUOTE = "USD"
KEY = "ALPHAVANTAGE_KEY"
DEMO = "demo"  # answers the examples of the documentation, and says of all else that it wants a key

INTERVALS = {
    "1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "60min",
    "1d": "DAILY", "1w": "WEEKLY", "1M": "MONTHLY",
}  # fmt: skip
PREFIX: dict[Family, tuple[str, str]] = {  # of functions: within a day, and of days and longer
    "stock": ("TIME_SERIES_", "TIME_SERIES_"),
    "crypto": ("CRYPTO_", "DIGITAL_CURRENCY_"),
    "forex": ("FX_", "FX_"),
}
ZONES: dict[str, tzinfo] = {
    "us/eastern": ZoneInfo("America/New_York"), "america/new_york": ZoneInfo("America/New_York"), "utc": UTC,
}  # fmt: skip
MIDNIGHT = time_of_day()
_ordinal = re.compile(r"^\d+[a-z]?\.\s+")
_ticker = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,19}").fullmatch


def signed(request: Request, keys: Keys) -> Signed:
    """The only place for a key is the query, so it is added as the request goes out."""
    target = request.target
    joint = "&" if "?" in target else "?"
    return Signed(f"{target}{joint}apikey={quote(keys.get(KEY) or DEMO, safe='')}")


def family(venue_symbol: str) -> Family:
    if venue_symbol.startswith(CRYPTO):
        return "crypto"
    return "forex" if venue_symbol.startswith(FOREX) else "stock"


def code(venue_symbol: str) -> str:
    """The symbol or currency as requests name it."""
    return venue_symbol.removeprefix(CRYPTO).removeprefix(FOREX)


def spelled(venue_symbol: str) -> str | None:
    """Our symbol of it: a share class stands behind a dot."""
    if not _ticker(code(venue_symbol)):
        return None
    ours = code(venue_symbol)
    return ours.replace("-", ".") if family(venue_symbol) == "stock" else f"{ours}-{QUOTE}"


def stock(symbol: str, currency: str = QUOTE) -> Instrument:
    """BadFrame for what is no ticker."""
    ours = spelled(symbol)
    if ours is None or family(symbol) != "stock":
        raise BadFrame(f"no ticker: {symbol[:40]!r}", "symbol")
    return Instrument(symbol=ours, venue_symbol=symbol, base=ours, quote=currency, kind="stock")


def currency(of: str, name: str) -> Instrument:
    """A currency in US dollars; `of` is CRYPTO or FOREX."""
    ours = spelled(of + name)
    if ours is None:
        raise BadFrame(f"no currency: {name[:40]!r}", "symbol")
    return Instrument(symbol=ours, venue_symbol=of + name, base=name, quote=QUOTE, kind="spot")


def plain_name(field: str) -> str:
    """A field without its ordinal, which differs between functions."""
    return _ordinal.sub("", field)


def zone(name: str) -> tzinfo:
    """BadFrame for one that is not documented."""
    found = ZONES.get(name.strip().casefold())
    if found is None:
        raise BadFrame(f"an unknown time zone: {name[:40]!r}", "zone")
    return found


def moment(label: str) -> datetime:
    """A date, or a date with a time, without a zone; BadFrame where it is none."""
    try:
        time = datetime.fromisoformat(label)
    except ValueError as error:
        raise BadFrame(f"not a time: {label[:40]!r}", "time") from error
    if time.tzinfo is not None or not 1900 < time.year < 9000:
        raise BadFrame(f"not a time of theirs: {label[:40]!r}", "time")
    return time


def spans(interval: str, label: str, at: tzinfo) -> tuple[int, int]:
    """Opening and last millisecond, in UTC, of the row with this label.

    Within a day the label is read as the bar's opening (it is documented nowhere; the last one of a day, 19:55 of a
    session that ends at 20:00, fits that). Longer rows are named for a day of theirs, weeks and months for the last one
    that had trades.
    """
    time = moment(label)
    if interval in ("1d", "1w", "1M"):
        first, after = (datetime.combine(day, MIDNIGHT) for day in _days(interval, time.date()))
        return _ms(first, at), _ms(after, at) - 1
    open_ms = _ms(time, at)
    if open_ms % MINUTE_MS:
        raise BadFrame(f"not the opening of a bar: {label[:40]!r}", "time")
    return open_ms, open_ms + length_ms(interval) - 1


def _days(interval: str, day: date) -> tuple[date, date]:
    """The first day, and the one after the last."""
    if interval == "1w":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    if interval == "1M":
        first = day.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)
    return day, day + timedelta(days=1)


def _ms(local: datetime, at: tzinfo) -> int:
    return int(local.replace(tzinfo=at).timestamp()) * 1000


def micros(label: str, at: tzinfo) -> int:
    """Microseconds since 1970 of a label."""
    return _ms(moment(label), at) * 1000
