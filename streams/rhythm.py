"""How often a topic speaks, and from when on its silence is not usual; pure.

Its position is looked at once a second, so that an event costs nothing. A silence is only a reason to ask: whether the
market has moved on without us, a look at it by REST tells (streams/probe.py).
"""

from exchanges.contract import Sight

LEAST_S = 10.0  # shorter silences are nobody's concern
YOUNG_S = 30.0  # nor are those of a topic of which little is known
TIMES = 4.0  # the longest pause of late, so many times, is worth a question
PAUSES = 30  # make a rhythm
MOST_S = 3600.0  # between two questions about the same silence
STEADY = 3  # looks at which it had spoken, after which it is heard again
SLACK_US = 2_000_000  # an event may be said so long after the trade that it is about
SKEW_US = 15_000_000  # where our clock stands for the exchange's

Mark = tuple[int, object]  # epoch, and what changes with every event


class Rhythm:
    """One topic's. Times are monotonic seconds."""

    __slots__ = ("_before_s", "_longest_s", "_mark", "_pauses", "due_s", "missed", "seen", "since_s", "spoke", "spoken")

    def __init__(self, now_s: float) -> None:
        self.since_s = now_s  # when it spoke last, or began to be listened to
        self.due_s = now_s + YOUNG_S
        self.spoke = False  # since its continuity was proven last: what it said last is the last that we know
        self.spoken = 0  # looks at which it had
        self.missed = 0  # how often it was found out, since it last spoke steadily
        self.seen: str | None = None  # the mark of the market at the first look during this silence
        self._mark: Mark | None = None
        self._pauses = 0
        self._longest_s, self._before_s = 0.0, 0.0

    def heard(self, mark: Mark, now_s: float) -> bool:
        """Whether it spoke since the last look. A new epoch is a gap, not a word of the market."""
        if mark == self._mark:
            return False
        anew, self._mark = self._mark is None or mark[0] != self._mark[0], mark
        if anew:
            self.spoke = False
        else:
            self._count(now_s - self.since_s)
        self.since_s, self.seen = now_s, None
        self.due_s = now_s + self.patience_s
        return not anew

    def quiet(self, now_s: float) -> None:
        """Nothing is known to be missing: the longer it has been silent, the later it is asked about again."""
        self.due_s = now_s + min(max(self.patience_s, now_s - self.since_s), MOST_S)

    def begin(self, now_s: float) -> None:
        """Listened to anew."""
        self.since_s, self.due_s, self.spoke, self.seen = now_s, now_s + self.patience_s, False, None

    def ask_again(self, at_s: float) -> None:
        self.due_s = at_s

    def oddity(self, now_s: float) -> float:
        """How much longer than usual it has been silent."""
        return (now_s - self.since_s) / self.patience_s

    @property
    def steady(self) -> bool:
        """It has a rhythm of its own."""
        return self._before_s > 0

    def found_out(self, now_s: float) -> None:
        """The market moved on without us."""
        self.missed += 1
        self.spoken, self.seen = 0, None
        self.due_s = now_s + min(self.patience_s * 2**self.missed, MOST_S)

    @property
    def patience_s(self) -> float:
        """How long it may be silent before somebody asks."""
        usual_s = max(self._longest_s, self._before_s)
        return max(LEAST_S if self.steady else YOUNG_S, TIMES * usual_s)

    @property
    def usual_s(self) -> float:
        """The longest pause of late."""
        return max(self._longest_s, self._before_s)

    def _count(self, pause_s: float) -> None:
        self.spoke = True
        self.spoken += 1
        if self.spoken >= STEADY:
            self.missed = 0
        self._longest_s = max(self._longest_s, pause_s)
        self._pauses += 1
        if self._pauses == PAUSES:
            self._before_s, self._longest_s, self._pauses = self._longest_s, 0.0, 0


def moved_on(rhythm: Rhythm, sight: Sight, last_place: int | None, last_us: int | None, silent_us: int) -> bool | None:
    """Whether the market traded after the topic spoke last; None where another look has to tell.

    `last_place`: of the last trade said, where places run without a hole; `last_us`: the exchange's time of the last
    event; `silent_us`: ours when it was heard, or began to be listened to.
    """
    if rhythm.spoke and last_place is not None and sight.place is not None:
        return sight.place > last_place
    if sight.trade_us is not None:
        known = last_us is not None and rhythm.spoke
        return sight.trade_us > (last_us + SLACK_US if known else silent_us + SKEW_US)
    if rhythm.seen is not None:
        return sight.mark != rhythm.seen
    return None
