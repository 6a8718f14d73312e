"""Asks an exchange from code that is not asynchronous (a task, a command, a view's thread)."""

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType

from django.conf import settings
from redis.asyncio import Redis

from exchanges.budget import Budget
from exchanges.client import Client
from exchanges.contract import Card, Request
from exchanges.errors import Unreachable


class Asker:
    """One HTTP client within the budget that all processes share, for the length of a `with` block."""

    def __init__(self, card: Card, patience_s: float = 120.0) -> None:
        """`patience_s`: how long one request may take, with its retries and its wait for the budget."""
        self.card = card
        self._patience_s = patience_s
        self._runner = asyncio.Runner()

    def __enter__(self) -> "Asker":
        self._runner.run(self._open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.close()

    def ask(self, request: Request) -> bytes:
        """The body of the answer. Raises ExchangeError."""
        return self._runner.run(self._ask(request))

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
