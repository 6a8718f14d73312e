"""Whether what a client heard of a topic is the truth, whole and once; pure.

A judge is given the messages of one client in their order, over all its connections. Numbers in them are text (or int),
so that they are compared exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

Event = dict[str, Any]
Facts = dict[str, Any]
Sides = tuple[dict[str, str], dict[str, str]]  # price to quantity, bids and asks
LATER = "unavailable"  # a store is away; who asks again is served
SLACK = 20  # levels that a short book may have more, since levels come and go
MOST_TOLD = 20  # of one kind; one fault can make thousands


class Known(Protocol):
    """What really happened."""

    def number(self, topic: str, trade_id: str) -> int:
        """The trade's place; places run without a hole."""

    def trade(self, topic: str, number: int) -> Facts:
        """What an event must say of it."""

    def book(self, topic: str, event: Event) -> Sides | None:
        """The book after a depth event, best first; None where it cannot be known."""

    def first_levels(self, topic: str) -> int:
        """With so many levels a side (or some less) may a book begin that is whole later; 0: always whole."""


@dataclass
class Verdict:
    """Over one stretch of what was heard. `wrong` has everything that breaks the contract but loss and repetition."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    trades: int = 0
    books: int = 0  # compared with the truth

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(
            self.lost + other.lost,
            self.duplicated + other.duplicated,
            self.wrong + other.wrong,
            self.trades + other.trades,
            self.books + other.books,
        )

    def of(self, *topics: str) -> "Verdict":
        """What was found of these topics."""
        lists = ([line for line in lines if line.startswith(topics)] for lines in self.findings)
        return Verdict(*lists)

    @property
    def findings(self) -> tuple[list[str], list[str], list[str]]:
        return self.lost, self.duplicated, self.wrong

    @property
    def all(self) -> list[str]:
        """Every finding, a line each."""
        kinds = zip(("lost", "duplicated", "wrong"), self.findings, strict=True)
        return [f"{kind} {line}" for kind, lines in kinds for line in lines]

    @property
    def clean(self) -> bool:
        return not any(self.findings)


class Judge:
    """One topic at one client."""

    def __init__(self, topic: str, known: Known) -> None:
        self.topic = topic
        self._known = known
        self._verdict = Verdict()
        self._at: tuple[int, int] | None = None  # epoch and seq of the last counted event
        self._book: Sides | None = None
        self._seen: set[int] = set()
        self._floor: int | None = None  # places from here on must be there

    def hear(self, event: Event) -> None:
        """One message of the topic."""
        if event.get("action") == "subscribe":
            self._subscribed(event)
        elif event.get("event") == "lagged":
            self._lagged(event)
        elif event.get("seq") is not None:
            self._counted(event)

    def verdict(self) -> Verdict:
        """Of all since the last one; what must still come (a repair that is under way) counts as lost."""
        if self._seen and self._floor is not None:
            missing = [place for place in range(self._floor, max(self._seen)) if place not in self._seen]
            self._verdict.lost += [f"{self.topic}: trade {place}" for place in missing]
            self._floor = max(self._seen) + 1
        found, self._verdict = self._verdict, Verdict()
        return found

    def _subscribed(self, event: Event) -> None:
        if not event["result"]:
            self._refused(event["error"])
        elif not event.get("recovered"):
            if "recovered" in event:
                self._say("not resumed", self._at)
            self._at = self._book = None
            self._seen, self._floor = set(), None

    def _refused(self, error: Facts) -> None:
        if error["code"] != LATER:
            self._say("refused", error["code"])

    def _lagged(self, event: Event) -> None:
        self._say("lagged", event.get("dropped"))
        self._at = self._book = None

    def _counted(self, event: Event) -> None:
        self._follow(event)
        self._at = event["epoch"], event["seq"]
        judge = JUDGED.get(event["event"])
        if judge:
            judge(self, event)

    def _follow(self, event: Event) -> None:
        """Within an epoch seq rises by one; a later one begins with its gap."""
        if self._at is None:
            return
        epoch, seq = self._at
        at = event["epoch"], event["seq"]
        if at <= self._at:
            self._verdict.duplicated.append(f"{self.topic}: {at} after {self._at}")
        elif event["epoch"] == epoch:
            if event["seq"] != seq + 1:
                self._say("hole", f"{at} after {self._at}")
        elif event["event"] != "gap" or event["seq"] != 1:
            self._say("an epoch that no gap explains", f"{at} after {self._at}, {event['event']}")

    def _trade(self, event: Event) -> None:
        self._verdict.trades += 1
        place = self._known.number(self.topic, event["trade_id"])
        if self._floor is None and event["source"] == "live":  # a newcomer may hear the end of a late repair
            self._floor = place
        if place in self._seen:
            self._verdict.duplicated.append(f"{self.topic}: trade {place}, {event['source']}")
        self._seen.add(place)
        for name, true in self._known.trade(self.topic, place).items():
            if _text(event[name]) != _text(true):
                self._say("a wrong trade", f"{place}: {name} is {event[name]}, not {true}")

    def _gap(self, _: Event) -> None:
        self._book = None

    def _repaired(self, event: Event) -> None:
        if not event["complete"]:
            self._say("an incomplete repair", event["count"])

    def _depth(self, event: Event) -> None:
        if event["type"] == "snapshot":
            self._book = {}, {}
        elif self._book is None:
            self._say("a change of a book that is not known", self._at)
            return
        for side, changes in zip(self._book, (event["bids"], event["asks"]), strict=True):
            for price, quantity in changes:
                if _text(quantity) == "0":
                    side.pop(_text(price), None)
                else:
                    side[_text(price)] = _text(quantity)
        self._compare(event)

    def _compare(self, event: Event) -> None:
        true = self._known.book(self.topic, event)
        if true is None or self._book is None:
            return
        self._verdict.books += 1
        for name, mine, whole in zip(("bid", "ask"), self._book, true, strict=True):
            is_short = len(mine) <= self._known.first_levels(self.topic) + SLACK < len(whole)
            theirs = dict(islice(whole.items(), len(mine))) if is_short else whole
            if mine != theirs:
                price = next(price for price in (*mine, *theirs) if mine.get(price) != theirs.get(price))
                said = f"{name} {price} is {mine.get(price)}, not {theirs.get(price)}"
                self._say("a wrong book", f"after {self._at}: {said}; {len(mine)} levels, not {len(theirs)}")

    def _say(self, kind: str, detail: Any) -> None:
        told = f"{self.topic}: {kind}"
        if sum(line.startswith(told) for line in self._verdict.wrong) < MOST_TOLD:
            self._verdict.wrong.append(f"{told}: {detail}")


def _text(value: Any) -> str:
    return str(value)


JUDGED: dict[str, Callable[[Judge, Event], None]] = {
    "trade": Judge._trade,
    "depth": Judge._depth,
    "gap": Judge._gap,
    "repaired": Judge._repaired,
}
