"""What one client may have of `/stream/`: connections, subscriptions, requests a second. Counted per web process."""

import time
from collections import Counter
from typing import NamedTuple
from weakref import WeakValueDictionary

from django.conf import settings

BURST_S = 20  # so many seconds' requests may come at once

connections: Counter[str] = Counter()  # by user and by address, or by key
subscriptions: Counter[str] = Counter()  # by user or key, or by address where reading is open


class Limits(NamedTuple):
    """What an API key may have; None: as the settings say. `subscriptions` are those of all its connections."""

    requests_s: int | None = None
    connections: int | None = None
    subscriptions: int | None = None


NONE = Limits()


class Requests:
    """A bucket of requests; each topic that one names counts as one."""

    def __init__(self, per_s: int | None = None) -> None:
        self.of_key_s = per_s
        self._left = float(self.per_s * BURST_S)
        self._at_s = time.monotonic()

    @property
    def per_s(self) -> int:
        return self.of_key_s or settings.MOST_REQUESTS_S

    def wait_s(self, cost: int) -> float:
        """0 where the request may be carried out, else how long to wait with it."""
        per_s, now_s = self.per_s, time.monotonic()
        # More may never come at once: it is carried out after as long a pause.
        cost = min(cost, per_s * BURST_S - 1)
        self._left = min(per_s * BURST_S, self._left + (now_s - self._at_s) * per_s)
        self._at_s = now_s
        if cost > self._left:
            return (cost - self._left) / per_s
        self._left -= cost
        return 0.0


_buckets: WeakValueDictionary[str, Requests] = WeakValueDictionary()  # by key, while it is connected


class Client:
    """One connection's share of what its user and its address, or its key, may have; `leave` gives it back."""

    def __init__(self, address: str) -> None:
        self.requests = self._own = Requests()
        self.address = self._payer = address
        self._limits = NONE
        self._names: frozenset[str] = frozenset()  # under which the connection is counted
        self._topics = 0

    def connect(self, user: str | None = None, limits: Limits | None = None) -> str | None:
        """Counts the connection, and what it subscribes, for its user, in place of whoever it was counted for; a
        sentence, and no change, where it is one too many.

        `limits` are there of a key, which does not count for its address: other limits may hold there.
        """
        payer = user or self.address
        names = frozenset({payer} if limits else {payer, self.address})
        most = (limits or NONE).connections or settings.MOST_CONNECTIONS
        for name in sorted(names - self._names):
            if connections[name] >= most:
                return f"{connections[name]} connections of {name} are open, which is what may be; close some first"
        for name in self._names - names:
            _less(connections, name)
        connections.update(names - self._names)
        _less(subscriptions, self._payer, self._topics)
        subscriptions[payer] += self._topics
        self._names, self._payer, self._limits = names, payer, limits or NONE
        self.requests = _shared(payer, limits.requests_s) if limits else self._own
        return None

    def subscribe(self) -> str | None:
        """Counts one subscription; a sentence where it is one too many."""
        most = self._limits.subscriptions
        if self._topics >= (most or settings.MOST_SUBSCRIPTIONS):
            return f"{self._topics} subscriptions are what one connection may have; unsubscribe from some first"
        if subscriptions[self._payer] >= (most or settings.MOST_USER_SUBSCRIPTIONS):
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
        for name in self._names:
            _less(connections, name)
        self._topics, self._names = 0, frozenset()


def _shared(key: str, per_s: int | None) -> Requests:
    """The bucket of all connections of a key; what may be is what was said of it last."""
    bucket = _buckets.setdefault(key, Requests(per_s))
    bucket.of_key_s = per_s
    return bucket


def _less(counts: Counter[str], name: str, by: int = 1) -> None:
    counts[name] -= by
    if counts[name] <= 0:
        del counts[name]
