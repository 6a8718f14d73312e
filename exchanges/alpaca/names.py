"""Alpaca's words and ours: markets, intervals, times, sides, keys. Pure.

Source: https://docs.alpaca.markets/docs/real-time-crypto-pricing-data and
https://docs.alpaca.markets/docs/real-time-stock-pricing-data
"""

import re
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from exchanges import intervals
from exchanges.contract import Keys, Request, Signed
from exchanges.errors import BadFrame
from exchanges.events import Side

KEY_ID, SECRET = "ALPACA_KEY_ID", "ALPACA_SECRET_KEY"
TRADING = "trading"  # the host of the listing
# Where hours other than one, weeks and months open is in no document, so these are not offered.
INTERVALS = {
    "1m": "1Min", "3m": "3Min", "5m": "5Min", "15m": "15Min", "30m": "30Min", "1h": "1Hour", "1d": "1Day",
}  # fmt: skip
SIDES: dict[str, Side] = {"B": "buy", "S": "sell"}  # the taker's
NEW_YORK = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=50_000)  # no market speaks of later times
QUOTE = "USD"
# Until 2022 pairs had no slash, and older recordings and lists have them so; no US ticker is as long (but FAKEPACA, of
# the test stream). Quotes are those that pairs have had.
_pair = re.compile(r"([A-Za-z0-9]{1,40})/([A-Za-z0-9]{1,40})|(?=[A-Z0-9]{6})([A-Z0-9]+?)(USDT|USDC|USD|BTC)").fullmatch
_ticker = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,29}").fullmatch
_time = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)").fullmatch


def signed(request: Request, keys: Keys) -> Signed:
    """Both keys go into headers; crypto is answered without them too."""
    if not has_keys(keys):
        return Signed(request.target)
    return Signed(request.target, {"APCA-API-KEY-ID": keys[KEY_ID], "APCA-API-SECRET-KEY": keys[SECRET]})


def has_keys(keys: Keys) -> bool:
    return bool(keys.get(KEY_ID) and keys.get(SECRET))


def is_pair(venue_symbol: str) -> bool:
    """Whether it is a pair of crypto (`BTC/USD`, once `BTCUSD`), and no stock (`BRK.B`)."""
    return "/" in venue_symbol or _pair(venue_symbol) is not None


def symbol_of(venue_symbol: str) -> str | None:
    """Our symbol; None for what is neither a pair nor a ticker."""
    if _pair(venue_symbol):
        return "-".join(pair(venue_symbol))
    return venue_symbol if _ticker(venue_symbol) else None


def pair(venue_symbol: str) -> tuple[str, str]:
    """Base and quote; BadFrame where it is no pair."""
    if found := _pair(venue_symbol):
        return found[1] or found[3], found[2] or found[4]
    raise BadFrame(f"no pair: {venue_symbol[:40]!r}", "symbol")


def micros(text: str) -> int:
    """Microseconds of a time; BadFrame where it is none."""
    return nanos(text) // 1000


def nanos(text: str) -> int:
    """Nanoseconds of an RFC 3339 time with up to nine digits of a second; BadFrame where it is none."""
    found = _time(text)
    if found is None or not text.isascii():
        raise BadFrame(f"not a time: {text[:40]!r}", "time")
    try:
        since = datetime.fromisoformat(f"{found[1]}+00:00") - EPOCH
        zone = timedelta() if found[3] == "Z" else datetime.strptime(found[3], "%z").utcoffset() or timedelta()
    except ValueError as error:
        raise BadFrame(f"not a time: {text[:40]!r}", "time") from error
    since -= zone
    if not timedelta() <= since < LONGEST:
        raise BadFrame(f"a time out of bounds: {text[:40]!r}", "time")
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + int((found[2] or "").ljust(9, "0"))


def rfc3339(time_ms: int) -> str:
    """The time as a request takes it, with milliseconds."""
    time = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


def spans(venue_symbol: str, interval: str, open_us: int) -> tuple[int, int]:
    """Opening and last millisecond of a bar; BadFrame where it does not open where the interval does.

    A stock's day opens at midnight in New York, one of crypto at midnight UTC. Before July 2025 days of crypto opened
    in Chicago: these are no days of ours.
    """
    open_ms = open_us // 1000
    if interval == "1d" and not is_pair(venue_symbol):
        local = datetime.fromtimestamp(open_ms // 1000, NEW_YORK)
        if local.time() != time_of_day():
            raise BadFrame(f"a stock's day opens at {local:%H:%M} in New York", "alignment")
        after = datetime.combine(local.date() + timedelta(days=1), time_of_day(), NEW_YORK)
        return open_ms, int(after.timestamp()) * 1000 - 1
    if interval not in INTERVALS or intervals.open_ms(interval, open_ms) != open_ms:
        raise BadFrame(f"a bar of {interval[:20]} opens at {open_ms}", "alignment")
    return open_ms, intervals.close_ms(interval, open_ms)
