"""Ranges of known candles: what is missing, joined, and proven by an answer."""

from hypothesis import given
from hypothesis import strategies as st

from exchanges import intervals
from marketdata.coverage import (
    LONG_HOLE,
    SETTLE_MS,
    Range,
    aligned,
    answered,
    clipped,
    combined,
    missing,
    settled_ms,
)

MINUTE_MS = 60_000
small = st.integers(0, 40)
ranges = st.lists(
    st.builds(
        lambda start, length, state: Range(start, start + length, state),
        small,
        st.integers(1, 12),
        st.sampled_from(["complete", "empty"]),
    ),
    max_size=8,
)


def moments(known: list[Range], state: str) -> set[int]:
    return {moment for r in known if r.state == state for moment in range(r.start_ms, r.end_ms)}


@given(ranges)
def test_joining_keeps_what_is_known_and_complete_wins(known: list[Range]) -> None:
    joined = combined(known)
    assert moments(joined, "complete") == moments(known, "complete")
    assert moments(joined, "empty") == moments(known, "empty") - moments(known, "complete")


@given(ranges)
def test_joined_ranges_are_sorted_apart_and_stay_the_same_when_joined_again(known: list[Range]) -> None:
    joined = combined(known)
    assert combined(joined) == joined
    for one, other in zip(joined, joined[1:], strict=False):
        assert one.end_ms < other.start_ms or (one.end_ms == other.start_ms and one.state != other.state)


@given(small, st.integers(0, 20), ranges)
def test_missing_and_known_together_are_the_whole_range(start: int, length: int, known: list[Range]) -> None:
    asked = set(range(start, start + length))
    gaps = {moment for span in missing(start, start + length, known) for moment in range(*span)}
    told = clipped(start, start + length, known)
    assert gaps | moments(told, "complete") | moments(told, "empty") == asked
    assert gaps.isdisjoint(moments(known, "complete") | moments(known, "empty"))


@given(st.sets(st.integers(0, 400)), st.integers(1, 400))
def test_an_answer_leaves_nothing_of_what_was_asked_unknown(minutes: set[int], length: int) -> None:
    end_ms = length * MINUTE_MS
    told = answered("1m", 0, end_ms, [minute * MINUTE_MS for minute in minutes])
    assert missing(0, end_ms, told) == []
    assert told[0].start_ms == 0 and told[-1].end_ms == end_ms
    assert {minute * MINUTE_MS for minute in minutes if minute < length} <= moments_of_opens(told, end_ms)


def moments_of_opens(told: list[Range], end_ms: int) -> set[int]:
    return {
        open_ms
        for open_ms in range(0, end_ms, MINUTE_MS)
        if any(r.state == "complete" and r.start_ms <= open_ms < r.end_ms for r in told)
    }


def test_a_downtime_becomes_empty_and_a_quiet_minute_does_not() -> None:
    down_ms = LONG_HOLE * MINUTE_MS
    opens = [0, 2 * MINUTE_MS, 3 * MINUTE_MS + down_ms]
    assert answered("1m", 0, 4 * MINUTE_MS + down_ms, opens) == [
        Range(0, 3 * MINUTE_MS, "complete"),
        Range(3 * MINUTE_MS, 3 * MINUTE_MS + down_ms, "empty"),
        Range(3 * MINUTE_MS + down_ms, 4 * MINUTE_MS + down_ms, "complete"),
    ]


def test_an_answer_without_candles_is_empty_however_short() -> None:
    assert answered("1m", 0, MINUTE_MS, []) == [Range(0, MINUTE_MS, "empty")]


@given(st.sampled_from(intervals.INTERVALS), st.integers(0, 4 * 10**12), st.integers(0, 10**10))
def test_alignment_changes_no_opening(interval: str, start_ms: int, length_ms: int) -> None:
    end_ms = start_ms + min(length_ms, 50 * intervals.length_ms(interval))
    opens = list(intervals.opens_ms(interval, start_ms, end_ms))
    assert list(intervals.opens_ms(interval, *aligned(interval, start_ms, end_ms))) == opens


def test_a_candle_that_ended_this_moment_is_not_settled() -> None:
    assert settled_ms("1m", 10 * MINUTE_MS) == 10 * MINUTE_MS - SETTLE_MS
    assert settled_ms("1m", 10 * MINUTE_MS - 1) == 8 * MINUTE_MS
