"""The message between streams workers and web processes: what happened to many topics since the last flush."""

from typing import NamedTuple
from zlib import crc32

from streams.position import Position

BUCKETS = 16  # groups of the channel layer; a web process joins only those its clients need
TYPE = "stream.envelope"


class Item(NamedTuple):
    """One topic's news: `events` are consecutive from `first`; without any, the topic stands just before `first`.

    `notes` are events that are not counted (status), each with the seq that it follows.
    """

    topic: str
    epoch: int
    first: int
    events: list[bytes]
    notes: list[tuple[int, bytes]]

    @property
    def last(self) -> Position:
        return Position(self.epoch, self.first + len(self.events) - 1)


def bucket(topic: str) -> int:
    """Which group carries the topic."""
    return crc32(topic.encode()) % BUCKETS


def group(number: int) -> str:
    return f"streams.{number}"


def messages(items: list[Item]) -> dict[str, dict[str, object]]:
    """The items by group, ready for `group_send`."""
    grouped: dict[str, list[Item]] = {}
    for item in items:
        grouped.setdefault(group(bucket(item.topic)), []).append(item)
    return {name: {"type": TYPE, "items": [tuple(item) for item in some]} for name, some in grouped.items()}


def items(message: dict[str, object]) -> list[Item]:
    """The items of a received message."""
    return [Item(*item) for item in message["items"]]  # type: ignore[attr-defined]
