"""What one connection has asked for, what was acknowledged and what was refused. Pure.

The exchange acknowledges each channel by itself, while an error names a request at best: what it does not attribute is
asked for again in halves, until the error speaks of one channel. Whether one bad channel spoils its whole request is in
no document, so what stays without an answer is asked for again too.
Source: https://www.okx.com/docs-v5/en/#overview-websocket.
"""

import json
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from exchanges.contract import Send
from exchanges.events import State

ARGS_PER_REQUEST = 200  # some 12 KB of the 64 KB that a request may have
BURST, EACH_NS = 240, 15_000_000_000  # together the 480 requests an hour of one connection
ANSWER_NS = 5_000_000_000
PAUSE_NS = 15_000_000_000
ATTEMPTS = 2  # for one channel that is never answered

# their code: what became of the channel; None: ask again later
REFUSALS: dict[str, State | None] = {
    "60018": "not_listed",  # the channel or its market does not exist
    "64003": "not_authenticated",  # not with the account's fee tier
    "60011": "not_authenticated",  # log in first
    "60014": None,  # too many requests
    "64007": None,  # an error of theirs
}
_word = re.compile(r"[^\s,:;\"'{}\[\]()]+").findall


class Arg(NamedTuple):
    """One channel of one market."""

    channel: str
    market: str


class Refusal(NamedTuple):
    """A channel that will not come, in the contract's word and in theirs."""

    arg: Arg
    state: State
    detail: str


class Pending(NamedTuple):
    """An unanswered channel: in which request, and since when."""

    request: str
    since_ns: int


class Subscriptions:
    """`want` and `tick` give what to send; `answered` and `refused` take what came back."""

    def __init__(self) -> None:
        self._wanted: set[Arg] = set()
        self._on: set[Arg] = set()  # asked for
        self._pending: dict[Arg, Pending] = {}
        self._refused: set[Arg] = set()
        self._renewed: set[Arg] = set()  # to leave and join again, for a new snapshot
        self._later: list[tuple[int, frozenset[Arg]]] = []  # each to be one request, not before its time
        self._attempts: dict[Arg, int] = {}
        self._requests, self._tokens, self._refilled_ns, self._now_ns = 0, BURST, 0, 0

    def want(self, args: Collection[Arg]) -> list[Send]:
        """These from now on."""
        self._wanted = set(args)
        self._refused &= self._wanted
        return self._due()

    def renew(self, arg: Arg) -> None:
        """Leave and join again on the next tick: a new snapshot follows."""
        self._renewed.add(arg)

    def answered(self, arg: Arg) -> None:
        """An acknowledgement or data came."""
        if self._pending.pop(arg, None):
            self._attempts.pop(arg, None)

    def refused(self, request: str | None, code: str, words: str) -> list[Refusal] | None:
        """The channels that an error speaks of; None where it cannot be told."""
        suspects = [arg for arg, pending in self._pending.items() if request in (None, pending.request)]
        mentioned = {word.rstrip(".") for word in _word(words)}
        named = [arg for arg in suspects if set(arg) <= mentioned] or [a for a in suspects if a.market in mentioned]
        found = named or (suspects if len(suspects) == 1 else [])
        state = REFUSALS.get(code, "stopped")
        if not found or state is None:
            self._postpone(suspects, PAUSE_NS if state is None else 0)
            return [] if state is None and suspects else None
        return [self._give_up(arg, state, f"{code} {words[:200]}") for arg in found]

    def tick(self, now_ns: int) -> tuple[list[Send], list[Refusal]]:
        """What to send now, and what was never answered."""
        if not self._now_ns:
            self._refilled_ns = now_ns
            self._pending = {arg: Pending(pending.request, now_ns) for arg, pending in self._pending.items()}
        self._now_ns = now_ns
        while self._refilled_ns + EACH_NS <= now_ns:
            self._refilled_ns += EACH_NS
            self._tokens = min(BURST, self._tokens + 1)
        refusals = self._unanswered()
        return self._due(), refusals

    def _unanswered(self) -> list[Refusal]:
        late: dict[str, list[Arg]] = {}
        for arg, pending in self._pending.items():
            if self._now_ns - pending.since_ns > ANSWER_NS:
                late.setdefault(pending.request, []).append(arg)
        return [refusal for args in late.values() for refusal in self._overdue(args)]

    def _overdue(self, args: list[Arg]) -> list[Refusal]:
        """What one request has left without an answer."""
        if len(args) == 1:
            attempts = self._attempts[args[0]] = self._attempts.get(args[0], 0) + 1
            if attempts >= ATTEMPTS:
                return [self._give_up(args[0], "not_listed", "the exchange does not acknowledge it")]
        self._postpone(args, 0)
        return []

    def _give_up(self, arg: Arg, state: State, detail: str) -> Refusal:
        self._pending.pop(arg, None)
        self._attempts.pop(arg, None)
        self._on.discard(arg)
        self._refused.add(arg)
        return Refusal(arg, state, detail)

    def _postpone(self, args: Collection[Arg], pause_ns: int) -> None:
        """They count as not asked for until their time comes; in halves, to find the one that is wrong."""
        ordered = sorted(args)
        middle = (len(ordered) + 1) // 2
        for half in (ordered[:middle], ordered[middle:]):
            if half:
                self._later.append((self._now_ns + pause_ns, frozenset(half)))
        for arg in ordered:
            self._on.discard(arg)
            del self._pending[arg]

    def _due(self) -> list[Send]:
        """The requests that bring what we have to what is wanted, as many as may be sent."""
        leaving = self._on - self._wanted | self._renewed & self._on
        sends = [self._request("unsubscribe", args) for args in _chunks(leaving) if self._spend()]
        self._renewed &= self._on
        waiting: set[Arg] = set()
        later, self._later = self._later, []
        for at_ns, args in later:
            args = args & self._wanted - self._on - self._refused
            if args and at_ns <= self._now_ns and self._spend():
                sends.append(self._request("subscribe", sorted(args)))
            elif args:
                self._later.append((at_ns, args))
                waiting |= args
        joining = self._wanted - self._on - self._refused - waiting
        return sends + [self._request("subscribe", args) for args in _chunks(joining) if self._spend()]

    def _spend(self) -> bool:
        if not self._tokens:
            return False
        self._tokens -= 1
        return True

    def _request(self, op: str, args: list[Arg]) -> Send:
        self._requests += 1
        request = str(self._requests)
        for arg in args:
            self._pending.pop(arg, None)
        if op == "subscribe":
            self._on.update(args)
            self._pending |= dict.fromkeys(args, Pending(request, self._now_ns))
        else:
            self._on.difference_update(args)
        named = [{"channel": arg.channel, "instId": arg.market} for arg in args]
        return Send(json.dumps({"id": request, "op": op, "args": named}, ensure_ascii=False, separators=(",", ":")))


def _chunks(args: Iterable[Arg]) -> list[list[Arg]]:
    ordered = sorted(args)
    return [ordered[start : start + ARGS_PER_REQUEST] for start in range(0, len(ordered), ARGS_PER_REQUEST)]
