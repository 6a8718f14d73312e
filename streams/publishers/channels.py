"""Redis Pub/Sub for other programs: what was said of the topics that a pin or signal asked for, on channels of their
names, each event once. Pub/Sub keeps nothing: who was not there finds it in the topic's history."""

import logging
from collections import deque
from collections.abc import Collection, Iterator, Sequence

from streams.envelope import Item
from streams.position import START, Position

log = logging.getLogger(__name__)

# One command for many, since a reply to each would cost more than the message. Gives the error where there was one, as
# where a user of Redis may not use these channels: the envelopes beside it are not to suffer.
PUBLISH = """
local failed = false
for n = 1, #ARGV, 2 do
  local done = redis.pcall('PUBLISH', ARGV[n], ARGV[n + 1])
  if type(done) == 'table' then failed = done.err end
end
return failed
"""

AT_ONCE = 100  # messages a command: with thousands Redis takes four times as long for each, and serves nobody meanwhile


class Channels:
    """Those of one publisher."""

    def __init__(self) -> None:
        self.topics: Collection[str] = frozenset()  # that are published; nothing of others
        self._told: dict[str, Position] = {}  # by topic: the last event that was published for certain
        self._statuses: dict[str, bytes] = {}  # by topic: the last status that was
        self._failed: bytes | None = None

    def commands(self, items: list[Item]) -> list[list[str | bytes]]:
        """The messages of these, so many to a command."""
        found = self.messages(items)
        return [found[first : first + 2 * AT_ONCE] for first in range(0, len(found), 2 * AT_ONCE)]

    def messages(self, items: list[Item]) -> list[str | bytes]:
        """Channel and message in turn, in the order in which a client of `/stream/` hears them. What was published
        before is left out: a hold loop says its last seconds again after an outage, and a status every few seconds."""
        found: list[str | bytes] = []
        if self.topics:
            for item in items:
                if item.topic in self.topics:
                    for text in self._news(item):
                        found += (item.topic, text)
        return found

    def published(self, items: list[Item], answers: Sequence[bytes | None]) -> None:
        """Redis took the messages of these, or said why not: an answer a command."""
        failed = next(filter(None, answers), None)
        if failed and failed != self._failed:
            log.error("Redis Pub/Sub does not take what is asked for there: %s", failed.decode(errors="replace"))
        self._failed = failed
        for item in items:
            if item.topic in self.topics:
                if item.events:
                    self._told[item.topic] = max(item.last, self._told.get(item.topic, START))
                if item.notes:
                    self._statuses[item.topic] = item.notes[-1][1]

    def forget(self, topic: str) -> None:
        """The topic is carried elsewhere now, if at all."""
        self._told.pop(topic, None)
        self._statuses.pop(topic, None)

    def _news(self, item: Item) -> Iterator[bytes]:
        """Each status stands after the event whose seq it follows."""
        told, notes = self._told.get(item.topic, START), deque(self._new(item))
        for seq, event in enumerate(item.events, item.first):
            while notes and notes[0][0] < seq:
                yield notes.popleft()[1]
            if Position(item.epoch, seq) > told:
                yield event
        for _, status in notes:
            yield status

    def _new(self, item: Item) -> Iterator[tuple[int, bytes]]:
        last = self._statuses.get(item.topic)
        for seq, status in item.notes:
            if status != last:
                yield seq, status
            last = status
