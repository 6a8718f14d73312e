"""The segments of a recording: written so that a crash costs the last second at most."""

import os
import time
from errno import ENOSPC
from pathlib import Path

import msgspec
import zstandard
from msgspec.structs import replace

from exchanges.symbols import Topic
from marketdata import zstd_frames
from recordings import index, lines, names, position
from recordings.alone import Alone
from recordings.connections import Connections
from recordings.index import Index, Segment
from recordings.lines import Header, Line
from recordings.outfile import FOLDER_MODE, OutFile
from recordings.position import Positions
from recordings.scan import Found
from recordings.sink import Written
from recordings.tally import Tally

LEVEL = 3  # of compression: beyond it, time grows faster than files shrink
FLUSH_BYTES = 2**20
FLUSH_S = 1.0
STAND_S = 10.0  # a position is written so often where no lines come
INDEX_S = 5.0
HOUR_NS = 3_600_000_000_000
FREE_BYTES_MIN = 512 * 2**20  # the disk may be the database's too


def compressed(text: bytes) -> bytes:
    """A zstd frame with its size and a checksum."""
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True).compress(text)


class Writer:
    """Writes one recording's folder; goes on where another was killed. Its methods may wait for the disk."""

    def __init__(
        self,
        folder: Path,
        header: Header,
        segment_bytes: int,
        free_bytes_min: int = FREE_BYTES_MIN,
        most_bytes: int | None = None,
    ) -> None:
        """`most_bytes`: over them, its oldest segments go. OSError where the folder cannot be written, or another
        writes it."""
        self.folder, self._header, self._segment_bytes = folder, header, segment_bytes
        self._free_bytes_min, self._most_bytes = free_bytes_min, most_bytes
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._alone = Alone(folder)
        try:
            self._go_on(Found.of(folder))
        except OSError:
            self._alone.end()
            raise
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._new = Tally()  # of what waits
        self._from_ns: int | None = None  # its earliest receive time
        self._flushed_s, self._indexed_s = time.monotonic(), float("-inf")

    def _go_on(self, found: Found) -> None:
        self.connections: Connections = found.connections
        self._open = dict(found.connections.open)  # as of what is on disk
        self.positions: Positions = found.positions  # as of what is on disk
        self._index = Index(recording=self._header.recording, segments=found.complete)
        self._complete = self._index.tally
        self._numbered = found.number  # of the newest segment
        self._out: OutFile | None = None
        self._tally = Tally()  # of the segment that is open
        if found.open:
            self._out, self._tally = OutFile(found.open.path, found.open.end), found.open.tally

    def add(self, text: bytes, line: Line) -> None:
        """One line, `text` being what it was read from; it is on disk after the next flush."""
        note = lines.note(line)
        self._new.add(line, note, self.connections.exchange(line.connection))
        if note is not None:
            self.connections.say(line.connection, note)
        when_ns = lines.at_ns(line)
        self._from_ns = when_ns if self._from_ns is None else min(self._from_ns, when_ns)
        self._waiting.append(text)
        self._waiting_bytes += len(text) + 1

    @property
    def due(self) -> bool:
        """Whether it is time to flush."""
        waited_s = time.monotonic() - self._flushed_s
        return self._waiting_bytes >= FLUSH_BYTES or waited_s >= (FLUSH_S if self._waiting else STAND_S)

    def flush(self, positions: Positions) -> None:
        """What waits is on disk when it returns, and with it how far the tapes are read. After an OSError nothing of it
        is, `positions` stands where it stood, and what comes later goes into another segment."""
        self._flushed_s = time.monotonic()
        try:
            self._room()
            self._rotate()
            if self._waiting:
                self._write(positions)
            elif self._out and positions != self.positions:
                self._out.append(zstd_frames.skippable(position.encoded(positions, 0)))
            self.positions = msgspec.convert(msgspec.to_builtins(positions), Positions)
            if time.monotonic() - self._indexed_s >= INDEX_S:
                self._write_index()
        except OSError:
            self._give_up()
            raise

    def close(self) -> None:
        """The last segment is complete, and the index says so. What was not flushed is dropped."""
        try:
            self._end_segment()
            self._write_index()
        finally:
            self._alone.end()

    def leave(self) -> None:
        """Whoever opens the folder next goes on with the last segment. What was not flushed is dropped."""
        if self._out:
            self._out.close()
            self._out = None
        self._alone.end()

    @property
    def written(self) -> Written:
        """As of the last flush."""
        whole = Tally()
        whole.join(self._complete)
        whole.join(self._tally)
        now = self.index
        return Written(whole, now.bytes, len(now.segments))

    @property
    def index(self) -> Index:
        """As it would be written now."""
        now = [Segment.of(self._out.path.name, self._tally, self._out.size, None)] if self._out else []
        return Index(recording=self._header.recording, segments=[*self._index.segments, *now])

    def _write(self, positions: Positions) -> None:
        if self._out is None:
            self._begin_segment()
        assert self._out is not None
        frame = compressed(b"\n".join(self._waiting) + b"\n")
        self._out.append(zstd_frames.skippable(position.encoded(positions, len(frame))) + frame)
        self._tally.join(self._new)
        self._forget()
        self._open = dict(self.connections.open)

    def _room(self) -> None:
        if self._out is None:
            self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        found = os.statvfs(self.folder)
        if self._waiting and found.f_bavail * found.f_frsize < self._free_bytes_min:
            raise OSError(ENOSPC, f"less than {self._free_bytes_min >> 20} MB are free", str(self.folder))

    def _rotate(self) -> None:
        """By size and by the hour (UTC) of what was heard."""
        if self._out is None or not self._waiting:
            return
        heard_ns, newest_ns = self._tally.first_ns, self._new.last_ns
        hours = heard_ns is not None and newest_ns is not None and heard_ns // HOUR_NS != newest_ns // HOUR_NS
        if hours or self._out.size >= self._segment_bytes:
            self._end_segment()
            self._drop_oldest()
            self._write_index()

    def _drop_oldest(self) -> None:
        while self._most_bytes and len(self._index.segments) > 1 and self._index.bytes > self._most_bytes:
            (self.folder / self._index.segments.pop(0).file).unlink(missing_ok=True)
            self._complete = self._index.tally

    def _begin_segment(self) -> None:
        """Begins with what somebody needs who reads it alone."""
        first_ns, number = self._from_ns or 0, self._numbered + 1
        file = self.folder / names.made(first_ns, number)
        try:
            self._out, self._tally = OutFile(file), Tally()
        finally:  # readers miss a number that no file has
            self._numbered = number if os.path.exists(file) else self._numbered
        opening = [lines.note_text(self._header, first_ns, None)]
        opening += [
            lines.note_text(replace(opened, joined=True), first_ns, name) for name, opened in self._open.items()
        ]
        for opened in self._open.values():
            self._new.exchanges.add(opened.exchange)
            self._new.topics.update(str(Topic(opened.exchange, *want)) for want in opened.wants)
        self._waiting = opening + self._waiting
        self._new.lines += len(opening)

    def _end_segment(self) -> None:
        if self._out:
            self._index.segments.append(Segment.of(self._out.path.name, self._tally, self._out.size, self._out.sha256))
            self._out.close()
            self._complete.join(self._tally)
            self._out, self._tally = None, Tally()

    def _give_up(self) -> None:
        self._forget()
        self.connections.open = dict(self._open)
        self._end_segment()

    def _forget(self) -> None:
        self._waiting, self._waiting_bytes = [], 0
        self._new, self._from_ns = Tally(), None

    def _write_index(self) -> None:
        index.write(self.folder, self.index)
        self._indexed_s = time.monotonic()
