"""Moments of the database (aware datetimes) from and to integers since 1970-01-01 UTC, exact to the microsecond."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WOULD_DO = "milliseconds since 1970 such as 1704067200000, or ISO 8601 such as 2024-01-01T00:00Z"
EARLIEST_MS, LATEST_MS = 10**11, 10**14  # 1973 and 5138
_MICROSECOND = timedelta(microseconds=1)


def from_ms(time_ms: int) -> datetime:
    """OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(milliseconds=time_ms)


def from_us(time_us: int) -> datetime:
    """OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=time_us)


def to_us(time: datetime) -> int:
    return (time - EPOCH) // _MICROSECOND


def to_ms(time: datetime) -> int:
    """Rounded down."""
    return to_us(time) // 1000


def now() -> datetime:
    return datetime.now(UTC)


def now_ms() -> int:
    return to_ms(now())


def parsed_ms(text: str) -> int:
    """Milliseconds from a whole number of them, or from ISO 8601 (UTC where no zone is named). ValueError."""
    if text.isascii() and text.isdigit():
        # Seconds and years given for milliseconds would silently mean January 1970.
        return _within(int(text), EARLIEST_MS) if text.strip("0") else 0
    try:
        time = datetime.fromisoformat(text)
        return _within(to_ms(time if time.tzinfo else time.replace(tzinfo=UTC)), 0)
    except (ValueError, OverflowError):
        raise ValueError(WOULD_DO) from None


def _within(time_ms: int, earliest_ms: int) -> int:
    if not earliest_ms <= time_ms <= LATEST_MS:
        raise ValueError(WOULD_DO)
    return time_ms
