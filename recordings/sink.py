"""What a recording is written to."""

from dataclasses import dataclass
from typing import Protocol

from recordings.connections import Connections
from recordings.lines import Line
from recordings.position import Positions
from recordings.tally import Tally


@dataclass(frozen=True)
class Written:
    """How much stands there."""

    tally: Tally
    bytes: int
    segments: int


class Sink(Protocol):
    """`flush`, `close` and `leave` may wait for the disk, and are called from a thread of their own."""

    connections: Connections
    positions: Positions  # as of what was flushed

    def add(self, text: bytes, line: Line) -> None:
        """One line, `text` being what it was read from; it is written by the next flush."""

    @property
    def due(self) -> bool:
        """Whether it is time to flush."""

    def flush(self, positions: Positions) -> None:
        """Writes what waits, and how far the tapes are read with it. OSError where it cannot; then nothing of it is
        written, and `positions` and `connections` are as they were."""

    def close(self) -> None:
        """The recording is complete."""

    def leave(self) -> None:
        """Somebody else goes on with it, or nobody does; what was not flushed is dropped."""

    @property
    def written(self) -> Written:
        """As of the last flush."""
