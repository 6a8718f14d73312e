"""A hold loop goes on where a plan, an exchange or the database is not as it should be."""

import asyncio
import json
from dataclasses import replace

import pytest
from redis import Redis

from exchanges.symbols import Instruments
from marketdata import cards
from streams import keys
from streams.ending import ended
from streams.hold import Holder
from tests.streams.heard import is_
from tests.streams.live import Web, hold_loop, new_holder

TRADE = "binance.trade.BTC-USDT"


@pytest.mark.parametrize("plan", [b"{broken", b'{"first": [["trade", "BTC-USDT"]]}', b"[]", b'{"0-0": 7}'])
async def test_a_plan_that_cannot_be_read_is_made_anew(listed: None, web: Web, clean_redis: Redis, plan: bytes) -> None:
    clean_redis.set(keys.plan("binance"), plan)
    async with hold_loop(), web.client() as client:
        await client.subscribe(TRADE)
        await client.until(is_("trade", TRADE))


async def test_an_exchange_that_fails_leaves_the_others_alone(listed: None, clean_redis: Redis) -> None:
    holder = new_holder(pins={TRADE, "anyone.trade.BTC-USDT"})
    broken = replace(cards.card("binance"), code="anyone", sockets=())
    markets = await holder.sources.markets("binance")

    async def known(_: str) -> Instruments:
        return markets

    holder.sources.cards = {"anyone": broken, **holder.sources.cards}
    holder.sources.markets = known
    await _one_turn(holder)
    assert clean_redis.get(keys.plan("binance"))
    assert not clean_redis.exists(keys.plan("anyone"))


async def test_a_loop_that_knows_no_markets_changes_no_plan_and_takes_no_share(
    listed: None, clean_redis: Redis
) -> None:
    plan = b'{"0-0":[["trade","BTC-USDT"]]}'
    clean_redis.set(keys.plan("binance"), plan)
    holder = new_holder(pins={TRADE})

    async def unknown(_: str) -> Instruments:
        return Instruments()

    holder.sources.markets = unknown
    await _one_turn(holder)
    assert clean_redis.get(keys.plan("binance")) == plan
    assert clean_redis.zcard(keys.LOOPS) == 0


async def _one_turn(holder: Holder) -> None:
    try:
        await holder._reconcile_once()
    finally:
        await ended([held.task for held in holder._held.values()])


async def test_what_a_loop_said_of_an_exchange_goes_with_it(listed: None, web: Web, clean_redis: Redis) -> None:
    long_ago = {"connections": 1, "connected": 1, "rejected": 0, "at": 1}
    clean_redis.hset(keys.state("binance"), "gone", json.dumps(long_ago))
    async with hold_loop() as holder, web.client() as client:
        await client.subscribe(TRADE)
        async with asyncio.timeout(20):
            while set(clean_redis.hkeys(keys.state("binance"))) != {holder.name.encode()}:
                await client.next()
        clients = list(holder._clients.values())
        assert not any(one._http.is_closed for one in clients)
    assert all(one._http.is_closed for one in clients)
    assert clean_redis.hkeys(keys.state("binance")) == []
