"""How connections and tasks end. A task is cancelled until it has: a library below may swallow one cancellation."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

from exchanges.events import Reason, State

AGAIN_S = 0.5


class Ended(Exception):
    """The connection is over: why, in the contract's word and in a sentence, how long to stay away, and how the
    streams are doing meanwhile."""

    def __init__(self, reason: Reason, detail: str, after_s: float = 0.0, status: State = "reconnecting") -> None:
        super().__init__(detail)
        self.reason = reason
        self.after_s = after_s
        self.status = status


def heed() -> None:
    """Ends the running task where it was cancelled and a library below has swallowed that: an endless loop says so at
    each turn."""
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Returns when all have ended; what they raised is of no interest any more."""
    tasks = set(tasks)
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    for task in tasks:
        task.cancelled() or task.exception()  # one that nobody looked at is logged as an error


async def first_of(*conversations: Awaitable[None]) -> None:
    """Waits for the first to end, cancels the others, and raises what it raised."""
    tasks = [asyncio.ensure_future(each) for each in conversations]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await ended(tasks)
