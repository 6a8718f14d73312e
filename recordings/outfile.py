"""A file that only grows, by whole packets that are on disk when `append` returns."""

import os
from hashlib import sha256
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o750, 0o640


class OutFile:
    """Keeps what was written before where a packet could not be written whole."""

    def __init__(self, path: Path, size: int = 0) -> None:
        """A new file; with `size`, an existing one, whose first `size` bytes stay. OSError where that cannot be."""
        self.path = path
        self.size = size
        how = 0 if size else os.O_CREAT | os.O_EXCL
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC | how, FILE_MODE)
        self._hash = sha256()
        try:
            self._kept(size)
            _on_disk(path.parent)
        except OSError:
            os.close(self._file)
            raise

    def append(self, packet: bytes) -> None:
        """OSError where it cannot be written, also where somebody has removed the file."""
        if os.fstat(self._file).st_nlink == 0:
            raise FileNotFoundError(2, "somebody has removed the file", str(self.path))
        try:
            written = 0
            while written < len(packet):
                written += os.pwrite(self._file, packet[written:], self.size + written)
            os.fsync(self._file)
        except OSError:
            self._cut_back()
            raise
        self._hash.update(packet)
        self.size += len(packet)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        os.close(self._file)

    def _kept(self, size: int) -> None:
        os.ftruncate(self._file, size)
        at = 0
        while piece := os.pread(self._file, min(2**20, size - at), at):
            self._hash.update(piece)
            at += len(piece)

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._file, self.size)
        except OSError:  # then what was begun stands there, and readers name it
            pass


def _on_disk(folder: Path) -> None:
    """The folder's list of files too."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
