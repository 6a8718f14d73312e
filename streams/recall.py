"""What a repair may ask: the exchange, a few requests at once and half of its budget, and the history."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from redis.asyncio import Redis

from exchanges.budget import Budget
from exchanges.client import Client
from exchanges.contract import Card, Limit, Request
from exchanges.errors import RateLimited
from streams import history
from streams.history import Kept, Told
from streams.numbering import Line

AT_ONCE = 4
SMALL = 20  # an amount that cannot be halved well: its window is doubled


class Recall:
    """Of one exchange; all sessions of a hold loop share it. Half the budget is left to books and to people."""

    def __init__(self, card: Card, client: Client, redis: Redis, age_s: float) -> None:
        """What was lost more than `age_s` ago is history, not a gap."""
        self.age_s = age_s
        self._client = client
        self._redis = redis
        self._budget = Budget(redis, f"{card.code}:repairs", halved(card.limits))
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, request: Request, until_s: float) -> bytes:
        """The answer, once it is this request's turn. Raises ExchangeError, also where that is not before `until_s` (by
        time.monotonic)."""
        async with self._turns:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise RateLimited("its turn did not come in time", 0)
            await self._budget.take(request.weight, left_s)
            return await self._client.fetch(request)

    async def told(self, line: Line, each: bool) -> Told:
        """The trades that were said before the line's epoch began."""
        return await history.told_before(self._redis, line.topic, line.epoch, each)

    async def kept(self, topic: str) -> Kept:
        """What is kept of the topic beside its history."""
        return (await history.kept(self._redis, [topic]))[0]


def halved(limits: Iterable[Limit]) -> Sequence[Limit]:
    """The same limits, half as generous."""
    return [
        replace(limit, amount=limit.amount // 2)
        if limit.amount >= SMALL
        else replace(limit, window_s=limit.window_s * 2)
        for limit in limits
    ]
