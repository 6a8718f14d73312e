"""The budget of each address: weights in fixed minutes."""

WEIGHT_LIMIT = 1200
MINUTE_MS = 60_000


class Weights:
    """What each address used of its running minute."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[int, int]] = {}

    def take(self, client: str, weight: int, now_ms: int) -> bool:
        """Counts a request; False where it is one too many."""
        minute = now_ms // MINUTE_MS
        before, used = self._used.get(client, (minute, 0))
        used = used + weight if before == minute else weight
        self._used[client] = minute, used
        return used <= WEIGHT_LIMIT
