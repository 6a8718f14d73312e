"""One writer a folder: a lock that ends with the process, however it ends."""

import fcntl
import os
from errno import EBUSY
from pathlib import Path

FILE = ".lock"


class Alone:
    """Held from its making to `end`."""

    def __init__(self, folder: Path) -> None:
        """OSError where another process has it."""
        self._file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise OSError(EBUSY, "another process still writes it", str(folder)) from None

    def end(self) -> None:
        """Another may have it."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
