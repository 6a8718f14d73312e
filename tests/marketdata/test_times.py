"""Times that people write."""

import pytest

from marketdata import times


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("0", 0),
        ("1704067200000", 1_704_067_200_000),
        ("2024-01-01", 1_704_067_200_000),
        ("2024-01-01T01:00+01:00", 1_704_067_200_000),
        ("2024-01-01T00:00:00.123456Z", 1_704_067_200_123),
    ],
)
def test_a_time_is_milliseconds_or_iso(text: str, time_ms: int) -> None:
    assert times.parsed_ms(text) == time_ms


@pytest.mark.parametrize(
    "text",
    ["1704067200", "2024", "1e12", "-5", "٣", "", "1969-12-31", "9999-12-31", "0001-01-01T00:00+14:00", "9" * 40],
)
def test_what_is_no_time_or_means_another_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="milliseconds since 1970"):
        times.parsed_ms(text)


@pytest.mark.parametrize("time_us", [0, 1, 1_700_000_000_123_456, -1, 253_402_300_799_999_999])
def test_moments_keep_each_microsecond(time_us: int) -> None:
    assert times.to_us(times.from_us(time_us)) == time_us
