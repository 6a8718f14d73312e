"""What one connection is subscribed to: requests out, their answers in, and who was left without one. Pure.

Each market of a request is acknowledged by itself. Whether a refusal names its market is not documented: a member
`symbol` was recorded, some texts end with it, and a request that nobody else is waiting for needs neither.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from exchanges.contract import Send
from exchanges.kraken.book import DEEPEST

MARKETS_PER_MESSAGE = 50  # no limit is documented
PATIENCE_NS = 20_000_000_000
UNAVAILABLE = "EService:"  # the engine is down or busy: no word about the market
# What a channel is asked for beside markets. A ticker would otherwise move with trades alone, without the book's best;
# trades from before the subscription are none of the stream.
PARAMETERS: dict[str, dict[str, object]] = {
    "trade": {"snapshot": False},
    "ticker": {"event_trigger": "bbo"},
    "book": {"depth": DEEPEST},
    "ohlc": {},
}


def last_word(reason: str) -> str:
    """Of the texts that name a market: `Currency pair not supported XBT/USD`."""
    return reason.rpartition(" ")[2]


class Subscription(NamedTuple):
    """One channel of one market; `minutes` only of candles."""

    channel: str
    minutes: int
    market: str


@dataclass
class Request:
    """A request to subscribe whose answers are still to come."""

    channel: str
    minutes: int
    markets: set[str]
    since_ns: int | None = None  # None: from the next tick on
    refusals: list[str] = field(default_factory=list)  # those that named no market
    deferred: bool = False  # the exchange could not answer; it is asked again
    anew: bool = False  # asked once already


class Subscriptions:
    """All of one connection."""

    def __init__(self) -> None:
        self.held: frozenset[Subscription] = frozenset()
        self.standing: set[Subscription] = set()  # those of them that were acknowledged
        self._requests: dict[int, Request] = {}
        self._number = 0

    def change(self, wanted: Collection[Subscription]) -> Iterable[Send]:
        """The whole set from now on: what to send for it."""
        wanted, held = frozenset(wanted), self.held
        self.held = wanted
        self.standing &= wanted
        yield from self._ask("unsubscribe", held - wanted)
        yield from self._ask("subscribe", wanted - held)

    def again(self, subscription: Subscription) -> Iterable[Send]:
        """A new snapshot: the subscription is given up and made anew."""
        if subscription in self.held:
            unanswered = self._withdrawn(subscription)
            yield from self._ask("unsubscribe", [subscription])
            yield from self._ask("subscribe", [subscription], anew=unanswered)

    def ping(self) -> Send:
        self._number += 1
        return Send(json.dumps({"method": "ping", "req_id": self._number}))

    def acknowledged(self, number: int | None, market: str) -> Iterable[tuple[Subscription, str]]:
        """An answer that names a market; then those that can be told by it to have been refused, and why."""
        request = self._requests.get(number or 0)
        if request is not None:
            if market in request.markets:
                self.standing.add(Subscription(request.channel, request.minutes, market))
            request.markets.discard(market)
            yield from self._settled(number or 0, request)

    def stands(self, number: int | None, market: str) -> Iterable[tuple[Subscription, str]]:
        """A refusal because there is one already; as good as an acknowledgement, also where it names no market."""
        request = self._requests.get(number or 0)
        if request is not None and market not in request.markets and len(request.markets) == 1:
            [market] = request.markets
        yield from self.acknowledged(number, market)

    def refused(self, number: int | None, market: str | None, reason: str) -> Iterable[tuple[Subscription, str]]:
        """A refusal: whose it is, as far as that can be told by now."""
        request = self._requests.get(number or 0)
        if request is None:
            return
        named = market or last_word(reason)
        if reason.startswith(UNAVAILABLE):
            request.deferred = True
        elif named in request.markets:
            request.markets.discard(named)
            yield Subscription(request.channel, request.minutes, named), reason
        else:
            request.refusals.append(reason)
        yield from self._settled(number or 0, request)

    def knows(self, number: int | None) -> bool:
        """Whether an answer is to a request of ours that still waits."""
        return number in self._requests

    def overdue(self, now_ns: int) -> Iterable[Send | Subscription]:
        """Markets without an answer are asked for once more, each alone; who is silent then is refused."""
        for number, request in list(self._requests.items()):
            if request.since_ns is None:
                request.since_ns = now_ns
            if now_ns - request.since_ns < PATIENCE_NS or not request.markets:
                continue
            del self._requests[number]
            unanswered = [Subscription(request.channel, request.minutes, market) for market in sorted(request.markets)]
            for one in unanswered:
                if one not in self.held:
                    continue
                if not request.anew or request.deferred:
                    yield from self._ask("subscribe", [one], anew=True)
                else:
                    yield one

    def _settled(self, number: int, request: Request) -> Iterable[tuple[Subscription, str]]:
        """As many refusals without a name as markets without an answer: they are these."""
        if len(request.refusals) < len(request.markets):
            return
        del self._requests[number]
        for market, reason in zip(sorted(request.markets), request.refusals, strict=False):
            yield Subscription(request.channel, request.minutes, market), reason

    def _withdrawn(self, one: Subscription) -> bool:
        """No request waits for it any more; whether one did."""
        waiting = [
            number
            for number, request in self._requests.items()
            if one.market in request.markets and (request.channel, request.minutes) == (one.channel, one.minutes)
        ]
        for number in waiting:
            self._requests[number].markets.discard(one.market)
            if not self._requests[number].markets:
                del self._requests[number]
        return bool(waiting)

    def _ask(self, method: str, subscriptions: Collection[Subscription], anew: bool = False) -> Iterable[Send]:
        kinds: dict[tuple[str, int], list[str]] = {}
        for channel, minutes, market in sorted(subscriptions):
            kinds.setdefault((channel, minutes), []).append(market)
        for (channel, minutes), markets in kinds.items():
            for start in range(0, len(markets), MARKETS_PER_MESSAGE):
                yield self._message(method, channel, minutes, markets[start : start + MARKETS_PER_MESSAGE], anew)

    def _message(self, method: str, channel: str, minutes: int, markets: list[str], anew: bool) -> Send:
        self._number += 1
        if method == "subscribe":
            self._requests[self._number] = Request(channel, minutes, set(markets), anew=anew)
        interval = {"interval": minutes} if minutes else {}
        parameters = {"channel": channel, "symbol": markets, **interval, **PARAMETERS[channel]}
        return Send(json.dumps({"method": method, "params": parameters, "req_id": self._number}, ensure_ascii=False))
