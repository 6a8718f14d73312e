"""What is in a segment, found by reading all of it."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from marketdata.zstd_frames import Damage, Frame, Packed
from recordings import index, lines, names, position
from recordings.connections import Connections
from recordings.index import Segment
from recordings.lines import Unreadable
from recordings.position import Positions, Stood
from recordings.tally import Tally


@dataclass
class Scan:
    """Of one file. `end` is where its last whole packet ends: a position, and the lines it counts in."""

    path: Path
    tally: Tally = field(default_factory=Tally)
    connections: Connections = field(default_factory=Connections)
    positions: Positions = field(default_factory=dict)
    end: int = 0
    _stood: Stood | None = None

    @classmethod
    def of(cls, path: Path) -> "Scan":
        """OSError where the file cannot be read."""
        scan, packed = cls(path), Packed(path)
        try:
            for frame in packed.frames():
                if not isinstance(frame, Damage):
                    scan._read(frame)
                elif frame.offset + frame.bytes < packed.size:
                    scan.end, scan._stood = frame.offset + frame.bytes, None
        finally:
            packed.close()
        return scan

    def _read(self, frame: Frame) -> None:
        if frame.skippable:
            self._stand(frame, position.decoded(frame.text))
            return
        for text in frame.text.rstrip(b"\n").split(b"\n"):
            self._line(text)
        if self._stood and self._stood.bytes == frame.end - frame.offset:
            self.positions = self._stood.positions
        self._stood, self.end = None, max(self.end, frame.end)

    def _stand(self, frame: Frame, stood: Stood | None) -> None:
        if stood is None or stood.bytes:  # it counts only with the lines that follow
            self._stood = stood
        else:
            self.positions, self.end = stood.positions, frame.end

    def _line(self, text: bytes) -> None:
        try:
            line = lines.read(text)
            note = lines.note(line)
        except Unreadable:
            return
        self.tally.add(line, note, self.connections.exchange(line.connection))
        if note is not None:
            self.connections.say(line.connection, note)

    def segment(self) -> Segment:
        """As the index would name it, whatever of it is whole."""
        text = self.path.read_bytes()
        return Segment.of(self.path.name, self.tally, len(text), sha256(text).hexdigest())


@dataclass
class Found:
    """What stands in a recording's folder."""

    complete: list[Segment]
    open: Scan | None  # the segment that is to be gone on with
    connections: Connections
    positions: Positions
    number: int  # of the newest segment; 0 where there is none

    @classmethod
    def of(cls, folder: Path) -> "Found":
        """OSError where something cannot be read."""
        files = names.in_order(folder)
        known = index.read(folder)
        indexed = {one.file: one for one in known.segments if one.sha256} if known else {}
        newest = Scan(folder)
        for file in reversed(files):
            newest = Scan.of(folder / file)
            if newest.end:
                break
        ends = bool(files) and newest.path.name == files[-1] and newest.end > 0 and files[-1] not in indexed
        complete = [_segment(folder / file, indexed.get(file)) for file in (files[:-1] if ends else files)]
        number = names.number(files[-1]) if files else None
        return cls(complete, newest if ends else None, newest.connections, newest.positions, number or 0)


def _segment(path: Path, known: Segment | None) -> Segment:
    return known if known and known.bytes == path.stat().st_size else Scan.of(path).segment()
