"""The index of a recording's folder: its segments, and what is in each."""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from recordings.tally import Tally

FILE = "index.json"
VERSION = 1
COUNTS = ("first_ns", "last_ns", "lines", "frames", "lost")


class Segment(Struct, frozen=True, kw_only=True):
    """One file. `sha256` is null while it is written."""

    file: str
    first_ns: int | None
    last_ns: int | None
    lines: int
    frames: int
    lost: int
    bytes: int
    sha256: str | None
    topics: list[str]
    exchanges: list[str]

    @classmethod
    def of(cls, file: str, tally: Tally, size: int, sha256: str | None) -> "Segment":
        topics, exchanges = sorted(tally.topics), sorted(tally.exchanges)
        counts = {name: getattr(tally, name) for name in COUNTS}
        return cls(file=file, bytes=size, sha256=sha256, topics=topics, exchanges=exchanges, **counts)

    @property
    def tally(self) -> Tally:
        counts = {name: getattr(self, name) for name in COUNTS}
        return Tally(**counts, topics=set(self.topics), exchanges=set(self.exchanges))


class Index(Struct, kw_only=True):
    """What `index.json` holds."""

    version: int = VERSION
    recording: str = ""
    segments: list[Segment] = []

    @property
    def tally(self) -> Tally:
        """Of all segments together."""
        whole = Tally()
        for segment in self.segments:
            whole.join(segment.tally)
        return whole

    @property
    def bytes(self) -> int:
        return sum(segment.bytes for segment in self.segments)


def read(folder: Path) -> Index | None:
    """The folder's index; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Index)
    except (OSError, msgspec.MsgspecError):
        return None


def write(folder: Path, index: Index) -> None:
    """In place of the one before, at once and whole. OSError where it cannot be written."""
    new = folder / f".{FILE}.new"
    with new.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / FILE)
