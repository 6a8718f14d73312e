"""A replay as it runs: its pace, its end, its death and what goes on after it, on a real Redis."""

import asyncio
import time
from pathlib import Path

import pytest
from channels.layers import channel_layers
from redis import Redis

from exchanges import registry
from recordings.replay import performance
from recordings.replay.faults import Fault
from recordings.replay.script import Script
from streams import history, keys, replays
from streams.connection import redis
from streams.ending import ended
from tests.recordings.replay.frames import DEPTH, TRADE, closed, diff, ns, opened, snapshot, trade
from tests.recordings.replay.played import play
from tests.recordings.replay.stage import ids, player, told, written

TRADES = "replay-k3.binance.trade.BTC-USDT"
BOOK = "replay-k3.binance.depth.BTC-USDT"
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def empty(clean_redis: Redis) -> None:
    channel_layers.backends.clear()


def script(path: Path, **options: object) -> Script:
    return Script(replay="k3", paths=[path], **{"speed": None, **options})  # type: ignore[arg-type]


def market(count: int, every_ms: int = 10) -> list[bytes]:
    """Trades and a book, a break in the middle."""
    texts = [opened(0, wants=[TRADE, DEPTH]), diff(1, 101, 102), snapshot(2, 102)]
    for number in range(1, count + 1):
        at_ms = number * every_ms
        if number == count // 2:
            texts += [closed(at_ms), opened(at_ms, "b", [TRADE, DEPTH]), diff(at_ms, 101, 102, connection="b")]
            texts.append(snapshot(at_ms, 102, connection="b"))
        name, update = ("a", 102 + number) if number < count // 2 else ("b", 103 + number - count // 2)
        texts += [trade(at_ms, number, name), diff(at_ms, update, update, f"{84000 + number % 50}", name, str(number))]
    return texts


async def until(found: object, patience_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(patience_s):
        while not await found():  # type: ignore[operator]
            await asyncio.sleep(0.02)


async def test_all_of_a_recording_is_told_once_and_in_order(tmp_path: Path) -> None:
    texts = market(400)
    last = await (await player(script(written(tmp_path / "r", texts)))).run()
    assert (last.state, last.detail, last.lines) == ("done", "", len(texts))
    events = await told(TRADES)
    assert ids(events) == list(range(1, 401)) and {event["source"] for event in events} == {"replay"}
    assert [event["event"] for event in events].count("gap") == 1
    assert last.hash == play(texts).told.hash and last.kinds["gap"] == 2 == last.gaps
    assert last.topics == {"binance.depth.BTC-USDT": 403, "binance.trade.BTC-USDT": 401}


async def test_the_end_is_said_and_its_keys_go_within_an_hour(tmp_path: Path, clean_redis: Redis) -> None:
    await (await player(script(written(tmp_path / "r", market(20))))).run()
    (kept,) = await history.kept(redis(), [TRADES])
    assert kept.state == "stopped" and b"the replay has ended" in kept.status and not kept.carried
    assert all(3500 < clean_redis.ttl(key) <= 3600 for key in (keys.history(TRADES), keys.latest(TRADES)))
    assert clean_redis.zscore(keys.RUNNING, TRADES) is None and await replays.running(redis()) == {}
    assert clean_redis.get(keys.lease("replay", "k3")) is None


async def test_delays_are_those_of_the_recording(tmp_path: Path) -> None:
    texts = [opened(0), *(trade(100 * number, number) for number in range(1, 6))]
    began_s = time.monotonic()
    running = asyncio.create_task((await player(script(written(tmp_path / "r", texts), speed=1.0))).run())
    heard: dict[int, float] = {}

    async def all_heard() -> bool:
        for number in ids(await told(TRADES)):
            heard.setdefault(number, time.monotonic() - began_s)
        return len(heard) == 5

    await until(all_heard)
    await running
    between = [heard[number] - heard[1] for number in range(2, 6)]
    assert all(abs(got - 0.1 * place) < 0.09 for place, got in enumerate(between, 1)), between


async def test_a_replay_that_begins_paused_says_nothing_until_it_goes_on(tmp_path: Path) -> None:
    topics = frozenset({"binance.trade.BTC-USDT"})
    file = written(tmp_path / "r", market(10))
    one = await player(script(file, speed=1.0, paused=True, topics=topics))
    running = asyncio.create_task(one.run())

    async def shown() -> bool:
        return (await replays.running(redis())).get("k3") is not None

    await until(shown)
    assert (await replays.running(redis()))["k3"].topics == [TRADES]
    assert one.progress().state == "paused" and await told(TRADES) == []
    one.wish(None, paused=False)
    assert (await running).state == "done" and len(ids(await told(TRADES))) == 10


async def test_one_that_is_stopped_says_so_and_ends(tmp_path: Path) -> None:
    one = await player(script(written(tmp_path / "r", market(1000)), speed=1.0))
    running = asyncio.create_task(one.run())

    async def begun() -> bool:
        return bool(await told(TRADES))

    await until(begun)
    one.stop("stopped", "somebody stopped it")
    last = await running
    assert (last.state, last.detail) == ("stopped", "somebody stopped it")
    (kept,) = await history.kept(redis(), [TRADES])
    assert b"somebody stopped it" in kept.status


async def test_after_a_kill_another_goes_on_where_it_was_with_no_hole_and_nothing_twice(
    tmp_path: Path, clean_redis: Redis
) -> None:
    texts = market(1500, every_ms=4)
    file = written(tmp_path / "r", texts)
    one = await player(script(file, speed=2.0))
    running = asyncio.create_task(one.run())

    async def position() -> bool:
        return bool(one.progress().position_ns) and len(await told(TRADES)) > 250

    await until(position)
    reached_ns = one.progress().position_ns
    # Its flush, its heartbeat, its reading: nothing parts, as after kill -9.
    await ended(asyncio.all_tasks() - {asyncio.current_task(), running})
    await ended([running])
    before = ids(await told(TRADES))
    clean_redis.delete(keys.lease("replay", "k3"))
    last = await (await player(script(file, position_ns=reached_ns), "two")).run()
    events = await told(TRADES)
    assert ids(events) == list(range(1, 1501)) and ids(events)[: len(before)] == before
    assert last.hash == play(texts).told.hash
    positions = [(event["epoch"], event["seq"]) for event in await told(BOOK)]
    assert positions == sorted(set(positions)) and len(positions) == last.topics["binance.depth.BTC-USDT"]


async def test_what_was_recorded_at_the_very_moment_of_the_kill_or_by_a_clock_that_was_set_back_is_told_after_it(
    tmp_path: Path,
) -> None:
    till_then = [opened(0), *(trade(1000, number) for number in range(1, 51))]
    later = [(1000, 51, 101), (400, 101, 111), (2000, 111, 121)]
    await (await player(script(written(tmp_path / "half", till_then)))).run()
    texts = [*till_then, *(trade(at_ms, number) for at_ms, one, end in later for number in range(one, end))]
    last = await (await player(script(written(tmp_path / "r", texts), position_ns=ns(1000)), "two")).run()
    assert ids(await told(TRADES)) == list(range(1, 121)) and last.hash == play(texts).told.hash


async def test_one_whose_lease_another_takes_leaves_it_to_that(tmp_path: Path, clean_redis: Redis) -> None:
    one = await player(script(written(tmp_path / "r", market(5000)), speed=1.0))
    running = asyncio.create_task(one.run())
    await until(lambda: told(TRADES))
    clean_redis.set(keys.lease("replay", "k3"), "9:another")
    last = await running
    assert one.left and last.state == "failed" and clean_redis.get(keys.lease("replay", "k3")) == b"9:another"
    (kept,) = await history.kept(redis(), [TRADES])
    assert kept.state != "stopped"


async def test_to_the_original_topics_epochs_rise_above_what_was_there_and_hold_loops_leave_them(
    tmp_path: Path, clean_redis: Redis
) -> None:
    topic, texts = "binance.trade.BTC-USDT", market(500)
    clean_redis.hset(keys.latest(topic), mapping={"position": "1790000000500-7"})
    clean_redis.xadd(keys.history(topic), {"events": "x"}, "1790000000500-7")
    later_ns = 3600 * 10**9
    file = written(tmp_path / "r", texts)
    one = await player(script(file, speed=2.0, original=True, later_ns=later_ns, topics=frozenset({topic})))
    running = asyncio.create_task(one.run())

    async def taken() -> bool:
        return topic in await replays.taken(redis())

    await until(taken)
    one.wish(None, paused=False)
    last = await running
    clean_redis.xdel(keys.history(topic), "1790000000500-7")
    events = await told(topic)
    assert ids(events) == list(range(1, 501)) and events[0]["source"] == "replay"
    assert events[0]["epoch"] == (ns(0) + later_ns) // 10**6 and events[0]["topic"] == topic
    assert last.hash == play(texts).told.hash and await replays.taken(redis()) == set()


async def test_faults_are_counted_and_told(tmp_path: Path) -> None:
    file = written(tmp_path / "r", market(300))
    faults = [Fault("drop", 0.1, 0)]
    first = await (await player(script(file, faults=faults, seed=7))).run()
    missing = set(range(1, 301)) - set(ids(await told(TRADES)))
    assert first.hits["drop"]["frames"] >= len(missing) > 5 and len(first.hits["drop"]["lines"]) == 20


async def test_what_is_damaged_is_a_gap_and_is_named_with_its_position(tmp_path: Path) -> None:
    texts = market(40)
    last = await (await player(script(written(tmp_path / "r", [*texts[:30], b'{"cut', *texts[30:]])))).run()
    assert last.state == "done" and "byte" in last.damage[0] and str(tmp_path / "r") in last.damage[0]
    assert "recovery" in {event.get("reason") for event in await told(TRADES)}


async def test_a_file_that_is_not_there_fails_with_its_name(tmp_path: Path) -> None:
    last = await (await player(script(tmp_path / "none"))).run()
    assert last.state == "failed" and str(tmp_path / "none") in last.detail


async def test_more_than_redis_takes_at_once_is_not_read_meanwhile(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("recordings.replay.player.WAITS_BYTES", 10_000)
    last = await (await player(script(written(tmp_path / "r", market(2000))))).run()
    assert len(ids(await told(TRADES))) == 2000 and last.gaps == 2


async def test_without_a_redis_the_same_is_counted_and_hashed(tmp_path: Path) -> None:
    texts = market(50)
    dry = performance.Performance(script(written(tmp_path / "r", texts)), registry.cards(), None)
    for item in dry.items():
        dry.take(item)
    dry.engine.end("over")
    assert dry.progress().hash == play(texts).told.hash
