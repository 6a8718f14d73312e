"""The histories stay within their memory, and what they take is told."""

import time

from redis import Redis

from streams import keys, lease, memory
from streams.connection import redis
from streams.history import Kept
from tests.streams.test_publisher import KEY, Group, running, trade

MOST = 400_000


async def said(group: Group, symbols: list[str], count: int) -> None:
    """So many trades of each of the markets, each in a flush of its own."""
    numbering = group.numbering(await lease.take(redis(), KEY, "one"))
    for symbol in symbols:
        numbering.open(("trade", symbol), Kept(), now_ns=5_000_000)
    for number in range(count):
        for symbol in symbols:
            numbering.take(trade(number, symbol))
        await group.publisher.drained()


async def test_histories_share_one_budget_of_memory(clean_redis: Redis) -> None:
    symbols = [f"A{number}-USDT" for number in range(5)]
    async with running() as group:
        group.publisher.history_bytes = MOST
        await said(group, symbols, 900)
    clean_redis.zadd(keys.RUNNING, {f"binance.trade.{symbol}": int(time.time()) for symbol in symbols})
    measured = await memory.measure(redis(), MOST)
    assert measured.topics == len(symbols)
    assert MOST / 4 < measured.histories < MOST
    known, redis_bytes = await memory.measured(redis())
    assert known == measured
    assert redis_bytes > measured.histories


async def test_over_the_budget_the_history_goes_that_has_been_silent_longest(clean_redis: Redis) -> None:
    symbols = ["OLD-USDT", "OLDER-USDT", "LIVE-USDT"]
    async with running() as group:
        await said(group, symbols, 200)
    now_s = int(time.time())
    ages_s = {"OLD-USDT": 100, "OLDER-USDT": 200, "LIVE-USDT": 0}
    clean_redis.zadd(keys.RUNNING, {f"binance.trade.{symbol}": now_s - age_s for symbol, age_s in ages_s.items()})
    whole = await memory.measure(redis(), 2**30)
    left = await memory.measure(redis(), whole.histories - 1)
    assert (whole.topics, left.topics) == (3, 2)
    assert left.histories < whole.histories
    assert not clean_redis.exists(keys.history("binance.trade.OLDER-USDT"))
    assert (await memory.measure(redis(), 1)).topics == 1  # what is written now is left to its writer


async def test_one_loop_at_a_time_measures(clean_redis: Redis) -> None:
    assert [await memory.turn(redis()) for _ in range(2)] == [True, False]
