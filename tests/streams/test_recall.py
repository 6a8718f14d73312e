"""What repairs may ask of an exchange: a few requests at once, half of its budget, and nothing that comes too late."""

import asyncio
import time
from dataclasses import replace

import pytest
from redis import Redis

from exchanges.budget import Budget
from exchanges.contract import Limit, Request
from exchanges.errors import RateLimited
from exchanges.registry import card
from streams.connection import redis
from streams.recall import AT_ONCE, Recall, halved

LIMITS = (Limit(120, 2),)
CARD = replace(card("binance"), limits=LIMITS)


class Exchange:
    """Answers after a moment; it knows how many asked at once, and when."""

    def __init__(self) -> None:
        self.asking = self.most = 0
        self.asked_s: list[float] = []

    async def fetch(self, request: Request) -> bytes:
        self.asked_s.append(time.monotonic())
        self.asking += 1
        self.most = max(self.most, self.asking)
        await asyncio.sleep(0.02)
        self.asking -= 1
        return b"[]"


async def test_many_repairs_at_once_take_turns_and_leave_half_of_the_budget(clean_redis: Redis) -> None:
    exchange = Exchange()
    recall = Recall(CARD, exchange, redis(), 600)
    until_s = time.monotonic() + 30
    await asyncio.gather(*(recall.fetch(Request("/trades", weight=10), until_s) for _ in range(13)))
    assert exchange.most == AT_ONCE
    first, last = exchange.asked_s[0], exchange.asked_s[-1]
    assert last - first >= 2  # six in each window: the last is in the third
    left = await Budget(redis(), "binance", LIMITS).left()
    assert left.left == ((LIMITS[0], 120),)  # what the others may ask is counted where the exchange is asked


async def test_what_has_no_turn_in_time_is_given_up(clean_redis: Redis) -> None:
    exchange = Exchange()
    recall = Recall(CARD, exchange, redis(), 600)
    with pytest.raises(RateLimited):
        await recall.fetch(Request("/trades", weight=10), time.monotonic() - 1)
    assert exchange.asked_s == []


@pytest.mark.parametrize(
    ("limit", "half"),
    [(Limit(6000, 60), Limit(3000, 60)), (Limit(1, 1, "raw"), Limit(1, 2, "raw")), (Limit(10, 1), Limit(10, 2))],
)
def test_a_small_limit_is_halved_by_the_time_it_is_for(limit: Limit, half: Limit) -> None:
    assert halved([limit]) == [half]
