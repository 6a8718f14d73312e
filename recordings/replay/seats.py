"""How many slots of one worker may play replays at a time: the rest is for what else that worker does.

Replays last, above all paused ones. In a worker of all outputs they would take every slot, one each as they are begun,
and no recording could start until one of them ends.
"""

import fcntl
import tempfile
from typing import IO, Any

from celery.signals import worker_init

SEATS = 2

_file: list[IO[bytes]] = []  # nameless; slots are forked with it, and each of its first bytes is a seat


@worker_init.connect
def _open(**_: Any) -> None:
    _file[:] = [tempfile.TemporaryFile()]  # noqa: SIM115  (it lasts as long as the worker)


def take() -> bool:
    """Whether this process may play; True outside a worker. A process that is killed has left its seat."""
    return not _file or any(_locked(seat) for seat in range(SEATS))


def leave() -> None:
    """Another may play."""
    if _file:
        fcntl.lockf(_file[0], fcntl.LOCK_UN)


def _locked(seat: int) -> bool:
    try:
        fcntl.lockf(_file[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, seat)
    except OSError:
        return False
    return True
