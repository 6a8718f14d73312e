"""Moments of the database (aware datetimes) from and to integers since 1970-01-01 UTC, exact to the microsecond."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
