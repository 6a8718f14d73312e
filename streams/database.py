"""Questions to the database from asynchronous code: each with an end, in threads of their own.

A database that hangs rather than refuses keeps the threads that ask it: they must not be those that look up the
exchanges' addresses.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from channels.db import database_sync_to_async
from django.db import Error

log = logging.getLogger(__name__)

PATIENCE_S = 4.0
AGAIN_S = 1.0  # one that did not answer is left alone for so long
THREADS = ThreadPoolExecutor(8, "database")


class DatabaseAway(Exception):
    """It does not answer, or not in time."""


class Database:
    """As this process finds it."""

    def __init__(self) -> None:
        self.away = False
        self._again_s = float("-inf")

    async def ask(self, read: Callable[..., Any], *arguments: Any, patience_s: float = PATIENCE_S) -> Any:
        """What `read` gives. DatabaseAway, at once where it has just not answered another."""
        if self.away and time.monotonic() < self._again_s:
            raise DatabaseAway("the database does not answer")
        try:
            async with asyncio.timeout(patience_s):
                found = await database_sync_to_async(read, thread_sensitive=False, executor=THREADS)(*arguments)
        except (Error, TimeoutError) as error:
            self._again_s = time.monotonic() + AGAIN_S
            if not self.away:
                log.warning("the database is away, going on without: %s", error or "no answer in time")
            self.away = True
            raise DatabaseAway(str(error) or "no answer in time") from error
        if self.away:
            log.warning("the database answers again")
        self.away = False
        return found


database = Database()
