"""A shard passes from one hold loop to another: the same epoch, nothing lost, nothing twice, no gap."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from streams import handover, keys, lease
from streams.connection import redis
from streams.ending import ended
from streams.hold import Holder
from tests.sandbox_server import SandboxServer
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


class Refusing(AsyncRedis):
    """Refuses to read histories once."""

    refused = 0

    def pipeline(self, *arguments: Any, **options: Any) -> Any:
        made = super().pipeline(*arguments, **options)
        made.xrange = made.xrange if self.refused else self._refuse
        return made

    def _refuse(self, *_: Any, **__: Any) -> None:
        self.refused += 1
        raise ConnectionError("Redis is away")


async def test_a_shard_that_cannot_go_on_is_not_carried_in_silence(listed: None, web: Web) -> None:
    async with running() as (first, stopping), web.client() as client:
        await client.subscribe(TRADE)
        await client.until(is_("trade", TRADE))
        async with hold_loop() as second:
            second._moves.redis = Refusing(connection_pool=redis().connection_pool)
            await _joined(client, second)
            first.stop()
            await client.until(is_("gap", TRADE, reason="failover"))
            await client.until(is_("repaired", TRADE))
            await client.several(5, is_("trade", TRADE, source="live"))
            assert second._moves.redis.refused and stopping.done()
    ids = trade_ids(client.counted(TRADE))
    assert ids == list(range(ids[0], ids[0] + len(ids)))


class Wire:
    """Between a loop and the exchange; while `flows` is not set, what the exchange says waits in it."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self.flows = asyncio.Event()
        self.flows.set()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, back = await asyncio.open_connection(self._there.hostname, self._there.port)
        try:
            await asyncio.gather(self._pass(reader, back, asyncio.sleep), self._pass(theirs, writer, self._flowing))
        except OSError:
            pass
        finally:
            writer.close()
            back.close()

    async def _flowing(self, _: float) -> None:
        await self.flows.wait()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause: Any) -> None:
        while data := await reader.read(2**16):
            await pause(0)
            writer.write(data)
            await writer.drain()


async def test_what_a_loop_that_is_behind_did_not_come_to_is_fetched(
    listed: None, web: Web, sandbox: SandboxServer, settings: Any
) -> None:
    wire = Wire(sandbox.url)
    async with wire.open() as url:
        settings.SANDBOX_URL = url
        async with running() as (first, stopping), web.client() as client:
            settings.SANDBOX_URL = sandbox.url
            await client.subscribe(TRADE)
            await client.several(20, is_("trade", TRADE))
            wire.flows.clear()
            async with hold_loop() as second:
                await _others_know(second)
                first.stop()
                await asyncio.wait({stopping}, timeout=PATIENCE_S)
                await client.until(is_("gap", TRADE, reason="failover"))
                await client.until(is_("repaired", TRADE, complete=True))
                await client.several(20, is_("trade", TRADE, source="live"))
                wire.flows.set()
    assert_unbroken(client.counted(TRADE))
    ids = trade_ids(client.counted(TRADE))
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_a_stream_that_the_other_did_not_carry_begins_with_a_whole_book(
    listed: None, web: Web, clean_redis: Redis
) -> None:
    async with running() as (first, stopping), web.client() as client:
        await client.subscribe(TRADE)
        await client.until(is_("trade", TRADE))
        [held] = first._held.values()
        first._change = _without_a_change
        async with hold_loop() as second:
            await client.subscribe(DEPTH)
            await _joined(client, second)
            await client.until(lambda _: b"depth" in clean_redis.get(keys.plan("binance")))
            first.stop()
            assert (await client.until(is_("depth", DEPTH)))["type"] == "snapshot"
            await client.until(is_("depth", DEPTH, type="delta"))
            assert stopping.done() and held is not second._held[held.lease.key]
    assert len({event["epoch"] for event in client.counted(TRADE)}) == 1
    assert_unbroken(client.counted(DEPTH))


async def test_a_connection_that_the_exchange_is_about_to_end_is_replaced_with_no_gap(
    listed: None, web: Web, sandbox: SandboxServer
) -> None:
    async with hold_loop() as holder, web.client() as client:
        await client.subscribe(*TOPICS)
        await client.until(is_("depth", DEPTH, type="delta"))
        await client.until(is_("trade", TRADE))
        [before] = holder._held.values()
        sandbox.fault("shutdown", delay_s=14)
        await client.until(lambda _: before not in holder._held.values())
        sandbox.clear()
        await client.several(20, is_("trade", TRADE))
        await client.until(is_("depth", DEPTH))
        [after] = holder._held.values()
        assert before.task.done() and after.lease == before.lease
    for topic in (TRADE, DEPTH):
        assert_unbroken(client.counted(topic))
        assert len({event["epoch"] for event in client.counted(topic)}) == 1
    ids = trade_ids(client.counted(TRADE))
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_an_offer_is_taken_back_once_the_share_is_larger(listed: None, web: Web, clean_redis: Redis) -> None:
    topics = [f"binance.trade.{base}-USDT" for base in ("BTC", "ETH")]
    async with hold_loop(spread=2) as loop, web.client() as client:
        await client.subscribe(*topics)
        for topic in topics:
            await client.until(is_("trade", topic))
        clean_redis.zadd(keys.LOOPS, {"another": time.time() + 60})
        await client.until(lambda _: bool(clean_redis.keys("offer:*")))
        clean_redis.zrem(keys.LOOPS, "another")
        await client.until(lambda _: not loop._moves.leaving)
        assert not clean_redis.keys("offer:*")
        assert len(loop._held) == 2


async def test_what_nobody_claims_any_more_is_given_to_nobody(clean_redis: Redis) -> None:
    ours = await lease.take(redis(), "lease:binance:0-0", "one")
    theirs = await handover.claim(redis(), ours.key, "two")
    assert await handover.claim_again(redis(), theirs, "two", ready=True) == "void"
    assert await handover.offer(redis(), ours) is None
    assert await handover.claim_again(redis(), theirs, "two", ready=True) == "offered"
    assert await handover.offer(redis(), ours) == theirs.token
    clean_redis.delete(keys.claim(ours.key))
    assert not await handover.give(redis(), ours, theirs.token)
    assert not clean_redis.exists(ours.key)
    assert await lease.take(redis(), ours.key, "three")


async def test_a_lease_that_was_given_to_a_loop_in_its_last_moment_is_free(clean_redis: Redis) -> None:
    ours = await lease.take(redis(), "lease:binance:0-0", "one")
    theirs = await handover.claim(redis(), ours.key, "two")
    await handover.offer(redis(), ours)
    await handover.claim_again(redis(), theirs, "two", ready=True)
    assert await handover.give(redis(), ours, theirs.token)
    await handover.abandon(redis(), theirs, "two")
    assert not clean_redis.exists(ours.key)
    third = await lease.take(redis(), ours.key, "three")
    assert await handover.claim(redis(), ours.key, "four")
    await handover.abandon(redis(), theirs, "two")
    assert clean_redis.get(ours.key).decode() == third.token
    assert clean_redis.get(keys.claim(ours.key)) == b"four"


async def test_a_connection_in_anothers_place_stays_when_the_other_is_dropped(listed: None, web: Web) -> None:
    async with hold_loop() as loop, web.client() as client:
        await client.subscribe(TRADE)
        await client.until(is_("trade", TRADE))
        [held] = loop._held.values()
        replaced = await loop._begin(held.exchange, held.shard, held.lease)
        loop._drop(replaced)
        await loop._give_back(replaced)
        assert list(loop._held.values()) == [held]
        await client.several(3, is_("trade", TRADE))


async def _without_a_change(*_: Any) -> None:
    """A loop that does not hear of a new stream any more."""


async def _without_a_word() -> None:
    """As after kill -9: the leases are not given back."""


async def _others_know(loop: Holder) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not loop._counted:
            await asyncio.sleep(0.01)


async def _joined(client: Any, loop: Holder) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not loop._counted:
            await client.next()
