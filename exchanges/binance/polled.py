"""One request that is made again and again, no faster than the exchange takes it. Pure."""

from exchanges.contract import Fetch, Request
from exchanges.errors import ExchangeError, Reconnect, Retry, verdict

SECOND_NS = 1_000_000_000
LONG_PAUSE_S = 60.0  # after a refusal, which another attempt will hardly change
PATIENCE = 5  # pauses without an answer, after which the last one is no longer the present


class Polled:
    """At most one request is under way; `failed` doubles the pause, or waits for as long as the exchange said."""

    def __init__(self, request: Request, pause_ns: int) -> None:
        self.request = request
        self.wanted = False
        self._pause_ns = pause_ns
        self._next_ns = self._answered_ns = 0
        self._under_way = False
        self._attempt = 0

    def due(self, now_ns: int) -> list[Fetch]:
        """The request, where it is time for it."""
        if not self.wanted or self._under_way or now_ns < self._next_ns:
            return []
        self._under_way = True
        return [Fetch(self.request)]

    def answered(self, now_ns: int) -> None:
        self._under_way, self._attempt = False, 0
        self._answered_ns, self._next_ns = now_ns, now_ns + self._pause_ns

    def failed(self, error: Exception, now_ns: int) -> None:
        what = verdict(error, self._attempt) if isinstance(error, ExchangeError) else None
        after_s = what.after_s if isinstance(what, Retry | Reconnect) else LONG_PAUSE_S
        self._under_way = False
        self._attempt += 1
        self._next_ns = now_ns + max(self._pause_ns, int(after_s * SECOND_NS))

    def outdated(self, now_ns: int) -> bool:
        """True once when the last answer has become old, as while the exchange refuses us."""
        if not self._answered_ns or now_ns - self._answered_ns < PATIENCE * self._pause_ns:
            return False
        self._answered_ns = 0
        return True
