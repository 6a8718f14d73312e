"""How many requests an address may send: a store that fills by one each second. Kraken publishes no figures."""

MOST = 60  # so that a handful of clients on one address can start at once


class Calls:
    """One store per address."""

    def __init__(self) -> None:
        self._stores: dict[str, tuple[int, int]] = {}  # requests left in thousandths, and when that was

    def spend(self, client: str, now_ms: int) -> bool:
        """Counts a request; False where it is one too many."""
        left, at_ms = self._stores.get(client, (MOST * 1000, now_ms))
        left = min(MOST * 1000, left + max(0, now_ms - at_ms)) - 1000
        self._stores[client] = max(left, 0), now_ms
        return left >= 0
