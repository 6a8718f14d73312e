"""What one client may have of `/stream/`: connections, subscriptions, requests a second. Counted per web process."""

import time
from collections import Counter

from django.conf import settings

BURST_S = 20  # so many seconds' requests may come at once

connections: Counter[str] = Counter()  # by user, and by address
subscriptions: Counter[str] = Counter()  # by user, or by address where reading is open


class Requests:
    """A bucket of one client's requests; each topic that one names counts as one."""

    def __init__(self) -> None:
        self._left = float(settings.MOST_REQUESTS_S * BURST_S)
        self._at_s = time.monotonic()

    def wait_s(self, cost: int) -> float:
        """0 where the request may be carried out, else how long to wait with it."""
        per_s, now_s = settings.MOST_REQUESTS_S, time.monotonic()
        # More may never come at once: it is carried out after as long a pause.
        cost = min(cost, per_s * BURST_S - 1)
        self._left = min(per_s * BURST_S, self._left + (now_s - self._at_s) * per_s)
        self._at_s = now_s
        if cost > self._left:
            return (cost - self._left) / per_s
        self._left -= cost
        return 0.0


class Client:
    """One connection's share of what its user and its address may have; `leave` gives it back."""

    def __init__(self, address: str) -> None:
        self.requests = Requests()
        self.address = self._payer = address
        self._counted: list[str] = []
        self._topics = 0

    def connect(self, name: str) -> str | None:
        """Counts the connection; a sentence where it is one too many."""
        if connections[name] >= settings.MOST_CONNECTIONS:
            return f"{connections[name]} connections of {name} are open, which is what may be; close some first"
        connections[name] += 1
        self._counted.append(name)
        return None

    def is_of(self, user: str | None) -> None:
        """The user, where one is known, pays for what is subscribed."""
        if user is None:
            return
        _less(subscriptions, self._payer, self._topics)
        self._payer = user
        subscriptions[user] += self._topics
        address, *users = self._counted
        self._counted = [address, user]
        for name in set(users) - {user}:
            _less(connections, name)

    def subscribe(self) -> str | None:
        """Counts one subscription; a sentence where it is one too many."""
        if self._topics >= settings.MOST_SUBSCRIPTIONS:
            return f"{self._topics} subscriptions are what one connection may have; unsubscribe from some first"
        if subscriptions[self._payer] >= settings.MOST_USER_SUBSCRIPTIONS:
            return f"{subscriptions[self._payer]} subscriptions of {self._payer} are what may be; unsubscribe from some"
        self._topics += 1
        subscriptions[self._payer] += 1
        return None

    def unsubscribe(self) -> None:
        self._topics -= 1
        _less(subscriptions, self._payer)

    def leave(self) -> None:
        """The connection is gone."""
        _less(subscriptions, self._payer, self._topics)
        for name in self._counted:
            _less(connections, name)
        self._topics, self._counted = 0, []


def _less(counts: Counter[str], name: str, by: int = 1) -> None:
    counts[name] -= by
    if counts[name] <= 0:
        del counts[name]
