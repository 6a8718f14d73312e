"""The intervals of candles: their lengths and where one opens (UTC; `1w` on Monday, `1M` on the first of the month)."""

from collections.abc import Iterator
from datetime import UTC, datetime

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
FIRST_MONDAY_MS = 4 * DAY_MS  # 1970-01-01 was a Thursday

LENGTHS_MS = {
    "1s": SECOND_MS, "1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS, "1h": HOUR_MS, "2h": 2 * HOUR_MS, "4h": 4 * HOUR_MS, "6h": 6 * HOUR_MS, "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS, "1d": DAY_MS, "3d": 3 * DAY_MS, "1w": WEEK_MS,
}  # fmt: skip
INTERVALS = (*LENGTHS_MS, "1M")
LONGEST_MONTH_MS = 31 * DAY_MS


def length_ms(interval: str) -> int:
    """The interval's length in milliseconds; of a month, the longest one."""
    return LENGTHS_MS.get(interval, LONGEST_MONTH_MS)


def open_ms(interval: str, time_ms: int) -> int:
    """When the candle that contains `time_ms` opens."""
    if interval == "1M":
        time = datetime.fromtimestamp(time_ms // 1000, UTC)
        return _month_ms(time.year, time.month)
    anchor_ms = FIRST_MONDAY_MS if interval == "1w" else 0
    return time_ms - (time_ms - anchor_ms) % LENGTHS_MS[interval]


def next_open_ms(interval: str, opened_ms: int) -> int:
    """When the candle after the one that opened at `opened_ms` opens."""
    if interval != "1M":
        return opened_ms + LENGTHS_MS[interval]
    time = datetime.fromtimestamp(opened_ms // 1000, UTC)
    return _month_ms(time.year + time.month // 12, time.month % 12 + 1)


def close_ms(interval: str, opened_ms: int) -> int:
    """The last millisecond inside the candle."""
    return next_open_ms(interval, opened_ms) - 1


def opens_ms(interval: str, start_ms: int, end_ms: int) -> Iterator[int]:
    """Every opening in [start_ms, end_ms)."""
    at_ms = open_ms(interval, start_ms)
    if at_ms < start_ms:
        at_ms = next_open_ms(interval, at_ms)
    while at_ms < end_ms:
        yield at_ms
        at_ms = next_open_ms(interval, at_ms)


def _month_ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000
