"""What one connection is subscribed to: one market a message, one message under way at a time. Pure.

An error names no market: with one message under way it is known whose it is.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exchanges.alpaca.frames import Subscription
from exchanges.contract import Send

CHANNELS = {
    "trade": ("trades",), "ticker": ("quotes", "trades"), "candle": ("bars", "updatedBars"), "depth": ("orderbooks",),
}  # fmt: skip
BOOKS = "orderbooks"
LOST_NS = 10_000_000_000  # an answer that has not come by then does not come


@dataclass
class Asked:
    """The message under way; the first tick after it sets the time."""

    action: str
    market: str
    channels: frozenset[str]
    at_ns: int | None = None


class Subscriptions:
    """Channels by venue symbol."""

    def __init__(self) -> None:
        self._ready = False
        self._wanted: dict[str, frozenset[str]] | None = None  # None: nobody said, as when a recording is read
        self._held: dict[str, frozenset[str]] = {}
        self._refused: set[str] = set()
        self._anew: set[str] = set()  # markets whose book is to be unsubscribed first
        self._under_way: Asked | None = None

    def want(self, wanted: Mapping[str, frozenset[str]]) -> Iterable[Send]:
        self._wanted = dict(wanted)
        self._refused &= wanted.keys()
        return self.next()

    def begin(self) -> Iterable[Send]:
        """The connection takes subscriptions now."""
        self._ready = True
        return self.next()

    def again(self, market: str) -> Iterable[Send]:
        """The market's book from its beginning."""
        if BOOKS in self._held.get(market, ()):
            self._anew.add(market)
        return self.next()

    def next(self) -> Iterable[Send]:
        """What is to be said next, where nothing is under way."""
        if not self._ready or self._under_way or self._wanted is None:
            return ()
        for market in sorted(self._wanted.keys() | self._held.keys()):
            held, wanted = self._held.get(market, frozenset()), self._wanted.get(market, frozenset())
            dropped = held - wanted | (held & {BOOKS} if market in self._anew else set())
            self._anew.discard(market)
            if dropped:
                return self._say("unsubscribe", market, dropped)
            if wanted - held and market not in self._refused:
                return self._say("subscribe", market, wanted - held)
        return ()

    def _say(self, action: str, market: str, channels: frozenset[str]) -> Iterable[Send]:
        self._under_way = Asked(action, market, channels)
        return (Send(json.dumps({"action": action, **{name: [market] for name in sorted(channels)}})),)

    def answered(self, said: Subscription) -> str | None:
        """The complete list of what is held; the market that was asked for and is not in it."""
        lists = {name: getattr(said, name) or () for name in sorted(set().union(*CHANNELS.values()))}
        markets = {market for named in lists.values() for market in named}
        self._held = {market: frozenset(name for name, named in lists.items() if market in named) for market in markets}
        asked, self._under_way = self._under_way, None
        if asked is None or asked.action != "subscribe" or asked.channels <= self._held.get(asked.market, frozenset()):
            return None
        self._refused.add(asked.market)
        return asked.market

    def refused(self) -> str | None:
        """The market that the error is about, if one was asked for."""
        asked, self._under_way = self._under_way, None
        if asked is None:
            return None
        self._refused.add(asked.market)
        return asked.market

    def lost(self, now_ns: int) -> bool:
        """Whether the message under way has no answer."""
        if self._under_way and self._under_way.at_ns is None:
            self._under_way.at_ns = now_ns
        asked = self._under_way
        return asked is not None and asked.at_ns is not None and now_ns - asked.at_ns > LOST_NS
