"""The zstd frames of a file one by one (RFC 8878), and what of the file is damaged."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

MAGIC = zstandard.FRAME_HEADER
SKIPPABLE = b"\x50\x2a\x4d\x18"  # the first of the sixteen that readers skip; the one that is written here
WHOLE_BYTES = 64 * 2**20  # of text; a frame that holds more is read in pieces
PIECE_BYTES = 2**20
WINDOW_BYTES_MAX = 128 * 2**20  # what a frame may make its reader keep
HEADER_BYTES_MAX = 18
CUT = "the file ends within it"


@dataclass(frozen=True)
class Damage:
    """What could not be read: `bytes` of `file` from `offset` on; 0 bytes where it is said of the file as a whole.
    `missing` is false where all that stands there was read."""

    file: str
    offset: int
    bytes: int
    reason: str
    missing: bool = True


@dataclass(frozen=True)
class Frame:
    """A frame's text, or a piece of a long one; of a skippable frame, what it holds. `end` is `offset` where the file
    ends within the frame."""

    offset: int
    end: int
    text: bytes
    skippable: bool = False


class Broken(Exception):
    """Why there is no frame here."""


class Packed:
    """A file, read by position: one that is cut short meanwhile is a short read, not a fault."""

    def __init__(self, path: Path) -> None:
        """OSError where it cannot be opened."""
        self.name = str(path)
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size

    def close(self) -> None:
        os.close(self._file)

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._file, size, offset)

    def frames(self, offset: int = 0) -> Iterator[Frame | Damage]:
        """In order. After a damaged place it goes on with the next frame that is whole."""
        while offset < self.size:
            end = offset
            try:
                for frame in self._frame(offset):
                    yield frame
                    end = frame.end
                offset = end
            except (Broken, zstandard.ZstdError) as error:
                following = self._following(offset + 1)
                yield Damage(self.name, offset, following - offset, str(error))
                offset = following

    def _frame(self, offset: int) -> Iterator[Frame]:
        head = self.read(offset, HEADER_BYTES_MAX)
        if _is_skippable(head):
            yield self._skippable(offset, head)
            return
        if not head.startswith(MAGIC):
            begun = MAGIC.startswith(head) or SKIPPABLE.startswith(head)
            raise Broken(CUT if begun else "no zstd frame begins here")
        said = zstandard.get_frame_parameters(head)
        if said.window_size > WINDOW_BYTES_MAX:
            raise Broken(f"a window of {said.window_size} bytes")
        end = self._end(offset + zstandard.frame_header_size(head), said.has_checksum)
        if said.content_size <= WHOLE_BYTES:
            if end is None:
                raise Broken(CUT)
            text = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX).decompress(
                self.read(offset, end - offset)
            )
            yield Frame(offset, end, text)
        else:
            yield from self._pieces(offset, end)

    def _skippable(self, offset: int, head: bytes) -> Frame:
        start, size = offset + 8, int.from_bytes(head[4:8], "little")
        if len(head) < 8 or start + size > self.size:
            raise Broken(CUT)
        text = self.read(start, size) if size <= PIECE_BYTES else b""
        return Frame(offset, start + size, text, skippable=True)

    def _pieces(self, offset: int, end: int | None) -> Iterator[Frame]:
        told = offset if end is None else end
        source = _Range(self, offset, self.size if end is None else end)
        with zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX).stream_reader(source) as reader:
            while text := reader.read(PIECE_BYTES):
                yield Frame(offset, told, text)
        if end is None:
            raise Broken(CUT)
        yield Frame(offset, end, b"")

    def _end(self, at: int, has_checksum: bool) -> int | None:
        """Where the frame ends whose blocks begin at `at`; None where the file ends first."""
        last = False
        while not last:
            head = self.read(at, 3)
            if len(head) < 3:
                return None
            block = int.from_bytes(head, "little")
            last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
            if kind == 3:
                raise Broken("a block of no known kind")
            at += 3 + (1 if kind == 1 else size)
        at += 4 if has_checksum else 0
        return at if at <= self.size else None

    def _following(self, offset: int) -> int:
        """The next place from `offset` at which a whole frame begins; else the end of the file."""
        while offset < self.size:
            found = [at for magic in (MAGIC, SKIPPABLE) if (at := self._find(magic, offset)) is not None]
            if not found:
                break
            if self._whole(min(found)):
                return min(found)
            offset = min(found) + 1
        return self.size

    def _find(self, magic: bytes, offset: int) -> int | None:
        while len(piece := self.read(offset, PIECE_BYTES)) >= len(magic):
            if (at := piece.find(magic)) >= 0:
                return offset + at
            offset += len(piece) - len(magic) + 1
        return None

    def _whole(self, offset: int) -> bool:
        try:
            next(self._frame(offset))
        except (Broken, zstandard.ZstdError, StopIteration):
            return False
        return True


class _Range:
    """A part of a file, as a decompressor reads it."""

    def __init__(self, packed: Packed, offset: int, end: int) -> None:
        self._packed, self._at, self._end = packed, offset, end

    def read(self, size: int) -> bytes:
        piece = self._packed.read(self._at, min(size, self._end - self._at))
        self._at += len(piece)
        return piece


def is_zstd(head: bytes) -> bool:
    """Whether a file that begins so is of zstd frames."""
    return head.startswith(MAGIC) or _is_skippable(head)


def skippable(text: bytes) -> bytes:
    """A frame that every reader of zstd skips."""
    return SKIPPABLE + len(text).to_bytes(4, "little") + text


def _is_skippable(head: bytes) -> bool:
    return len(head) >= 4 and head[0] & 0xF0 == 0x50 and head[1:4] == SKIPPABLE[1:]
