"""The queue of order-book snapshots that a connection asks for: each costs weight, so few are under way at once."""

AT_ONCE = 4


class Snapshots:
    """Which markets wait for a snapshot, not before when, and which are under way."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._waiting: dict[str, int] = {}  # market: not before (ns)
        self._under_way: set[str] = set()
        self._attempts: dict[str, int] = {}
        self._given_up: set[str] = set()

    def ask(self, market: str, at_ns: int = 0) -> None:
        """Put in the queue; nothing where it is in it or under way already."""
        if market not in self._under_way and market not in self._given_up:
            self._waiting.setdefault(market, at_ns)

    def ended(self, market: str) -> int:
        """An answer, or its failure, came: how many came before without success."""
        self._under_way.discard(market)
        attempt = self._attempts.get(market, 0)
        self._attempts[market] = attempt + 1
        return attempt

    def has(self, market: str) -> bool:
        """Whether it is under way."""
        return market in self._under_way

    @property
    def busy(self) -> bool:
        """Some are under way or wait."""
        return bool(self._under_way or self._waiting)

    def succeeded(self, market: str) -> None:
        """The snapshot served its purpose."""
        self._attempts.pop(market, None)
        self._waiting.pop(market, None)

    def give_up(self, market: str) -> None:
        """Asking is of no use, until the market is wanted anew."""
        self._given_up.add(market)

    def forget(self, market: str) -> None:
        """Nobody wants it any more; one that is under way still counts until it ends."""
        self.succeeded(market)
        self._given_up.discard(market)

    def due(self, now_ns: int) -> list[str]:
        """The markets to ask for now; they count as under way from here on."""
        room = self._at_once - len(self._under_way)
        if room <= 0 or not self._waiting:
            return []
        due = [market for market, at_ns in self._waiting.items() if at_ns <= now_ns][:room]
        for market in due:
            del self._waiting[market]
        self._under_way.update(due)
        return due
