"""The installation's own folder: one `up` at a time, nothing in it for other eyes."""

import fcntl
import os
from pathlib import Path


class AlreadyRunning(Exception):
    """One sentence: which process runs here."""


class Folder:
    """`var`, locked while `up` runs in it; the lock ends with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        (path / "logs").mkdir(mode=0o700, exist_ok=True)
        self._lock = os.open(path / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(self._lock, 200).decode().strip() or "starting"
            raise AlreadyRunning(f"The platform already runs in this folder ({who}); stop that one first.") from None
        self.describe(f"process {os.getpid()}")

    def describe(self, text: str) -> None:
        """What a second `up` is told."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, text.encode(), 0)
