"""A connection has gone silent when it spoke steadily, or was asked, and says nothing more."""

import pytest

from streams.silence import ANSWER_S, FRAMES, LEAST_S, STEADY_S, TIMES, Silence

SECOND_NS = 1_000_000_000


def after(frames_s: list[float], said_s: float | None = None) -> Silence:
    silence = Silence(0)
    if said_s is not None:
        silence.said(int(said_s * SECOND_NS))
    for at_s in frames_s:
        silence.heard(int(at_s * SECOND_NS))
    return silence


def every(pause_s: float, until_s: float) -> list[float]:
    return [number * pause_s for number in range(1, int(until_s / pause_s) + 1)]


@pytest.mark.parametrize(
    ("frames_s", "quiet_s", "stale"),
    [
        (every(0.1, 60), LEAST_S - 0.5, False),
        (every(0.1, 60), LEAST_S + 0.5, True),
        (every(4, 600), TIMES * 4 - 1, False),  # by its own pace
        (every(4, 600), TIMES * 4 + 1, True),
        (every(0.01, 3), 3600, False),  # many answers at the beginning are no pace
        ([*every(0.01, 3), *every(20, 600)], 75, False),  # and are forgotten once there is one
        ([*every(0.1, 50), 61, *[61 + at for at in every(0.1, 3)]], 35, False),  # a pause of late
        ([], 3600, False),  # nobody has asked it anything
    ],
    ids=["short", "busy", "own pace", "slow", "burst", "quiet markets", "pause", "unasked"],
)
def test_a_silence_is_judged_by_the_longest_pause_of_late(frames_s: list[float], quiet_s: float, stale: bool) -> None:
    last_s = frames_s[-1] if frames_s else 0
    assert bool(after(frames_s).stale(int((last_s + quiet_s) * SECOND_NS))) is stale


def test_one_that_accepts_and_then_says_nothing_is_noticed() -> None:
    silence = after([], said_s=1)
    assert not silence.stale(int((1 + ANSWER_S - 0.5) * SECOND_NS))
    assert "has not said a word" in silence.stale(int((1 + ANSWER_S + 0.5) * SECOND_NS))


def test_an_answer_to_any_message_will_do() -> None:
    silence = after([5], said_s=1)
    assert not silence.stale(int((5 + STEADY_S) * SECOND_NS))
    silence.said(60 * SECOND_NS)
    silence.said(65 * SECOND_NS)
    assert silence.stale(int((60 + ANSWER_S + 0.5) * SECOND_NS))


def test_a_pace_needs_some_frames() -> None:
    assert not after(every(1, FRAMES - 1)).stale(10_000 * SECOND_NS)
