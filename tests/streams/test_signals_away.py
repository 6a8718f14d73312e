"""Signals while a store is away: Redis, and what was signalled is kept; PostgreSQL, and what was signalled goes on."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from channels.db import database_sync_to_async
from django.db import connections
from redis import Redis

from streams import keys, markets
from streams.hold import Sources
from streams.models import Subscription
from tests.streams.gone import RedisStore, Store, stoppable_postgres, stoppable_redis
from tests.streams.heard import is_
from tests.streams.live import Web, hold_loop, web_server

__all__ = ["stoppable_postgres", "stoppable_redis"]

TRADE, OTHER = "binance.trade.BTC-USDT", "binance.trade.ETH-USDT"


async def signal(web: Web, *topics: str) -> tuple[int, Any]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.post(f"{web.url}/api/v1/subscriptions/", json={"topics": topics})
        return answer.status_code, answer.json()


@database_sync_to_async
def rows() -> int:
    return Subscription.objects.count()


async def streamed(store: Redis, topic: str) -> None:
    before = store.xlen(keys.history(topic))
    async with asyncio.timeout(20):
        while store.xlen(keys.history(topic)) < before + 3:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("how", ["is killed", "hangs"])
async def test_without_redis_a_signal_is_kept_and_begins_when_it_is_back(
    listed: None, stoppable_redis: RedisStore, how: str
) -> None:
    async with web_server() as web:
        assert (await signal(web, OTHER))[0] == 201
        (stoppable_redis.hang if how == "hangs" else stoppable_redis.kill)()
        status, refused = await signal(web, TRADE)
        assert (status, refused["error"]["code"], await rows()) == (503, "unavailable", 2)
        assert "The signal is kept (id " in refused["error"]["message"]
        await asyncio.to_thread(stoppable_redis.go_on if how == "hangs" else stoppable_redis.start)
        status, told = await signal(web, TRADE)
        assert (status, told["topics"][0]["topic"]) == (200, TRADE)
        with Redis.from_url(stoppable_redis.service.url) as store:
            store.flushall()  # nobody has asked for it but by the signal
            kept = markets.pins()
            async with hold_loop() as loop:
                of = loop.sources
                loop.sources = Sources(of.cards, of.markets, kept.value, of.closed_candle)
                await streamed(store, TRADE)
                await streamed(store, OTHER)


@pytest.fixture
def store(stoppable_postgres: Store, listed: None) -> Iterator[Store]:
    yield stoppable_postgres
    connections["default"].close()
    connections["default"].close_pool()  # it has connections that were cut


async def test_without_the_database_signals_are_refused_and_those_that_are_kept_run_on_a_loop_that_starts(
    store: Store, web: Web, clean_redis: Redis
) -> None:
    assert (await signal(web, TRADE))[0] == 201
    assert await markets.pins().value() == {TRADE}
    async with asyncio.timeout(10):
        while not clean_redis.exists(keys.PINS):
            await asyncio.sleep(0.02)
    await markets.markets().of("binance")
    async with asyncio.timeout(10):
        while not clean_redis.exists(keys.markets("binance")):
            await asyncio.sleep(0.02)
    store.kill()
    try:
        status, refused = await signal(web, OTHER)
        assert (status, refused["error"]["code"]) == (503, "unavailable")
        clean_redis.delete(keys.DEMAND)
        kept = markets.pins()
        async with hold_loop() as loop, web.client() as client:
            of = loop.sources
            loop.sources = Sources(of.cards, of.markets, kept.value, of.closed_candle)
            await streamed(clean_redis, TRADE)
            await client.subscribe(TRADE)
            await client.until(is_("trade", TRADE))
    finally:
        store.start()
    async with asyncio.timeout(20):
        while (await signal(web, OTHER))[0] not in {200, 201}:
            await asyncio.sleep(0.2)
    assert await rows() == 2
