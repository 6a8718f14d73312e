"""What one connection is subscribed to: one subscription a message, few unanswered at a time. Pure.

One wrong coin and the exchange closes the whole connection. So a coin that was unanswered when an earlier connection
ended is asked for last and alone; one whose connection ended even so is not asked for any more, for an hour.
Acknowledgements carry no number, so a subscription that was left is joined again only after the exchange has said so.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from exchanges.contract import Send

AT_ONCE = 10  # unanswered subscriptions
SECOND_NS = 1_000_000_000
PATIENCE_NS = 5 * SECOND_NS  # an acknowledgement can go missing; asking twice does no harm
ATTEMPTS = 4
SETTLED_NS = 3 * SECOND_NS  # the exchange closes within a second of a wrong coin
BARRED_NS = 3600 * SECOND_NS


class Key(NamedTuple):
    """What the exchange tells subscriptions apart by."""

    type: str
    coin: str
    interval: str = ""
    fast: bool = False


@dataclass(frozen=True)
class Asked:
    """A coin that has had no answer yet."""

    alone: bool
    at_ns: int


class Suspects:
    """The coins that wait for their first answer, over all connections of one process."""

    def __init__(self) -> None:
        self.waiting: dict[str, Asked] = {}


@dataclass
class Open:
    """A message of ours that has had no answer yet."""

    at_ns: int
    attempts: int = 1


class Subscriptions:
    """Of one connection. A coin counts as answered with its first acknowledgement."""

    def __init__(self, suspects: Suspects) -> None:
        self._suspects = suspects
        self._before = dict(suspects.waiting)
        self._wanted: tuple[Key, ...] = ()
        self._held: set[Key] = set()
        self._joining: dict[Key, Open] = {}
        self._leaving: dict[Key, Open] = {}
        self._alone: str | None = None  # the coin that is being tried alone
        self._now_ns = 0

    def want(self, keys: Collection[Key]) -> Iterable[Send]:
        """The whole set from now on; what does not fit now follows with the answers."""
        self._wanted = tuple(sorted(set(keys)))
        for key in sorted((self._held | self._joining.keys()) - set(keys)):
            yield self._leave(key)
        yield from self._next()

    def again(self, key: Key) -> Iterable[Send]:
        """Leave it and, once that is acknowledged, join it anew."""
        if key in self._held:
            yield self._leave(key)

    def answered(self, method: str, key: Key) -> Iterable[Send]:
        """An acknowledgement, or the word that it was so already."""
        if method == "subscribe":
            self._suspects.waiting.pop(key.coin, None)
            self._before.pop(key.coin, None)
            self._alone = None if self._alone == key.coin else self._alone
            if self._joining.pop(key, None) and key not in self._leaving:
                self._held.add(key)
        else:
            self._leaving.pop(key, None)
        yield from self._next()

    def tick(self, now_ns: int) -> tuple[list[Send], bool]:
        """What to send now, and whether the exchange answers no more."""
        self._now_ns = now_ns
        sends, dead = [], False
        for method, waiting in (("subscribe", self._joining), ("unsubscribe", self._leaving)):
            for key, open_ in waiting.items():
                open_.at_ns = open_.at_ns or now_ns
                if now_ns - open_.at_ns > PATIENCE_NS:
                    open_.at_ns, open_.attempts = now_ns, open_.attempts + 1
                    dead = dead or open_.attempts > ATTEMPTS
                    sends.append(message(method, key))
        return [*sends, *self._next(), *self._careful()], dead

    def barred(self) -> set[str]:
        """The wanted coins that are not asked for, because a connection ended when they were asked for alone."""
        if not self._before:
            return set()
        return {key.coin for key in self._wanted if self._is_barred(key.coin)}

    def _next(self) -> Iterable[Send]:
        for key in self._missing() if self._alone is None else ():
            if len(self._joining) >= AT_ONCE:
                return
            if key.coin not in self._before:
                yield self._join(key, alone=False)

    def _careful(self) -> Iterable[Send]:
        """The next suspected coin, when nothing else is unanswered."""
        if self._joining or not self._before:
            return
        for key in self._missing():
            asked = self._before.get(key.coin)
            if asked is None:
                continue
            if key.coin not in self._suspects.waiting:  # another connection has cleared it
                del self._before[key.coin]
                continue
            settled = not asked.alone or self._now_ns - asked.at_ns > SETTLED_NS
            if settled and not self._is_barred(key.coin):
                del self._before[key.coin]
                self._alone = key.coin
                yield self._join(key, alone=True)
                return

    def _is_barred(self, coin: str) -> bool:
        asked = self._before.get(coin)
        return asked is not None and asked.alone and SETTLED_NS < self._now_ns - asked.at_ns < BARRED_NS

    def _missing(self) -> list[Key]:
        busy = self._held | self._joining.keys() | self._leaving.keys()
        return [key for key in self._wanted if key not in busy]

    def _join(self, key: Key, alone: bool) -> Send:
        self._joining[key] = Open(self._now_ns)
        if not any(held.coin == key.coin for held in self._held):
            self._suspects.waiting[key.coin] = Asked(alone, self._now_ns)
        return message("subscribe", key)

    def _leave(self, key: Key) -> Send:
        self._held.discard(key)
        if self._joining.pop(key, None) and self._alone == key.coin:
            self._alone = None
        self._leaving[key] = Open(self._now_ns)
        return message("unsubscribe", key)


def message(method: str, key: Key) -> Send:
    subscription: dict[str, object] = {"type": key.type, "coin": key.coin}
    if key.interval:
        subscription["interval"] = key.interval
    if key.fast:
        subscription["fast"] = True
    return Send(json.dumps({"method": method, "subscription": subscription}, ensure_ascii=False))
