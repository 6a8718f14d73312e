"""What the lines of several files need to be those of one recording."""

from collections import Counter, deque
from collections.abc import Hashable, Iterator

import msgspec

from recordings import lines
from recordings.connections import Connections
from recordings.lines import Line, Opened, Wants

KEPT_NS = 10_000_000_000


class Renamed:
    """Connections without a name that is unique get one that says their file."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def line(self, line: Line) -> Line:
        whole = line.connection is None and line.direction == lines.NOTE  # said of the recording
        if not whole and not isinstance(line.connection, str):
            line.connection = self._prefix + ("" if line.connection is None else str(line.connection))
        return line


class Once:
    """Tells what several recordings hold of one connection once: each line as often as the one that has it most."""

    def __init__(self) -> None:
        self._told: Counter[Hashable] = Counter()
        self._had: Counter[Hashable] = Counter()
        self._order: deque[tuple[int, Hashable, Hashable]] = deque()

    def new(self, recording: int, at_ns: int, line: Line) -> bool:
        """Whether it is to be told; `at_ns` never falls."""
        what = line.connection, line.received_ns, line.direction, hash(bytes(line.raw))
        had = recording, what
        self._had[had] += 1
        self._order.append((at_ns, what, had))
        while self._order[0][0] < at_ns - KEPT_NS:
            _, old, old_had = self._order.popleft()
            self._told.pop(old, None)
            self._had.pop(old_had, None)
        if self._had[had] <= self._told[what]:
            return False
        self._told[what] += 1
        return True


class Rejoined:
    """Leaves out what says again that a connection is open; where it says of other streams, that remains."""

    def __init__(self) -> None:
        self._connections = Connections()

    def told(self, line: Line) -> Iterator[Line]:
        note = lines.note(line)
        known = self._connections.open.get(line.connection)
        if isinstance(note, Opened) and note.joined and known:
            if sorted(known.wants) == sorted(note.wants):
                return
            note = Wants(wants=note.wants, instruments=note.instruments)
            text = msgspec.json.encode(msgspec.json.encode(note).decode())
            line = msgspec.structs.replace(line, raw=msgspec.Raw(text))
        if note is not None:
            self._connections.say(line.connection, note)
        yield line
