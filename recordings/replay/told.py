"""What a replay says: counted, hashed, and handed on to the publisher from a moment on."""

from collections import Counter
from hashlib import sha256
from typing import Any, Protocol

from exchanges.symbols import REPLAY
from streams.lease import Lease
from streams.position import Position
from streams.publishers.waiting import Numbered

NAME = len('{"event":"')  # where the name of an event begins in its JSON
MS_NS = 1_000_000


class Onward(Protocol):
    """Who is handed what is said: streams.publishers.redis.Publisher."""

    def add(self, lease: Lease, line: Numbered, event: bytes) -> None: ...

    def note(self, lease: Lease, line: Numbered, event: bytes) -> None: ...

    def fields(self, lease: Lease, line: Numbered, **fields: str | bytes) -> None: ...


class Told:
    """Stands where a Numbering has its publisher.

    The hash covers each counted event, as it would stand in an unnamed replay whose epochs are by the recorded time:
    two runs of a recording give the same. It is of the topics' own hashes in the order of their names, since a feed may
    tell several topics of one frame in any order. `silent`: nothing is handed on. `before`: by topic, up to which
    position another process has said it already.
    """

    def __init__(self, replay: str, onward: Onward | None, later_ns: int = 0) -> None:
        self._front = f"{REPLAY}{replay}.".encode() if replay else b""
        self._later_ms = later_ns // MS_NS
        self._onward = onward
        self._hashes: dict[str, Any] = {}  # by topic
        self.silent = onward is None
        self.before: dict[str, Position] = {}
        self.kinds: Counter[str] = Counter()  # by the event's name
        self.topics: Counter[str] = Counter()

    @property
    def hash(self) -> str:
        """Hexadecimal, of lines `<topic> <hash of its events, a line each>`."""
        whole = sha256()
        for topic in sorted(self._hashes):
            whole.update(f"{topic.removeprefix(self._front.decode())} {self._hashes[topic].hexdigest()}\n".encode())
        return whole.hexdigest()

    def add(self, lease: Lease, line: Any, event: bytes) -> None:
        """One counted event."""
        self.topics[line.topic] += 1
        self.kinds[event[NAME : event.index(b'"', NAME)].decode()] += 1
        if line.topic not in self._hashes:
            self._hashes[line.topic] = sha256()
        self._hashes[line.topic].update(self._plain(line.epoch, event) + b"\n")
        if not (self.silent or self._said_before(line)):
            self._onward.add(lease, line, event)  # type: ignore[union-attr]

    def note(self, lease: Lease, line: Any, event: bytes) -> None:
        """A status."""
        if not (self.silent or self._said_before(line)):
            self._onward.note(lease, line, event)  # type: ignore[union-attr]

    def fields(self, lease: Lease, line: Any, **fields: str | bytes) -> None:
        """What is kept of a topic beside its history."""
        if not (self.silent or self._said_before(line)):
            self._onward.fields(lease, line, **fields)  # type: ignore[union-attr]

    def _said_before(self, line: Any) -> bool:
        if not self.before:
            return False
        until = self.before.get(line.topic)
        if until is None or line.position > until:
            self.before.pop(line.topic, None)
            return False
        return True

    def _plain(self, epoch: int, event: bytes) -> bytes:
        """Without what differs from run to run."""
        if self._front:
            event = event.replace(self._front, b"", 1)
        if self._later_ms:
            event = event.replace(b'"epoch":%d,' % epoch, b'"epoch":%d,' % (epoch - self._later_ms), 1)
        return event
