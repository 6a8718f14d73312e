"""A shard passes from one hold loop to another: the same epoch, nothing lost, nothing twice, no gap."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from redis import Redis

from streams.ending import ended
from streams.hold import Holder
from tests.streams.heard import assert_unbroken, is_, trade_ids
from tests.streams.live import Web, hold_loop, new_holder

TRADE, DEPTH, TICKER, CANDLE, PICTURE = TOPICS = [
    f"binance.{stream}.BTC-USDT" for stream in ("trade", "depth", "ticker", "candle_1m", "depth_5")
]
PATIENCE_S = 30.0


@contextlib.asynccontextmanager
async def running(**options: Any) -> AsyncIterator[tuple[Holder, asyncio.Task[None]]]:
    holder = new_holder(**options)
    task = asyncio.create_task(holder.run())
    try:
        yield holder, task
    finally:
        await ended([task])


async def test_a_loop_that_is_asked_to_stop_hands_over_within_the_epoch(
    listed: None, web: Web, clean_redis: Redis
) -> None:
    async with running() as (first, stopping), web.client() as client:
        await client.subscribe(*TOPICS)
        await client.until(is_("depth", DEPTH, type="delta"))
        await client.until(is_("trade", TRADE))
        async with hold_loop() as second:
            await _joined(client, second)
            first.stop()
            async with asyncio.timeout(PATIENCE_S):
                while not stopping.done():
                    await client.next()
            stopping.result()
            assert {held.exchange for held in second._held.values()} == {"binance"}
            await client.several(20, is_("trade", TRADE))
            await client.until(is_("depth", DEPTH))
            await client.until(is_("depth", PICTURE))
            await client.until(is_("ticker", TICKER))
    for topic in (TRADE, DEPTH):
        events = client.counted(topic)
        assert_unbroken(events)
        assert len({event["epoch"] for event in events}) == 1
        assert not [event for event in events if event["event"] == "gap"]
    ids = trade_ids(client.counted(TRADE))
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_a_loop_that_joins_gets_its_share_and_what_need_not_move_stays(listed: None, web: Web) -> None:
    topics = [f"binance.trade.{base}-USDT" for base in ("BTC", "ETH", "SOL", "XRP")]
    async with running(spread=4) as (first, _), web.client() as client:
        await client.subscribe(*topics)
        for topic in topics:
            await client.until(is_("trade", topic))
        before = set(first._held)
        assert len(before) == 4
        async with running(spread=4) as (second, _):
            async with asyncio.timeout(PATIENCE_S):
                while len(second._held) < 2:
                    await client.next()
            await client.several(50, is_("trade"))
            assert len(first._held) == len(second._held) == 2
            assert set(first._held) | set(second._held) == before
    for topic in topics:
        ids = trade_ids(client.counted(topic))
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert len({event["epoch"] for event in client.counted(topic)}) == 1


async def test_a_loop_that_stops_alone_waits_for_nobody(listed: None, web: Web, clean_redis: Redis) -> None:
    async with running() as (loop, stopping), web.client() as client:
        await client.subscribe(TRADE)
        await client.until(is_("trade", TRADE))
        loop.stop()
        async with asyncio.timeout(1.0):
            await stopping
        assert not [key for key in clean_redis.keys("lease:*") if clean_redis.exists(key)]


async def test_a_shard_whose_holder_dies_while_handing_over_is_taken_with_a_gap(
    listed: None, web: Web, clean_redis: Redis
) -> None:
    async with running() as (first, dying), web.client() as client:
        await client.subscribe(TRADE)
        await client.until(is_("trade", TRADE))
        async with hold_loop() as second:
            await _joined(client, second)
            first.stop()
            await client.until(lambda _: bool(second._moves.coming))
            first._part = _without_a_word
            await ended([dying])
            assert not second._held
            await client.until(is_("gap", TRADE, reason="failover"))
            await client.until(is_("repaired", TRADE))
            await client.several(5, is_("trade", TRADE, source="live"))
    events = client.counted(TRADE)
    assert_unbroken(events)
    ids = trade_ids(events)
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def _without_a_word() -> None:
    """As after kill -9: the leases are not given back."""


async def _joined(client: Any, loop: Holder) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not loop._counted:
            await client.next()
