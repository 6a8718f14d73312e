"""The flush: refused where another holds the lease, harmless when repeated, and it declares what it must drop."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.layers import channel_layers, get_channel_layer
from redis import Redis

from exchanges.events import Trade
from exchanges.symbols import Instruments
from streams import history, keys, lease
from streams.connection import redis
from streams.ending import ended
from streams.history import Kept
from streams.lease import Lease
from streams.numbering import Numbering
from streams.position import Position
from streams.publishers import redis as publishers
from streams.publishers import waiting
from streams.publishers.redis import Publisher

TOPIC = "binance.trade.BTC-USDT"
WANT = ("trade", "BTC-USDT")
KEY = "lease:binance:0-0"


def trade(number: int, symbol: str = "BTC-USDT") -> Trade:
    return Trade(
        symbol=symbol,
        venue_symbol=symbol.replace("-", ""),
        received_ns=number,
        event_us=number,
        trade_id=str(number),
        price="1.5",
        quantity="2",
        side="buy",
        trade_us=number,
    )


class Group:
    """A publisher that runs, and what it reported."""

    def __init__(self, **options: Any) -> None:
        self.lost = 0
        self.refused: list[Lease] = []
        self.publisher = Publisher(
            redis(), get_channel_layer(), 1000, 2**20, self._lost, self.refused.append, **options
        )

    def _lost(self) -> None:
        self.lost += 1

    def numbering(self, held: Lease) -> Numbering:
        return Numbering("binance", held, Instruments(), self.publisher, "", lambda *_: None)


@contextlib.asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Group]:
    group = Group(**options)
    task = asyncio.create_task(group.publisher.run())
    try:
        yield group
    finally:
        await ended([task])


@pytest.fixture(autouse=True)
def new_layer(clean_redis: Redis) -> None:
    channel_layers.backends.clear()


async def test_events_are_kept_under_epoch_and_seq_with_the_last_trade_id(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        line = numbering.open(WANT, Kept(), now_ns=5_000_000)
        for number in (7, 8, 9):
            numbering.take(trade(number))
        await group.publisher.drained()
        found = await history.after(redis(), TOPIC, Position(line.epoch, 1))
        assert [position.seq for position, _ in found.events] == [2, 3]
        kept = (await history.kept(redis(), [TOPIC]))[0]
        assert (kept.position, kept.trade_id, kept.carried) == (Position(line.epoch, 3), "9", True)


async def test_a_heartbeat_is_of_the_time_by_redis(clean_redis: Redis) -> None:
    """Neither a loop nor a reader whose own clock is wrong misjudges who carries a topic."""
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        line = numbering.open(WANT, Kept(), 5_000_000_000)  # long ago, by the loop's clock
        await group.publisher.drained()
        begun_s, now_s = int(clean_redis.hget(keys.latest(TOPIC), "beat")), clean_redis.time()[0]
        group.publisher.fields(held, line, **line.beat(1.0))
        await group.publisher.drained()
        [kept] = await history.kept(redis(), [TOPIC])
    assert 0 <= now_s - begun_s <= 1 and begun_s <= kept.beat_s <= now_s + 1
    assert kept.fresh


async def test_whose_lease_another_holds_writes_nothing_and_is_told(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        numbering.open(WANT, Kept(), now_ns=5_000_000)
        clean_redis.set(KEY, "9:another")
        numbering.take(trade(1))
        await group.publisher.drained()
        assert group.refused == [held]
        assert not clean_redis.exists(keys.history(TOPIC))


async def test_a_lease_that_ran_out_unnoticed_is_taken_again_before_the_write(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        numbering.open(WANT, Kept(), now_ns=5_000_000)
        clean_redis.delete(KEY)
        numbering.take(trade(1))
        await group.publisher.drained()
        assert group.refused == []
        assert clean_redis.get(KEY).decode() == held.token
        assert clean_redis.xlen(keys.history(TOPIC)) == 1


async def test_a_write_prolongs_the_lease_that_it_proves(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        numbering.open(WANT, Kept(), now_ns=5_000_000)
        await group.publisher.drained()
        clean_redis.pexpire(KEY, lease.TTL_MS // 2)
        numbering.take(trade(1))
        await group.publisher.drained()
        assert clean_redis.pttl(KEY) > lease.TTL_MS // 2


async def test_an_older_epoch_is_refused_by_the_history_itself(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        line = numbering.open(WANT, Kept(), now_ns=5_000_000)
        clean_redis.xadd(keys.history(TOPIC), {"events": "{}"}, id=f"{line.epoch + 1}-1")
        numbering.take(trade(1))
        await group.publisher.drained()
        assert group.refused == [held]


async def test_a_flush_that_is_repeated_does_no_harm(clean_redis: Redis) -> None:
    group = Group()
    held = await lease.take(redis(), KEY, "one")
    numbering = group.numbering(held)
    numbering.open(WANT, Kept(), now_ns=5_000_000)
    numbering.take(trade(1))
    numbering.gap(numbering.line(WANT), "disconnect", 6_000_000)  # a second epoch in the same flush
    batches = list(group.publisher._batches)
    assert await group.publisher._deliver(batches) == set()
    assert await group.publisher._deliver(batches) == set()
    assert clean_redis.xlen(keys.history(TOPIC)) == 2


async def test_what_waits_too_long_for_redis_is_dropped_as_a_whole_and_told_once(clean_redis: Redis) -> None:
    group = Group(waiting_bytes=2_000)
    held = await lease.take(redis(), KEY, "one")
    numbering = group.numbering(held)
    numbering.open(WANT, Kept(), now_ns=5_000_000)
    for number in range(1, 50):
        numbering.take(trade(number))
        assert group.publisher._waiting.size < 3_000
    numbering.close(WANT, 6_000_000, "stopped", "nobody wants it")
    assert group.lost == 0
    task = asyncio.create_task(group.publisher.run())
    try:
        await group.publisher.drained()
    finally:
        await ended([task])
    assert group.lost == 1
    assert not clean_redis.exists(keys.history(TOPIC))
    assert clean_redis.hget(keys.latest(TOPIC), "stopped") == b"1"


async def test_after_an_overflow_a_topic_goes_on_from_the_last_event_that_was_written(clean_redis: Redis) -> None:
    async with running(waiting_bytes=2_000) as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        line = numbering.open(WANT, Kept(), now_ns=5_000_000)
        numbering.take(trade(7))
        await group.publisher.drained()
        for number in range(8, 50):
            numbering.take(trade(number))
        await group.publisher.drained()
        assert (group.lost, line.trade_id, line.time_us) == (1, "7", 7)
        numbering.gap(line, "recovery", 6_000_000)
        await group.publisher.drained()
    entries = clean_redis.xrange(keys.history(TOPIC))
    said = [json.loads(text) for _, fields in entries for text in fields[b"events"].split(b"\n")]
    assert [event["event"] for event in said] == ["trade", "gap"]


async def test_a_redis_that_comes_back_empty_has_all_that_was_just_said(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        line = numbering.open(WANT, Kept(), now_ns=5_000_000)
        for number in (1, 2, 3):
            numbering.take(trade(number))
            await group.publisher.drained()
        clean_redis.flushall()
        group.publisher._unsure = True  # as after an error
        numbering.take(trade(4))
        await group.publisher.drained()
        found = await history.after(redis(), TOPIC, Position(line.epoch, 0))
    assert [position.seq for position, _ in found.events] == [1, 2, 3, 4]
    assert group.refused == []


async def test_much_that_waited_is_written_in_pieces_and_in_order(
    clean_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "PIECE_BYTES", 2_000)
    monkeypatch.setattr(waiting, "BATCH_BYTES", 1_000)
    group = Group()
    held = await lease.take(redis(), KEY, "one")
    numbering = group.numbering(held)
    line = numbering.open(WANT, Kept(), now_ns=5_000_000)
    for number in range(1, 101):
        numbering.take(trade(number))
    task = asyncio.create_task(group.publisher.run())
    try:
        await group.publisher.drained()
    finally:
        await ended([task])
    assert clean_redis.xlen(keys.history(TOPIC)) > 10
    found = await history.after(redis(), TOPIC, Position(line.epoch, 0))
    assert [position.seq for position, _ in found.events] == list(range(1, 101))
    assert clean_redis.hget(keys.latest(TOPIC), "trade_id") == b"100"


async def test_a_history_keeps_no_more_than_its_bounds(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        numbering.open(WANT, Kept(), now_ns=5_000_000)
        for number in range(1, 3000):
            numbering.take(trade(number))
            if number % 2 == 0:
                await group.publisher.drained()
    kept = clean_redis.xlen(keys.history(TOPIC))
    assert 400 <= kept <= 800  # 1,000 events in entries of two; Redis trims whole nodes of 100 entries


async def test_drained_waits_for_what_waited_and_not_for_a_market_that_never_rests(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        numbering.open(WANT, Kept(), now_ns=5_000_000)

        async def speak() -> None:
            number = 0
            while True:
                number += 1
                numbering.take(trade(number))
                await asyncio.sleep(0.001)

        speaking = asyncio.create_task(speak())
        try:
            await asyncio.wait_for(group.publisher.drained(), 5)
            assert clean_redis.exists(keys.latest(TOPIC))
        finally:
            speaking.cancel()
            await group.publisher.drained()


async def test_a_topic_that_was_left_takes_no_share_of_the_history_though_its_last_events_came_later(
    clean_redis: Redis,
) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        numbering.open(WANT, Kept(), now_ns=5_000_000)
        numbering.take(trade(1))
        group.publisher.forget(TOPIC)
        numbering.close(WANT, 6_000_000, "stopped", "nobody wants it")
        await group.publisher.drained()
        assert clean_redis.xlen(keys.history(TOPIC)) == 1
        assert group.publisher._mean == {}


async def test_a_redis_without_memory_is_waited_for_and_is_no_other_holder(clean_redis: Redis) -> None:
    async with running() as group:
        held = await lease.take(redis(), KEY, "one")
        numbering = group.numbering(held)
        clean_redis.config_set("maxmemory", 1)
        try:
            numbering.open(WANT, Kept(), now_ns=5_000_000)
            numbering.take(trade(1))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(group.publisher.drained(), 0.5)
        finally:
            clean_redis.config_set("maxmemory", 0)
        await asyncio.wait_for(group.publisher.drained(), 5)
        assert group.refused == []
        assert clean_redis.xlen(keys.history(TOPIC)) == 1


async def test_what_was_written_under_a_lease_that_was_let_go_is_not_said_again(clean_redis: Redis) -> None:
    async with running() as group:
        given, ours = [await lease.take(redis(), key, "one") for key in (KEY, f"{KEY}1")]
        for held, want in ((given, WANT), (ours, ("trade", "ETH-USDT"))):
            numbering = group.numbering(held)
            line = numbering.open(want, Kept(), now_ns=5_000_000)
        await group.publisher.drained()
        group.publisher.let_go(given)
        clean_redis.flushall()  # as after a restart without a file
        group.publisher._unsure = True
        numbering.status(line, "live", 6_000_000)
        await group.publisher.drained()
        assert not clean_redis.exists(KEY)
        assert clean_redis.get(ours.key).decode() == ours.token
