"""Request weights per address: what was used this minute, who is over the limit, and who is banned."""

from dataclasses import dataclass

WEIGHT_LIMIT = 6_000
MINUTE_MS = 60_000
PATIENCE = 20  # requests over the limit before a ban
BAN_MS = 2 * MINUTE_MS


@dataclass
class _Account:
    minute: int = -1
    used: int = 0
    ignored: int = 0
    banned_until_ms: int = 0


class Weights:
    """One budget per address."""

    def __init__(self, limit: int = WEIGHT_LIMIT) -> None:
        """`limit` a minute."""
        self._limit = limit
        self._accounts: dict[str, _Account] = {}

    def spend(self, client: str, weight: int, now_ms: int) -> tuple[int, int] | None:
        """Counts a request; the status (429, 418) and the seconds to wait where it is refused."""
        account = self._at(client, now_ms)
        if now_ms < account.banned_until_ms:
            return 418, _seconds(account.banned_until_ms - now_ms)
        account.used += weight
        if account.used <= self._limit:
            return None
        account.ignored += 1
        if account.ignored > PATIENCE:
            account.banned_until_ms = now_ms + BAN_MS
            return 418, _seconds(BAN_MS)
        return 429, _seconds(MINUTE_MS - now_ms % MINUTE_MS)

    def used(self, client: str, now_ms: int) -> int:
        return self._at(client, now_ms).used

    def _at(self, client: str, now_ms: int) -> _Account:
        account = self._accounts.setdefault(client, _Account())
        if account.minute != now_ms // MINUTE_MS:
            account.minute, account.used, account.ignored = now_ms // MINUTE_MS, 0, 0
        return account


def _seconds(ms: int) -> int:
    return -(-ms // 1000)
