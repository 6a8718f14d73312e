"""How a worker that is asked to stop tells its slots: Celery itself tells a running task nothing before it kills it.

The main process keeps the writing end of a pipe and each slot watches the reading end, which ends when the main process
closes its own: at the first moment of a warm shutdown (SIGTERM), or by its death.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from celery.signals import worker_init, worker_process_init, worker_shutting_down

_ends: list[int] = []  # reading, writing


@worker_init.connect
def _open(**_: Any) -> None:
    _ends[:] = os.pipe()


@worker_process_init.connect
def _keep_reading_end(**_: Any) -> None:
    """A slot is forked with both ends; as long as one writing end is open, the pipe does not end."""
    if len(_ends) == 2:
        os.close(_ends.pop())


@worker_shutting_down.connect
def _tell(**_: Any) -> None:
    if len(_ends) == 2:
        os.close(_ends.pop())


def when_asked(stop: Callable[[], None]) -> None:
    """Calls `stop` in the running loop once this slot's worker stops."""
    if not _ends:
        return
    loop = asyncio.get_running_loop()

    def told() -> None:
        loop.remove_reader(_ends[0])
        stop()

    loop.add_reader(_ends[0], told)
