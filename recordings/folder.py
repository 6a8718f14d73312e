"""Where recordings stand on disk, and how they go."""

import shutil
import time
from errno import ENOTEMPTY
from pathlib import Path

from django.conf import settings

from recordings import index
from recordings.index import Index

GONE = ".removed-"


def of(recording: str) -> Path:
    """The folder of a recording. ValueError for what is no id: nothing outside of RECORDINGS_DIR has a name here."""
    if not (recording.isascii() and recording.isalnum()):
        raise ValueError(f"no recording is called {recording!r}")
    return Path(settings.RECORDINGS_DIR) / recording


def index_of(recording: str) -> Index | None:
    """What the folder's index says; None where there is none, or it is on another machine."""
    return index.read(of(recording))


def remove(recording: str) -> None:
    """The folder and all in it. Out of sight at once, so that nobody goes on writing there. OSError where it cannot."""
    folder = of(recording)
    gone = folder.with_name(f"{GONE}{recording}-{time.time_ns()}")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    for attempt in range(3):
        try:
            shutil.rmtree(gone)
            return
        except OSError as error:
            if error.errno != ENOTEMPTY or attempt == 2:
                raise


def free_bytes() -> int | None:
    """What the disk of the recordings has left; None where that cannot be known from here."""
    folder = Path(settings.RECORDINGS_DIR)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
