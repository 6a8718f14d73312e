"""The end of tasks: cancelled until they have ended, since a library below may swallow a cancellation once."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.5


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
