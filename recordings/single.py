"""A recording that is one file, as a command writes it: zstd where its name ends in .zst, else lines as they are."""

import os
import stat
import time
from typing import Any

from recordings import lines
from recordings.connections import Connections
from recordings.lines import Header, Line
from recordings.position import Positions
from recordings.segments import FLUSH_BYTES, FLUSH_S, compressed
from recordings.sink import Written
from recordings.tally import Tally


class Single:
    """A sink of an open file without a buffer. After an OSError what stands there is whole, and nothing may follow."""

    def __init__(self, file: Any, zstd: bool, header: Header) -> None:
        self.connections = Connections()
        self.positions: Positions = {}
        self._file, self._zstd = file, zstd
        self._disk = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        self._tally = Tally()
        self._bytes = 0
        self._waiting = [lines.note_text(header, header.started_ns, None)]
        self._waiting_bytes = 0
        self._flushed_s = time.monotonic()

    def add(self, text: bytes, line: Line) -> None:
        note = lines.note(line)
        self._tally.add(line, note, self.connections.exchange(line.connection))
        if note is not None:
            self.connections.say(line.connection, note)
        self._waiting.append(text)
        self._waiting_bytes += len(text) + 1

    @property
    def due(self) -> bool:
        return self._waiting_bytes >= FLUSH_BYTES or time.monotonic() - self._flushed_s >= FLUSH_S

    def flush(self, positions: Positions) -> None:
        self._flushed_s = time.monotonic()
        if not self._waiting:
            return
        text = b"\n".join(self._waiting) + b"\n"
        packet = compressed(text) if self._zstd else text
        self._write(packet)
        self._bytes += len(packet)
        self._waiting, self._waiting_bytes = [], 0

    def _write(self, packet: bytes) -> None:
        file = self._file.fileno()
        try:
            written = 0
            while written < len(packet):
                written += os.write(file, packet[written:])
            if self._disk:
                os.fsync(file)
        except OSError:
            if self._disk:  # what stands there stays whole
                os.ftruncate(file, self._bytes)
            raise

    def close(self) -> None:
        """Nothing is left to do: each packet is whole."""

    def leave(self) -> None:
        """As `close`."""

    @property
    def written(self) -> Written:
        return Written(self._tally, self._bytes, 1)
