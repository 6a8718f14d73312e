"""Why another connection should take the place of this one, and until when this one may wait for it."""

from random import uniform

REPLACED_S = 15.0  # a connection that the exchange is about to end is ended after so long, replaced or not


class Succession:
    """One connection's; its lifetime, where it has one, differs a little from the next one's. Seconds are monotonic."""

    def __init__(self, opened_s: float, lifetime_s: float | None) -> None:
        self._until_s = opened_s + (lifetime_s or float("inf")) * uniform(0.9, 0.99)
        self._ends_s = float("inf")
        self.reason = ""

    def ask(self, reason: str, now_s: float) -> None:
        """Another should go on, since this one does not much longer."""
        self.reason = self.reason or reason
        self._ends_s = min(self._ends_s, now_s + REPLACED_S)

    def invite(self, reason: str) -> None:
        """Another may go on; this one stays as long as there is none."""
        self.reason = self.reason or reason

    def over(self, now_s: float) -> bool:
        """Whether this connection is to be ended now, replaced or not."""
        if now_s > self._until_s:
            self.ask("before the exchange ends the connection's lifetime", now_s)
        return now_s > self._ends_s
