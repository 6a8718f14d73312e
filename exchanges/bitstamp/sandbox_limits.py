"""Requests of an address in a second and in ten minutes, and who is over the limit."""

from collections.abc import Sequence

LIMITS = ((400, 1_000), (10_000, 600_000))  # requests, ms


class Requests:
    """Counted in fixed windows."""

    def __init__(self, limits: Sequence[tuple[int, int]] = LIMITS) -> None:
        self._limits = limits
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}  # address and window's length: which one, how many

    def take(self, client: str, now_ms: int) -> bool:
        """Counts one; False where it is one too many."""
        fits = True
        for most, length_ms in self._limits:
            window, count = self._counts.get((client, length_ms), (-1, 0))
            count = count + 1 if window == now_ms // length_ms else 1
            self._counts[client, length_ms] = now_ms // length_ms, count
            fits = fits and count <= most
        return fits
