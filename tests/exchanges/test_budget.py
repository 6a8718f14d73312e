"""The request budget over a real Redis: nobody asks more than the limits, whoever else is asking."""

import asyncio
import socket
import time

import pytest
from redis.asyncio import Redis

from exchanges.budget import Budget
from exchanges.contract import Limit
from exchanges.errors import RateLimited, Refused, Unreachable

HOUR = 3600  # a window that will not end during a test


def budget(redis: Redis, *limits: Limit, code: str = "somewhere") -> Budget:
    return Budget(redis, code, limits)


async def test_requests_are_taken_until_the_window_is_full(async_redis: Redis) -> None:
    ours = budget(async_redis, Limit(10, HOUR))
    await ours.take(6)
    await ours.take(4)
    with pytest.raises(RateLimited, match="used up"):
        await ours.take(1, patience_s=0)
    assert (await ours.left()).left == ((Limit(10, HOUR), 0),)


async def test_a_request_waits_for_the_next_window(async_redis: Redis) -> None:
    ours = budget(async_redis, Limit(5, 1))
    first_ms = await ours.take(5)
    second_ms = await ours.take(5)
    assert second_ms // 1000 > first_ms // 1000


async def test_all_workers_share_one_count(async_redis: Redis, redis_url: str) -> None:
    async with Redis.from_url(redis_url) as other:
        await budget(async_redis, Limit(10, HOUR)).take(7)
        with pytest.raises(RateLimited):
            await budget(other, Limit(10, HOUR)).take(4, patience_s=0)
        await budget(other, Limit(10, HOUR)).take(3, patience_s=0)


async def test_exchanges_do_not_share(async_redis: Redis) -> None:
    await budget(async_redis, Limit(1, HOUR)).take()
    await budget(async_redis, Limit(1, HOUR), code="elsewhere").take(patience_s=0)


async def test_many_at_once_never_exceed_the_limit(async_redis: Redis) -> None:
    ours = budget(async_redis, Limit(50, HOUR))
    taken = await asyncio.gather(*(ours.take(3, patience_s=0) for _ in range(40)), return_exceptions=True)
    assert sum(isinstance(result, int) for result in taken) == 16


async def test_a_request_counts_against_every_limit_or_none(async_redis: Redis) -> None:
    weight, requests = Limit(100, HOUR), Limit(2, HOUR, "raw")
    ours = budget(async_redis, weight, requests)
    await ours.take(10)
    await ours.take(10)
    with pytest.raises(RateLimited):
        await ours.take(10, patience_s=0)
    assert (await ours.left()).left == ((weight, 80), (requests, 0))


async def test_a_request_that_can_never_fit_is_refused_at_once(async_redis: Redis) -> None:
    with pytest.raises(Refused, match="never fits 10 in 3600 s"):
        await budget(async_redis, Limit(10, HOUR)).take(11)


async def test_a_closed_door_is_closed_for_all_and_opens_by_itself(async_redis: Redis, redis_url: str) -> None:
    ours = budget(async_redis, Limit(100, HOUR))
    await ours.close_until(0.3)
    async with Redis.from_url(redis_url) as other:
        with pytest.raises(RateLimited) as caught:
            await budget(other, Limit(100, HOUR)).take(patience_s=0)
    assert 0 < caught.value.retry_after_s <= 0.3
    before_s = time.monotonic()
    await ours.take()
    assert time.monotonic() - before_s > 0.1


async def test_a_shorter_ban_does_not_shorten_a_longer_one(async_redis: Redis) -> None:
    ours = budget(async_redis, Limit(100, HOUR))
    await ours.close_until(500)
    await ours.close_until(1)
    assert (await ours.left()).closed_s > 400


async def test_what_the_exchange_says_raises_our_count_and_never_lowers_it(async_redis: Redis) -> None:
    ours = budget(async_redis, Limit(100, HOUR))
    taken_ms = await ours.take(10)
    settled_ms = taken_ms - taken_ms % (HOUR * 1000) + HOUR * 1000 - 1  # late in this window
    await ours.used(60, settled_ms)
    assert (await ours.left()).left[0][1] == 40
    await ours.used(20, settled_ms)
    assert (await ours.left()).left[0][1] == 40


async def test_what_the_exchange_says_of_another_window_is_ignored(async_redis: Redis) -> None:
    ours = budget(async_redis, Limit(100, HOUR))
    taken_ms = await ours.take(10)
    await ours.used(90, taken_ms - HOUR * 1000)
    await ours.used(90, taken_ms - taken_ms % (HOUR * 1000))  # so early that it may count the window before
    assert (await ours.left()).left[0][1] == 90


async def test_without_redis_nobody_asks() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with Redis(host="127.0.0.1", port=unused.getsockname()[1], retry=None) as redis:
            with pytest.raises(Unreachable, match="Redis does not answer"):
                await budget(redis, Limit(10, 60)).take()


async def test_counts_do_not_stay_in_redis_for_ever(async_redis: Redis) -> None:
    await budget(async_redis, Limit(10, 60), Limit(10, 60, "raw")).take()
    keys = await async_redis.keys("budget:*")
    assert len(keys) == 2
    assert all([0 < await async_redis.ttl(key) <= 120 for key in keys])
