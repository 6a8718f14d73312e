"""When what was recorded is due again; pure. Seconds are those of a clock that never jumps."""

from dataclasses import dataclass

SLOWEST, FASTEST = 0.01, 1000.0
MAX = "max"
WOULD_DO = f"{MAX}, or how many times as fast as it was recorded, from {SLOWEST:g} to {FASTEST:g}"


def speed(text: str) -> float | None:
    """`1`, `10`, `0.5`; None is as fast as it goes (`max`). ValueError with what would do."""
    if text == MAX:
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not SLOWEST <= factor <= FASTEST:
        raise ValueError(f"{text[:40]!r} came; {WOULD_DO} would do")
    return factor


@dataclass
class Clock:
    """`speed` None: everything is due at once. Delays are as recorded, between any two moments."""

    speed: float | None
    _recorded_ns: int = 0
    _at_s: float = 0.0
    _paused_s: float | None = None

    def start(self, recorded_ns: int, now_s: float) -> None:
        """That moment of the recording is now."""
        self._recorded_ns, self._at_s = recorded_ns, now_s
        if self._paused_s is not None:
            self._paused_s = now_s

    @property
    def paused(self) -> bool:
        return self._paused_s is not None

    def wait_s(self, recorded_ns: int, now_s: float) -> float:
        """Until it is due; 0 or less where it is. Nothing is while paused."""
        if self._paused_s is not None:
            return float("inf")
        if self.speed is None:
            return 0.0
        return self._at_s + (recorded_ns - self._recorded_ns) / 1e9 / self.speed - now_s

    def pause(self, now_s: float) -> None:
        if self._paused_s is None:
            self._paused_s = now_s

    def go_on(self, now_s: float) -> None:
        """The time of the pause does not count."""
        if self._paused_s is not None:
            self._at_s += now_s - self._paused_s
            self._paused_s = None

    def change(self, speed: float | None, recorded_ns: int, now_s: float) -> None:
        """Another speed from that moment of the recording on."""
        self.speed = speed
        self.start(recorded_ns, now_s)
