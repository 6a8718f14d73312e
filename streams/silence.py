"""Whether frames have stopped coming on a connection that lives, judged by its own pace; pure.

The pace is the longest pause of late: frames come in bursts, and their mean says little about the pauses between these.
"""

LEAST_S = 10.0
TIMES = 4.0  # the longest pause of late, so many times, is no coincidence
STEADY_S = 30.0  # and at least FRAMES frames make a pace
FRAMES = 64
ANSWER_S = 10.0  # every exchange answers each of our messages


class Silence:
    """Judges by the times of frames. What is quiet by its own pace is not judged: streams/probe.py asks about it."""

    def __init__(self, now_ns: int) -> None:
        self._last_ns = self._since_ns = now_ns
        self._frames = 0
        self._longest_ns = 0
        self._before_ns: int | None = None  # the longest pause in the FRAMES before
        self._asked_ns: int | None = None

    def said(self, now_ns: int) -> None:
        """We sent a message, to which the exchange has an answer."""
        self._asked_ns = self._asked_ns or now_ns

    def heard(self, now_ns: int) -> None:
        """A frame came."""
        pause_ns, self._last_ns = now_ns - self._last_ns, now_ns
        if pause_ns > self._longest_ns and self._frames:
            self._longest_ns = pause_ns
        self._frames += 1
        self._asked_ns = None
        if self._frames > FRAMES and now_ns - self._since_ns > STEADY_S * 1e9:
            self._before_ns, self._longest_ns = self._longest_ns, 0
            self._frames, self._since_ns = 1, now_ns

    def quiet_s(self, now_ns: int) -> float:
        """Since the last frame, or the beginning."""
        return (now_ns - self._last_ns) / 1e9

    def stale(self, now_ns: int) -> str:
        """Why it is of no more use, where it is not."""
        quiet_s = self.quiet_s(now_ns)
        if self._asked_ns is not None and now_ns - self._asked_ns > ANSWER_S * 1e9:
            return f"the exchange has not said a word in {ANSWER_S:.0f} s, though it was asked"
        if self._before_ns is None:
            return ""
        usual_s = max(self._before_ns, self._longest_ns) / 1e9
        if quiet_s <= max(LEAST_S, TIMES * usual_s):
            return ""
        return f"the exchange has gone silent: nothing in {quiet_s:.0f} s, where {usual_s:.1f} s was the longest pause"
