"""The lines of a file, plain or zstd, and what of the file is damaged."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from marketdata.zstd_frames import PIECE_BYTES, Damage, Packed, is_zstd

LINE_BYTES_MAX = 64 * 2**20
Piece = tuple[int, bytes]  # its offset, its text


class TextLine(NamedTuple):
    """One line without its end. `offset` is that of its zstd frame where it stands in one; `number` counts from 1 what
    could be read."""

    offset: int
    number: int
    text: bytes


def text_lines(path: Path) -> Iterator[TextLine | Damage]:
    """In order. OSError where the file cannot be read; what it is, its first bytes tell and not its name."""
    packed = Packed(path)
    try:
        zstd = is_zstd(packed.read(0, 4))
        yield from _Lines(packed.name, plain=not zstd).of(_unpacked(packed) if zstd else _plain(packed))
    finally:
        packed.close()


def _unpacked(packed: Packed) -> Iterator[Piece | Damage]:
    for frame in packed.frames():
        if isinstance(frame, Damage):
            yield frame
        elif not frame.skippable:
            yield frame.offset, frame.text


def _plain(packed: Packed) -> Iterator[Piece]:
    offset = 0
    while piece := packed.read(offset, PIECE_BYTES):
        yield offset, piece
        offset += len(piece)


class _Lines:
    """Cuts pieces of text into lines; a line may begin in one and end in another."""

    def __init__(self, name: str, plain: bool) -> None:
        self._name, self._plain = name, plain
        self._number = 0
        self._begun, self._begun_at = b"", 0

    def of(self, pieces: Iterator[Piece | Damage]) -> Iterator[TextLine | Damage]:
        for piece in pieces:
            if isinstance(piece, Damage):
                yield from self._given_up("a line without an end")
                yield piece
                continue
            yield from self._cut(*piece)
            if len(self._begun) > LINE_BYTES_MAX:
                yield from self._given_up(f"a line of more than {LINE_BYTES_MAX} bytes")
        if self._begun:
            yield TextLine(self._begun_at, self._number + 1, self._begun)

    def _cut(self, offset: int, text: bytes) -> Iterator[TextLine]:
        if not self._begun:
            self._begun_at = offset
        *lines, rest = text.split(b"\n")
        for line in lines:
            self._number += 1
            yield TextLine(self._begun_at, self._number, self._begun + line if self._begun else line)
            if self._plain:
                offset += len(line) + 1
            self._begun, self._begun_at = b"", offset
        self._begun += rest

    def _given_up(self, reason: str) -> Iterator[Damage]:
        if self._begun:
            yield Damage(self._name, self._begun_at, len(self._begun), reason)
        self._begun = b""
