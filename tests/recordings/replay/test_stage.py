"""Replays from the request to the last event: begun, watched by early and late clients, paused, stopped, refused."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from redis import Redis

import config.celery  # noqa: F401  (tasks that are sent go to the Redis of the tests)
from exchanges import registry
from marketdata import filters
from marketdata.problems import Problem
from recordings.lines import Header
from recordings.models import Recording, Replay
from recordings.replay import asking, table
from recordings.replay.asking import ChangeBody, ReplayBody
from recordings.replay.stage import Stage
from recordings.segments import Writer
from streams import keys, status
from streams.connection import redis
from streams.ending import ended
from tests.recordings import written
from tests.recordings.replay.frames import TRADE, opened, trade
from tests.recordings.replay.stage import ids, told
from tests.streams.heard import is_
from tests.streams.live import Web

PATIENCE_S = 20.0


@pytest.fixture
def recording(transactional_db: None, settings: Any, tmp_path: Path, clean_redis: Redis) -> Recording:
    """Two seconds of trades."""
    settings.RECORDINGS_DIR = tmp_path
    channel_layers.backends.clear()
    row = Recording.objects.create(name="two seconds", topics=["binance.trade.BTC-USDT"], state="done")
    to = Writer(tmp_path / row.id, Header(recording=row.id), 10**6)
    written.write(to, [opened(0, wants=[TRADE]), *(trade(20 * number, number) for number in range(1, 101))])
    to.close()
    return row


@sync_to_async
def begin(recording: Recording, **members: Any) -> Replay:
    return asking.begin(filters.read(ReplayBody, {"recordings": [recording.id], **members}), None)


@sync_to_async
def change(row: Replay, **members: Any) -> None:
    asking.change(Replay.objects.get(pk=row.pk), ChangeBody(**members))


@contextlib.asynccontextmanager
async def stage(name: str = "one", candles: Any = None) -> AsyncIterator[asyncio.Task[None]]:
    one = Stage(redis(), get_channel_layer(), registry.cards(), name, 10_000, 2**26, candles or (lambda *_: None))
    running = asyncio.create_task(one.run())
    try:
        yield running
    finally:
        await ended([running])


async def until(row: Replay, *states: str) -> Replay:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            now: Replay = await Replay.objects.aget(pk=row.pk)
            if now.state in states:
                return now
            await asyncio.sleep(0.05)


async def test_a_replay_is_played_to_its_end_and_its_row_says_what_it_was(recording: Recording) -> None:
    row = await begin(recording, speed="max")
    assert row.topics == {"binance.trade.BTC-USDT": 0} and row.last_ns > row.first_ns
    async with stage() as running:
        await asyncio.wait_for(running, PATIENCE_S)  # it returns when there is nothing more to play
    now = await until(row, "done")
    assert (now.events, now.gaps, now.lines, now.rejected) == (100, 0, 102, 0) and len(now.hash) == 64
    assert now.topics == {"binance.trade.BTC-USDT": 100} and now.kinds == {"trade": 100}
    assert now.position_ns == row.last_ns and now.finished_time


async def test_two_replays_of_a_recording_have_the_same_hash(recording: Recording) -> None:
    rows = [await begin(recording, speed=speed) for speed in ("max", 20)]
    async with stage():
        hashes = {(await until(row, "done")).hash for row in rows}
    assert len(hashes) == 1


async def test_a_client_that_comes_before_the_first_event_hears_all_and_one_that_is_late_the_newest_state_first(
    recording: Recording, web: Web
) -> None:
    row = await begin(recording, paused=True)
    topic = f"replay-{row.id}.binance.trade.BTC-USDT"
    async with stage(), web.client() as early, web.client() as late:
        await early.subscribe(f"replay-{row.id}.binance.trade.btcusdt")
        assert (await early.next())["topic"] == topic
        await until(row, "paused")
        await change(row, paused=False)
        first = await early.until(is_("trade", topic))
        assert (first["trade_id"], first["seq"], first["source"]) == ("1", 1, "replay")
        await early.until(lambda event: event.get("trade_id") == "60")
        (shown,) = (await sync_to_async(status.of)(["binance"]))["streams"]
        assert (shown["topic"], shown["replay"], shown["status"]) == (topic, row.id, "live")
        await late.subscribe(topic)
        await late.until(lambda event: event.get("trade_id") == "100")
        ids = [int(event["trade_id"]) for event in late.counted(topic)]
        assert ids == list(range(ids[0], 101)) and 1 < ids[0] < 60
        await early.until(lambda event: event.get("status") == "stopped")
        assert [event["seq"] for event in early.counted(topic)] == list(range(1, 101))
        await until(row, "done")
        await late.say(action="subscribe", topics=[f"replay-{row.id}.binance.ticker.BTC-USDT"])
        refused = await late.until(lambda message: message.get("result") is False)
        assert refused["error"]["code"] == "bad_request" and "none runs" in refused["error"]["message"]


async def test_one_that_is_stopped_ends(recording: Recording) -> None:
    row = await begin(recording, speed="0.1")
    async with stage() as running:
        await until(row, "playing")
        await sync_to_async(asking.stop)(row)
        await asyncio.wait_for(running, PATIENCE_S)
    now = await until(row, "stopped")
    assert now.detail == "somebody stopped it" and 0 < now.events < 100


async def test_a_process_that_is_stopped_leaves_its_replay_to_another(recording: Recording) -> None:
    row = await begin(recording, speed="0.5")
    first = Stage(redis(), get_channel_layer(), registry.cards(), "one", 10_000, 2**26, lambda *_: None)
    running = asyncio.create_task(first.run())
    await until(row, "playing")
    first.stop()
    await asyncio.wait_for(running, PATIENCE_S)
    left = await until(row, "waiting")
    assert "another goes on" in left.detail
    await change(row, speed="max")
    async with stage("two"):
        now = await until(row, "done")
    assert now.events == 100 and now.topics == {"binance.trade.BTC-USDT": 100}


async def test_what_a_command_plays_is_no_ones_else_and_ends_with_it(recording: Recording) -> None:
    row = await Replay.objects.acreate(files=["/nowhere"], state="playing")
    assert await sync_to_async(table.active)() == [] and not await sync_to_async(table.anything)()
    await Replay.objects.filter(pk=row.pk).aupdate(heard_time="2026-01-01T00:00Z")
    await sync_to_async(table.active)()
    assert (await until(row, "stopped")).detail == "its command was killed"


REFUSED = {
    "speed": ({"speed": "fast"}, "'fast' came; max, or how many times"),
    "faults": ({"faults": [{"fault": "melt", "rate": "0.1"}]}, "faults.0: {'fault': 'melt', 'rate': '0.1'} came"),
    "recordings": ({"recordings": ["none"]}, "'none' came;"),
}


@pytest.mark.parametrize("field", REFUSED)
async def test_what_cannot_be_replayed_is_refused_with_what_would_do(field: str, recording: Recording) -> None:
    members, words = REFUSED[field]
    with pytest.raises(Problem) as refused:
        await begin(recording, **members)
    assert refused.value.field == field and words in refused.value.message


async def test_to_topics_that_run_live_no_replay_goes(recording: Recording, clean_redis: Redis) -> None:
    topic, now_s = "binance.trade.BTC-USDT", int(clean_redis.time()[0])
    clean_redis.zadd(keys.RUNNING, {topic: now_s})
    clean_redis.hset(keys.latest(topic), mapping={"stopped": "0", "beat": now_s, "position": "5-1"})
    with pytest.raises(Problem, match=f"{topic} run now, or are pinned"):
        await begin(recording, original=True)
    clean_redis.zrem(keys.RUNNING, topic)
    row = await begin(recording, original=True, speed="max")
    async with stage():
        assert (await until(row, "done")).events == 100
    kept = clean_redis.hgetall(keys.latest(topic))
    assert int(kept[b"position"].partition(b"-")[0]) > 1_790_000_000_000


async def test_of_two_that_want_the_same_original_topics_the_second_is_refused(recording: Recording) -> None:
    first = await begin(recording, original=True, paused=True)
    with pytest.raises(Problem, match=f"replay {first.id} tells binance.trade.BTC-USDT"):
        await begin(recording, original=True)
    await sync_to_async(asking.stop)(first)
    await begin(recording, original=True)


async def test_one_that_waited_while_its_original_topics_began_to_run_live_fails_and_leaves_them(
    recording: Recording, clean_redis: Redis
) -> None:
    topic, row = "binance.trade.BTC-USDT", await begin(recording, original=True)
    now_s = int(clean_redis.time()[0])
    clean_redis.zadd(keys.RUNNING, {topic: now_s})
    clean_redis.hset(keys.latest(topic), mapping={"stopped": "0", "beat": now_s, "position": "5-1"})
    async with stage():
        now = await until(row, "failed", "done")
    assert (now.state, now.events) == ("failed", 0) and topic in now.detail
    assert clean_redis.zscore(keys.RUNNING, topic) == now_s and clean_redis.ttl(keys.latest(topic)) == -1
    assert clean_redis.hget(keys.latest(topic), "position") == b"5-1" and not clean_redis.exists(keys.history(topic))


async def test_one_that_waited_is_told_above_what_was_told_meanwhile(recording: Recording, clean_redis: Redis) -> None:
    topic, row = "binance.trade.BTC-USDT", await begin(recording, original=True, speed="max")
    ran = f"{time.time_ns() // 10**6 + 3_600_000}-9"
    clean_redis.hset(keys.latest(topic), mapping={"stopped": "1", "position": ran})
    clean_redis.xadd(keys.history(topic), {"events": "x"}, ran)
    async with stage():
        assert (await until(row, "done")).events == 100
    clean_redis.xdel(keys.history(topic), ran)
    assert ids(await told(topic)) == list(range(1, 101))
