"""A topic's silence is worth a question once it is longer than usual, and the less often the longer it lasts."""

import pytest

from exchanges.contract import Sight
from streams.rhythm import LEAST_S, MOST_S, PAUSES, SKEW_US, SLACK_US, TIMES, YOUNG_S, Rhythm, moved_on


def heard_every(pause_s: int, times: int) -> tuple[Rhythm, float]:
    """One that spoke so often, looked at once a second, and when it did last."""
    rhythm = Rhythm(0.0)
    for second in range(pause_s * times + 1):
        rhythm.heard((1, second // pause_s), float(second))
    return rhythm, float(pause_s * times)


@pytest.mark.parametrize(
    ("pause_s", "times", "patience_s"),
    [
        (1, 200, LEAST_S),
        (5, 200, TIMES * 5),
        (600, 40, TIMES * 600),
        (1, PAUSES // 2, YOUNG_S),  # too little is known of it
        (20, PAUSES // 2, TIMES * 20),
    ],
)
def test_it_is_given_some_of_its_longest_pauses_of_late(pause_s: int, times: int, patience_s: float) -> None:
    rhythm, last_s = heard_every(pause_s, times)
    assert rhythm.patience_s == patience_s
    assert rhythm.due_s == last_s + patience_s


def test_a_long_pause_is_forgotten_after_a_while() -> None:
    rhythm, last_s = heard_every(1, 100)
    rhythm.heard((1, "late"), last_s + 60)
    assert rhythm.patience_s == TIMES * 60
    for second in range(1, 2 * PAUSES + 1):
        rhythm.heard((1, f"after {second}"), last_s + 60 + second)
    assert rhythm.patience_s == LEAST_S


def test_a_quiet_market_is_asked_about_ever_less_often() -> None:
    rhythm, now_s = Rhythm(0.0), 0.0
    asked_s = []
    while now_s < 24 * 3600:
        now_s = rhythm.due_s
        asked_s.append(now_s)
        rhythm.quiet(now_s)
    assert asked_s[:4] == [30, 60, 120, 240]
    assert len(asked_s) < 35
    assert max(later - earlier for earlier, later in zip(asked_s, asked_s[1:], strict=False)) == MOST_S


def test_a_gap_of_ours_is_no_word_of_the_market() -> None:
    rhythm, last_s = heard_every(1, 100)
    assert not rhythm.heard((2, 1), last_s + 5)
    assert (rhythm.spoke, rhythm.since_s) == (False, last_s + 5)
    assert rhythm.heard((2, 2), last_s + 7)
    assert rhythm.spoke


def test_one_that_is_found_out_again_and_again_is_counted_until_it_speaks_steadily() -> None:
    rhythm, now_s = heard_every(1, 100)
    waits_s = []
    for _ in range(3):
        rhythm.found_out(now_s)
        waits_s.append(rhythm.due_s - now_s)
        rhythm.heard((1, f"repaired at {now_s}"), now_s + 1)
        now_s += 100
    assert rhythm.missed == 3
    assert waits_s[0] < waits_s[1] < waits_s[2]
    for second in range(5):
        rhythm.heard((1, second), now_s + second)
    assert rhythm.missed == 0


LAST_US = 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("spoke", "sight", "place", "last_us", "seen", "moved"),
    [
        (True, Sight("8", 8), 7, None, None, True),
        (True, Sight("7", 7), 7, None, None, False),
        (True, Sight("6", 6), 7, None, None, False),  # an answer that is older than the stream
        (True, Sight("x", None, LAST_US + 2 * SLACK_US), None, LAST_US, None, True),
        (True, Sight("x", None, LAST_US + SLACK_US // 2), None, LAST_US, None, False),
        (True, Sight("x", None, LAST_US), None, LAST_US, None, False),
        (False, Sight("8", 8, LAST_US + SKEW_US // 2), 7, LAST_US, None, False),  # it never spoke: by our clock
        (False, Sight("8", 8, LAST_US + 2 * SKEW_US), 7, None, None, True),
        (True, Sight("8", 8), None, LAST_US, None, None),  # a count says nothing about a ticker: look again
        (True, Sight("9", 9), None, LAST_US, "8", True),
        (True, Sight("8", 8), None, LAST_US, "8", False),
        (True, Sight(""), None, LAST_US, "", False),  # it has never traded
    ],
)
def test_a_look_tells_whether_the_market_moved_on(
    spoke: bool, sight: Sight, place: int | None, last_us: int | None, seen: str | None, moved: bool | None
) -> None:
    rhythm = Rhythm(0.0)
    rhythm.spoke, rhythm.seen = spoke, seen
    assert moved_on(rhythm, sight, place, last_us, silent_us=LAST_US) is moved
