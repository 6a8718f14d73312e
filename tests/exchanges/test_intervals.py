"""Where candles of each interval open and close, in UTC."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.intervals import INTERVALS, close_ms, length_ms, next_open_ms, open_ms, opens_ms

times = st.integers(0, 4_000_000_000_000)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize("interval", INTERVALS)
@given(time_ms=times)
def test_every_moment_lies_in_exactly_one_candle(interval: str, time_ms: int) -> None:
    opened = open_ms(interval, time_ms)
    assert opened <= time_ms <= close_ms(interval, opened)
    assert open_ms(interval, close_ms(interval, opened)) == opened
    assert open_ms(interval, next_open_ms(interval, opened)) == close_ms(interval, opened) + 1
    assert next_open_ms(interval, opened) - opened <= length_ms(interval)


@pytest.mark.parametrize(
    ("interval", "time", "opened"),
    [
        ("1m", "2026-11-20T13:41:59", "2026-11-20T13:41:00"),
        ("4h", "2026-11-20T13:41:59", "2026-11-20T12:00:00"),
        ("1d", "2026-11-20T13:41:59", "2026-11-20T00:00:00"),
        ("1w", "2026-11-22T23:59:59", "2026-11-16T00:00:00"),
        ("1w", "2026-11-23T00:00:00", "2026-11-23T00:00:00"),
        ("1M", "2024-02-29T12:00:00", "2024-02-01T00:00:00"),
        ("1M", "2026-12-31T23:59:59", "2026-12-01T00:00:00"),
    ],
)
def test_weeks_open_on_monday_and_months_on_the_first(interval: str, time: str, opened: str) -> None:
    assert open_ms(interval, ms(time)) == ms(opened)


def test_a_month_is_as_long_as_it_is() -> None:
    assert next_open_ms("1M", ms("2024-02-01T00:00:00")) == ms("2024-03-01T00:00:00")
    assert next_open_ms("1M", ms("2026-12-01T00:00:00")) == ms("2027-01-01T00:00:00")


def test_openings_begin_with_the_first_inside_the_range_and_stop_before_its_end() -> None:
    assert list(opens_ms("1m", 60_001, 240_000)) == [120_000, 180_000]
    assert list(opens_ms("1m", 60_000, 60_000)) == []
