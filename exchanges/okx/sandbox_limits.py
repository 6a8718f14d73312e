"""Requests per address and endpoint in windows of two seconds."""

WINDOW_MS = 2000


class Rates:
    """What each address asked of each endpoint in its running window."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, client: str, endpoint: str, most: int, now_ms: int) -> bool:
        """Counts a request; False where it is one too many."""
        window, key = now_ms // WINDOW_MS, (client, endpoint)
        before, count = self._counts.get(key, (window, 0))
        count = count + 1 if before == window else 1
        self._counts[key] = window, count
        return count <= most
