"""Asks an exchange from code that is not asynchronous (a task, a command, a view's thread)."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from threading import Thread
from types import TracebackType
from typing import Any, TypeVar

from django.conf import settings
from redis.asyncio import Redis

from exchanges.budget import Budget
from exchanges.client import Client
from exchanges.contract import Card, Request
from exchanges.errors import Unreachable

T = TypeVar("T")


class Asker:
    """One HTTP client within the budget that all processes share, for the length of a `with` block.

    Its event loop has a thread of its own, so that Ctrl-C reaches the thread that waits: a loop that is entered and
    left for each request loses one now and then.
    """

    def __init__(self, card: Card, patience_s: float = 60.0) -> None:
        """`patience_s`: how long one request may take, with its retries and its wait for the budget."""
        self.card = card
        self._patience_s = patience_s
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=f"asker of {card.code}", daemon=True)

    def __enter__(self) -> "Asker":
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._run(self._stack.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def ask(self, request: Request) -> bytes:
        """The body of the answer. Raises ExchangeError."""
        return self._run(self._ask(request))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # where the wait was interrupted; a finished one does not mind

    async def _ask(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._client.fetch(request)
        except TimeoutError:
            raise Unreachable(f"{self.card.title} did not answer within {self._patience_s:g} s") from None

    async def _open(self) -> None:
        self._stack = AsyncExitStack()
        redis = Redis.from_url(settings.REDIS_URL)
        self._stack.push_async_callback(redis.aclose)
        budget = Budget(redis, self.card.code, self.card.limits)
        client = Client(self.card, budget, patience_s=self._patience_s / 2)
        self._client = await self._stack.enter_async_context(client)
