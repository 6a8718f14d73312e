"""What one connection is subscribed to, and what the exchange acknowledged of it. Pure.

Neither interface numbers its answers: each message is answered by the whole set of subscriptions, or by an error, in
the order of the messages. An unknown market gives no error on Advanced Trade, it is just missing from the set.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from exchanges.contract import Send

MARKETS_PER_MESSAGE = 50  # neither interface names a limit
PATIENCE_NS = 10_000_000_000  # an answer may have been lost: then the last one speaks for all
LATER_NS = 10_000_000_000  # what was refused for another reason than its market is asked for again after so long
Verb = Literal["subscribe", "unsubscribe"]
Place = tuple[str, str]  # channel, market


class Said(NamedTuple):
    """One message of ours."""

    verb: Verb
    channel: str
    markets: tuple[str, ...]  # none for a channel without markets


class Subscriptions:
    """`written` gives a message's text."""

    def __init__(self, written: Callable[[Said], str]) -> None:
        self._written = written
        self._wanted: dict[str, frozenset[str]] = {}
        self._refused: set[Place] = set()
        self._unanswered: deque[Said] = deque()
        self._postponed: dict[Said, int | None] = {}  # when to ask again; None: a tick sets it
        self._acknowledged: Mapping[str, Collection[str]] | None = None
        self._since_ns: int | None = None  # of the wait for answers; a tick sets it

    def become(self, wanted: Mapping[str, Collection[str]]) -> Iterable[Send]:
        """The markets wanted of each channel from now on; an empty one is of a channel without markets."""
        sends: list[Send] = []
        for channel in sorted({*self._wanted, *wanted}):
            before, after = self._wanted.get(channel), wanted.get(channel)
            if not before and not after and (before is None) != (after is None):
                sends += self._send("unsubscribe" if after is None else "subscribe", channel, ())
            sends += self._send("unsubscribe", channel, (before or frozenset()) - set(after or ()))
            sends += self._send("subscribe", channel, set(after or ()) - (before or frozenset()))
        self._wanted = {channel: frozenset(markets) for channel, markets in wanted.items()}
        self._refused &= self._places()
        return sends

    def again(self, channel: str, markets: Collection[str]) -> Iterable[Send]:
        """A new snapshot of what is subscribed to and not refused."""
        there = {market for market in markets if market in self._wanted.get(channel, ())}
        there -= {market for refused, market in self._refused if refused == channel}
        return [*self._send("unsubscribe", channel, there), *self._send("subscribe", channel, there)]

    def subscribe(self, channel: str, markets: Collection[str]) -> Iterable[Send]:
        """Once more, after a message was refused for another market's sake."""
        return list(self._send("subscribe", channel, [m for m in markets if m in self._wanted.get(channel, ())]))

    def acknowledged(self, everything: Mapping[str, Collection[str]]) -> set[Place]:
        """An answer came: what turns out to be refused, once all messages are answered."""
        self._acknowledged = everything
        if self._unanswered:
            self._unanswered.popleft()
        return set() if self._unanswered else self._missing()

    def failed(self) -> Said | None:
        """An error came: the message that it answers, if one is waited for."""
        return self._unanswered.popleft() if self._unanswered else None

    def postpone(self, said: Said) -> None:
        """It was refused, and no market is to blame."""
        if said.verb == "subscribe":
            self._postponed[said] = None

    def due(self, now_ns: int) -> Iterable[Send]:
        """What was postponed and is still wanted, once its time has come."""
        for said, at_ns in list(self._postponed.items()):
            if at_ns is None:
                self._postponed[said] = now_ns + LATER_NS
            elif at_ns <= now_ns:
                del self._postponed[said]
                if said.markets or said.channel not in self._wanted:
                    yield from self.subscribe(said.channel, said.markets)
                else:
                    yield from self._send("subscribe", said.channel, ())

    def refuse(self, channel: str, market: str) -> None:
        """An error named it."""
        self._refused.add((channel, market))

    def tick(self, now_ns: int) -> set[Place]:
        """What turns out to be refused where an answer never came."""
        if not self._unanswered or self._since_ns is None:
            self._since_ns = now_ns if self._unanswered else None
            return set()
        if now_ns - self._since_ns < PATIENCE_NS or self._acknowledged is None:
            return set()
        self._unanswered.clear()
        return self._missing()

    def _missing(self) -> set[Place]:
        acknowledged = self._acknowledged or {}
        places = {place for place in self._places() if place[1] not in acknowledged.get(place[0], ())}
        places -= {(said.channel, market) for said in self._postponed for market in said.markets}
        new = places - self._refused
        self._refused = places | {place for place in self._refused if place in places}
        return new

    def _places(self) -> set[Place]:
        return {(channel, market) for channel, markets in self._wanted.items() for market in markets}

    def _send(self, verb: Verb, channel: str, markets: Collection[str]) -> Iterable[Send]:
        ordered = sorted(markets)
        chunks = [ordered[at : at + MARKETS_PER_MESSAGE] for at in range(0, len(ordered), MARKETS_PER_MESSAGE)]
        if isinstance(markets, tuple):  # of a channel without markets
            chunks = [[]]
        for chunk in chunks:
            said = Said(verb, channel, tuple(chunk))
            self._unanswered.append(said)
            self._since_ns = None
            yield Send(self._written(said))
