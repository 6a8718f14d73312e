"""Redis is killed, emptied or hangs while clients listen: they are told, and hear everything, in order."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from streams import keys
from tests.sandbox_server import SandboxServer
from tests.streams.gone import RedisStore, stoppable_redis
from tests.streams.heard import assert_unbroken, is_, trade_ids
from tests.streams.live import Listener, hold_loop, web_server

__all__ = ["stoppable_redis"]

TRADE, DEPTH, TICKER = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT", "binance.ticker.BTC-USDT"
FAR, OTHER = "binance.trade.ETH-USDT", "binance.trade.SOL-USDT"
AWAY_S = 6.0  # longer than a lease lives


@pytest.fixture
def store(listed: None, stoppable_redis: RedisStore) -> RedisStore:
    return stoppable_redis


@pytest.fixture
def said(store: RedisStore) -> Iterator[Redis]:
    with Redis.from_url(store.service.url) as client:
        yield client


def go_away(store: RedisStore, how: str) -> None:
    store.hang() if how == "hangs" else store.kill()


def come_back(store: RedisStore, how: str) -> None:
    if how == "hangs":
        store.go_on()
        return
    if how == "comes back empty":
        store.empty()
    store.start()


async def outage(client: Listener, store: RedisStore, how: str, seconds: float) -> dict[str, Any]:
    """What a request is answered meanwhile."""
    go_away(store, how)
    await client.until(is_("notice", notice="delayed"))
    await client.subscribe(OTHER)
    refused = await client.until(lambda message: message.get("action") == "subscribe")
    await asyncio.sleep(seconds)  # the outage itself
    await asyncio.to_thread(come_back, store, how)
    await client.until(is_("notice", notice="resumed"))
    return refused


@pytest.mark.parametrize("how", ["is killed", "comes back empty", "hangs"])
async def test_who_listens_is_told_and_hears_everything_in_the_same_epoch(store: RedisStore, how: str) -> None:
    async with web_server() as web, hold_loop(spread=2) as one, hold_loop(spread=2) as two, web.client() as client:
        await client.subscribe(TRADE, DEPTH, TICKER, FAR)
        await client.several(5, is_("trade", TRADE))
        await client.until(is_("depth", DEPTH))
        async with asyncio.timeout(30):
            while [len(loop._held) for loop in (one, two)] != [1, 1]:
                await client.next()
        refused = await outage(client, store, how, AWAY_S)
        assert (refused["result"], refused["error"]["code"]) == (False, "unavailable")
        await client.several(20, is_("trade", TRADE))
        await client.several(5, is_("depth", DEPTH))
        await asyncio.sleep(6)  # past the calm after an outage: nothing changes hands then either
        await client.several(5, is_("trade", TRADE))
        await client.subscribe(OTHER)
        await client.until(is_("trade", OTHER))
    for topic in (TRADE, DEPTH, FAR):
        events = client.counted(topic)
        assert_unbroken(events)
        assert {event["event"] for event in events} == {topic.split(".")[1]}
        ids = trade_ids(events)
        assert ids == list(range(min(ids, default=0), min(ids, default=0) + len(ids)))
        assert len({event["epoch"] for event in events}) == 1
    assert len({event["epoch"] for event in client.counted(TICKER)}) == 1


async def test_more_than_may_wait_is_a_gap_and_its_trades_are_fetched(store: RedisStore) -> None:
    async with web_server() as web, hold_loop() as holder, web.client() as client:
        publisher = holder._publisher
        publisher._waiting_bytes = 100_000
        symbols = [f"{base}-USDT" for base in ("BTC", "ETH", "SOL", "XRP")]
        await client.subscribe(*(f"binance.{stream}.{symbol}" for symbol in symbols for stream in ("trade", "depth")))
        await client.several(5, is_("trade", TRADE))
        await client.until(is_("depth", DEPTH))
        store.kill()
        await client.until(is_("notice", notice="delayed"))
        async with asyncio.timeout(60):
            while not publisher._full:
                await asyncio.sleep(0.05)
        assert publisher._waiting.size < 1_000
        await asyncio.to_thread(store.start)
        gap = await client.until(is_("gap", TRADE))
        assert gap["reason"] == "recovery"
        await client.until(is_("repaired", TRADE))
        await client.several(5, is_("trade", TRADE, source="live"))
        await client.several(3, is_("depth", DEPTH))
    events = client.counted(TRADE)
    assert_unbroken(events)
    ids = trade_ids(events)
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    depth = client.counted(DEPTH)
    assert_unbroken(depth)
    assert depth[[event["event"] for event in depth].index("gap") + 1]["type"] == "snapshot"


async def test_who_comes_while_redis_is_away_is_told_and_served_once_it_is_back(store: RedisStore) -> None:
    async with web_server() as web, hold_loop():
        async with web.client() as client:
            await client.subscribe(TRADE)
            await client.until(is_("trade", TRADE))
            store.kill()
            await client.until(is_("notice", notice="delayed"))
        async with web.client() as late:
            await late.until(is_("notice", notice="delayed"))
            await asyncio.to_thread(store.start)
            await late.until(is_("notice", notice="resumed"))
            await late.subscribe(TRADE)
            await late.several(3, is_("trade", TRADE))
        assert_unbroken(late.counted(TRADE))


async def test_a_redis_that_comes_back_empty_soon_knows_again_how_each_topic_is_doing(
    store: RedisStore, said: Redis, sandbox: SandboxServer
) -> None:
    async with web_server() as web, hold_loop() as holder, web.client() as client:
        await client.subscribe(TICKER)
        await client.several(3, is_("ticker", TICKER))
        sandbox.fault("silent", seconds=60, stream="ticker", symbol="BTC-USDT")
        store.kill()
        store.empty()
        await asyncio.to_thread(store.start)
        async with asyncio.timeout(20):
            while not {b"status", b"stopped", b"event", b"position", b"beat"} <= said.hgetall(latest()).keys():
                await asyncio.sleep(0.1)
            while said.zscore(keys.LOOPS, holder.name) is None:
                await asyncio.sleep(0.1)
        assert [said.hget(latest(), "stopped"), len(holder._held)] == [b"0", 1]


def latest() -> str:
    return keys.latest(TICKER)
