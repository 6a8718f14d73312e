"""A recording played through the engine, what it said being kept."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from exchanges import registry
from recordings import lines
from recordings.lines import Line
from recordings.replay.engine import Engine
from recordings.replay.faults import Again, Cut, Damage, Item
from recordings.replay.told import Told
from streams.lease import Lease
from streams.numbering import Numbering

Event = dict[str, Any]


@dataclass
class Heard:
    """Stands where the publisher does."""

    events: list[Event] = field(default_factory=list)  # also those that are not counted
    fields_of: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, lease: Lease, line: Any, event: bytes) -> None:
        self.events.append(json.loads(event))

    def note(self, lease: Lease, line: Any, event: bytes) -> None:
        self.events.append(json.loads(event))

    def fields(self, lease: Lease, line: Any, **fields: str | bytes) -> None:
        self.fields_of.setdefault(line.topic, {}).update(fields)


@dataclass
class Played:
    """`said` is by an engine that was given all lines."""

    engine: Engine
    told: Told
    heard: Heard

    def of(self, topic: str) -> list[Event]:
        """Its counted events."""
        return [event for event in self.heard.events if event["topic"].endswith(topic) and event["seq"]]

    def statuses(self, topic: str) -> list[str]:
        found = [event for event in self.heard.events if event["topic"].endswith(topic)]
        return [event["status"] for event in found if event["event"] == "status"]

    def ids(self) -> list[str]:
        """Of all trades, in the order in which they were told."""
        return [event["trade_id"] for event in self.heard.events if event["event"] == "trade"]

    def gaps(self) -> list[tuple[str, str]]:
        """Topic and reason."""
        return [(event["topic"], event["reason"]) for event in self.heard.events if event["event"] == "gap"]


def begun(replay: str = "7", exchange: str | None = None, later_ns: int = 0, faulty: bool = False) -> Played:
    heard = Heard()
    told = Told(replay, heard, later_ns)

    def numbering(code: str, known: Any, sandbox: bool) -> Numbering:
        extra = ',"sandbox":true' if sandbox else ""
        return Numbering(code, Lease("k", "t"), known, told, extra, lambda *_: None, replay, later_ns)  # type: ignore[arg-type]

    return Played(Engine(registry.cards(), numbering, exchange, faulty), told, heard)


def play(texts: Iterable[bytes], **options: Any) -> Played:
    """To the end."""
    return play_items((lines.read(text) for text in texts), **options)


def play_items(items: Iterable[Item], **options: Any) -> Played:
    played = begun(**options)
    for item in items:
        take(played.engine, item)
    played.engine.end("the replay has ended")
    return played


def take(engine: Engine, item: Item) -> None:
    match item:
        case Line():
            engine.take(item)
        case Damage():
            engine.lost()
        case Cut():
            engine.until(item.at_ns)
            engine.cut(item.connection, item.detail)
        case Again():
            engine.until(item.at_ns)
            engine.again(item.connection)
