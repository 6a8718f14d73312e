"""Whether a connection has gone silent, judged by its own pace; pure."""

LEAST_S = 10.0
TIMES = 30.0  # so many mean pauses without a frame are no coincidence


class Silence:
    """Judges by the times of frames. A connection that is always quiet is not judged: its pings prove that it lives."""

    def __init__(self, now_ns: int) -> None:
        self._first_ns = self._last_ns = now_ns
        self._frames = 0

    def heard(self, now_ns: int) -> None:
        self._frames += 1
        self._last_ns = now_ns

    def stale(self, now_ns: int) -> bool:
        """True where frames came steadily and then no more."""
        if self._frames < TIMES:
            return False
        pace_ns = (self._last_ns - self._first_ns) / self._frames
        return now_ns - self._last_ns > max(LEAST_S * 1e9, TIMES * pace_ns)
