"""When what was recorded is due again."""

import pytest

from recordings.replay.clock import Clock, speed

SECOND_NS = 10**9


def started(factor: float | None) -> Clock:
    clock = Clock(factor)
    clock.start(1000 * SECOND_NS, 50.0)
    return clock


def test_delays_are_as_recorded_and_shorter_at_a_higher_speed():
    assert started(1.0).wait_s(1003 * SECOND_NS, 51.0) == 2.0
    assert started(10.0).wait_s(1020 * SECOND_NS, 51.0) == 1.0


def test_at_full_speed_everything_is_due():
    assert started(None).wait_s(9999 * SECOND_NS, 50.0) == 0.0


def test_what_is_late_is_due():
    assert started(1.0).wait_s(1001 * SECOND_NS, 60.0) < 0


def test_a_pause_does_not_count():
    clock = started(1.0)
    clock.pause(51.0)
    assert clock.paused and clock.wait_s(1001 * SECOND_NS, 52.0) == float("inf")
    clock.go_on(71.0)
    assert clock.wait_s(1003 * SECOND_NS, 71.0) == 2.0


def test_a_replay_that_begins_paused_counts_from_when_it_goes_on():
    clock = Clock(1.0)
    clock.pause(10.0)
    clock.start(1000 * SECOND_NS, 50.0)
    clock.go_on(60.0)
    assert clock.wait_s(1001 * SECOND_NS, 60.0) == 1.0


def test_another_speed_counts_from_where_it_is():
    clock = started(1.0)
    clock.change(10.0, 1005 * SECOND_NS, 55.0)
    assert clock.wait_s(1025 * SECOND_NS, 56.0) == 1.0


def test_a_speed_is_a_factor_or_max():
    assert (speed("max"), speed("1"), speed("0.5")) == (None, 1.0, 0.5)


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "1e9", "nan", "inf"])
def test_what_is_no_speed_is_refused_with_what_would_do(text):
    with pytest.raises(ValueError, match="would do"):
        speed(text)
