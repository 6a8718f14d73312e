"""Alive is what sends bytes, or answers a ping."""

import pytest

from streams.pulse import ASK_S, DEAD_S, STALL_S, Pulse

TICK_S = 0.1


def watched(heard: list[tuple[float, float]], until_s: float) -> tuple[list[float], float | None]:
    """When pings were due and when it was found dead; `heard`: from and until when bytes came."""
    pulse, pings, now_s, last_s = Pulse(0.0), [], 0.0, 0.0
    while now_s < until_s:
        now_s = round(now_s + TICK_S, 3)
        last_s = now_s if any(start <= now_s <= end for start, end in heard) else last_s
        if pulse.look(now_s, last_s):
            pings.append(now_s)
        if pulse.dead:
            return pings, now_s
    return pings, None


@pytest.mark.parametrize(
    ("heard", "pings", "dead_s"),
    [
        ([(0, 60)], 0, None),  # one that says something all the time is never asked
        ([(0, 5)], 3, 5 + DEAD_S),
        ([(0, 5), (9.5, 9.5), (14, 60)], 2, None),  # slow, but each ping has its answer
        ([(0, 5), (16.8, 60)], 2, None),  # an answer that takes long
        ([], 3, DEAD_S),  # accepted, and then nothing at all
    ],
    ids=["busy", "cut", "quiet", "slow", "mute"],
)
def test_a_connection_is_dead_when_no_byte_comes_though_it_was_pinged(
    heard: list[tuple[float, float]], pings: int, dead_s: float | None
) -> None:
    asked, found_s = watched(heard, 60)
    assert found_s == (dead_s and pytest.approx(dead_s, abs=0.2))
    assert len(asked) == pings


def test_a_dead_connection_is_noticed_in_time_and_pings_are_few() -> None:
    asked, found_s = watched([], 60)
    assert found_s is not None and found_s < 13
    assert all(later - earlier >= ASK_S - TICK_S for earlier, later in zip(asked, asked[1:], strict=False))


def test_the_time_in_which_we_slept_ourselves_says_nothing_about_the_other_side() -> None:
    pulse = Pulse(0.0)
    assert not pulse.look(1.0, 1.0)
    assert not pulse.look(31.0, 1.0)
    assert not pulse.dead
    assert not pulse.look(31.0 + STALL_S, 1.0)
