"""The recorder: what it writes of the tapes, how it goes on after a kill, and what it says where it cannot write."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from recordings import index, lines, reader, taped
from recordings.models import Recording
from recordings.recorder import LEASE, Place, Recorder
from streams import keys
from streams.connection import redis
from streams.ending import ended
from tests.recordings.tape import Loop, begun, noted
from tests.recordings.written import damages, frame, frames

PATIENCE_S = 20.0
PLACE = Place(sandbox=True, segment_bytes=10**6, pinned_bytes=10**6, free_bytes_min=0)
TOPIC = "binance.trade.BTC-USDT"


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    return settings.RECORDINGS_DIR


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recordings.recorder.TURN_S", 0.2)


@pytest.fixture
def tape(transactional_db: None, folder: Path, clean_redis: Redis) -> Iterator[Loop]:
    yield Loop(clean_redis)


@asynccontextmanager
async def recorder(**options: Any) -> AsyncIterator[Recorder]:
    """At the end it leaves, as where its worker stops. What is to be taped was said already, as hold loops need it."""
    if not options.pop("unsaid", False):
        async for row in Recording.objects.filter(state__in=Recording.ACTIVE):
            await taped.say(redis(), taped.members([row.id], row.topics))
    made = Recorder(redis(), options.pop("name", "recorder"), options.pop("place", PLACE), **options)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        made.stop()
        try:
            await asyncio.wait_for(running, PATIENCE_S)
        finally:
            await ended([running])


async def killed(of: Recorder) -> None:
    """Nothing that it has not written is written any more."""
    for take, running in of._takes.values():
        sink = take._sink
        await ended([running])
        if sink:
            sink.leave()


async def asked(**fields: Any) -> Recording:
    return await Recording.objects.acreate(topics=[TOPIC], **fields)


async def until(found: Callable[[Recording], bool], row: Recording) -> Recording:
    async with asyncio.timeout(PATIENCE_S):
        while not found(row):
            await asyncio.sleep(0.05)
            await row.arefresh_from_db()
    return row


async def until_members(clean_redis: Redis, *members: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while set(clean_redis.zrange(keys.TAPED, 0, -1)) != {member.encode() for member in members}:
            await asyncio.sleep(0.05)


def with_frames(count: int) -> Callable[[Recording], bool]:
    return lambda row: row.frames >= count


def now(connection: str, number: int) -> bytes:
    return frame(connection, number, time.time_ns())


def put_in_the_way(folder: Path) -> None:
    folder.write_text("no folder")


def take_away(file: Path) -> None:
    file.unlink()


def there(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def complete(folder: Path) -> bool:
    known = index.read(folder)
    return known is not None and all(segment.sha256 for segment in known.segments)


async def test_what_the_tape_has_of_a_recording_is_written(tape: Loop, folder: Path, clean_redis: Redis) -> None:
    row = await asked(duration_s=3)
    async with recorder(unsaid=True):
        await until_members(clean_redis, f"{row.id}|{TOPIC}")
        assert clean_redis.zscore(keys.DEMAND, TOPIC)
        tape.put(begun("mine", [row.id, "other"], time.time_ns()), now("mine", 1), now("unknown", 2))
        tape.put(begun("theirs", ["other"], time.time_ns()), now("theirs", 3), now("mine", 4))
        await until(lambda row: row.frames == 2 and row.state == "recording", row)
        assert row.detail == ""
        await until(lambda row: row.state == "done", row)
        await until_members(clean_redis)
    found = list(reader.lines([folder / row.id]))
    assert (frames(found), damages(found)) == (["frame 1", "frame 4"], [])
    assert (row.frames, row.segments, row.lost) == (2, 1, 0)
    assert row.bytes == sum(file.stat().st_size for file in (folder / row.id).glob("*.zst"))
    assert lines.note(found[0]).sandbox is True  # type: ignore[union-attr, arg-type]


async def test_what_was_heard_after_the_end_is_left_out(tape: Loop, folder: Path) -> None:
    row = await asked(duration_s=1)
    async with recorder():
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        tape.put(frame("mine", 2, time.time_ns() + 3_600_000_000_000), now("mine", 3))
        await until(lambda row: row.state == "done", row)
    assert frames(reader.lines([folder / row.id])) == ["frame 1", "frame 3"]


async def test_one_recording_ends_while_another_goes_on(tape: Loop, folder: Path) -> None:
    short, long = await asked(duration_s=1), await asked()
    async with recorder():
        tape.put(begun("both", [short.id, long.id], time.time_ns()), now("both", 1))
        async with asyncio.timeout(PATIENCE_S):
            number = 1
            while short.state != "done":
                number += 1
                tape.put(now("both", number))
                await asyncio.sleep(0.05)
                await short.arefresh_from_db()
        await until(with_frames(number), long)
        assert long.state == "recording"
        assert 0 < short.frames < long.frames


async def test_another_goes_on_where_a_recorder_was_killed(tape: Loop, folder: Path, clean_redis: Redis) -> None:
    row = await asked()
    async with recorder(name="first") as first:
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        await until(with_frames(1), row)
        await killed(first)
        clean_redis.delete(LEASE)
        tape.put(now("mine", 2))
        tape.put(now("mine", 3))
        async with recorder(name="second"):
            while row.frames < 3:  # and never less than before
                assert (row.state, row.frames) == ("recording", 1)
                await until(lambda row: row.frames != 1, row)
    assert frames(reader.lines([folder / row.id])) == ["frame 1", "frame 2", "frame 3"]


async def test_an_entry_that_was_put_twice_is_written_once(tape: Loop, folder: Path) -> None:
    row = await asked()
    async with recorder():
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        tape.put(now("mine", 2))
        tape.put(now("mine", 2), number=2)
        tape.put(now("mine", 3))
        await until(with_frames(3), row)
    assert frames(reader.lines([folder / row.id])) == ["frame 1", "frame 2", "frame 3"]


async def test_a_hole_in_the_tape_is_said_and_connections_are_asked_for_anew(
    tape: Loop, folder: Path, clean_redis: Redis
) -> None:
    row = await asked()
    async with recorder():
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        await until(with_frames(1), row)
        tape.put(now("mine", 5), number=5)
        await until(lambda row: row.lost > 0, row)
        await until_members(clean_redis, f"{row.id}|{TOPIC}", f"{row.id}~1|{TOPIC}")
        tape.put(begun("anew", [f"{row.id}~1"], time.time_ns(), rehearsing=True), now("anew", 6))
        tape.put(noted("mine", "silent", time.time_ns()), noted("anew", "speaks", time.time_ns()), now("anew", 7))
        await until(with_frames(4), row)
    found = list(reader.lines([folder / row.id]))
    assert frames(found) == ["frame 1", "frame 5", "frame 6", "frame 7"]
    (lost,) = [one for one in found if isinstance(lines.note(one), lines.Lost)]  # type: ignore[arg-type]
    assert (lost.connection, "3 entries" in lines.note(lost).detail) == ("mine", True)  # type: ignore[union-attr, arg-type]


async def test_a_loop_that_died_leaves_no_connection_open(tape: Loop, folder: Path, clean_redis: Redis) -> None:
    row = await asked()
    async with recorder():
        tape.put(begun("old", [row.id], time.time_ns()), now("old", 1))
        Loop(clean_redis, "another").put(begun("new", [row.id], time.time_ns()), now("new", 2))
        await until(with_frames(2), row)
    found = [one for one in reader.lines([folder / row.id]) if isinstance(one, lines.Line)]
    assert [(one.connection, type(note).__name__) for one in found if (note := lines.note(one))][1:] == [
        ("old", "Opened"),
        ("old", "Closed"),
        ("new", "Opened"),
    ]


@pytest.mark.parametrize("how", ["removed", "in the way"])
async def test_a_recorder_that_cannot_write_says_so_and_goes_on(
    tape: Loop, folder: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("recordings.take.RETRY_S", 0.5)
    row = await asked()
    async with recorder():
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        await until(with_frames(1), row)
        shutil.rmtree(folder)
        if how == "in the way":
            put_in_the_way(folder)
        tape.put(now("mine", 2))
        await until(lambda row: row.state == "failing", row)
        assert "it cannot be written: " in row.detail
        assert row.failing_time is not None
        if how == "in the way":
            take_away(folder)
        tape.put(now("mine", 3))
        await until(lambda row: row.state == "recording" and row.frames >= 3, row)
        assert (row.detail, row.failing_time) == ("", None)
    assert frames(reader.lines([folder / row.id])) == ["frame 2", "frame 3"]


async def test_what_the_tape_dropped_while_nothing_could_be_written_is_said(
    tape: Loop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recordings.take.RETRY_S", 3.0)
    row = await asked()
    async with recorder():
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        await until(with_frames(1), row)
        shutil.rmtree(folder)
        put_in_the_way(folder)
        for number in range(2, 9):
            tape.put(now("mine", number))
        await until(lambda row: row.state == "failing", row)
        tape.trimmed(2)
        take_away(folder)
        await until(lambda row: row.lost > 0, row)
    assert frames(reader.lines([folder / row.id])) == ["frame 7", "frame 8"]


async def test_a_recording_that_somebody_stops_ends(tape: Loop, folder: Path, clean_redis: Redis) -> None:
    row = await asked()
    async with recorder():
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        await until(with_frames(1), row)
        await Recording.objects.filter(pk=row.id).aupdate(state="stopped")
        await until_members(clean_redis)
        async with asyncio.timeout(PATIENCE_S):
            while not complete(folder / row.id):
                await asyncio.sleep(0.05)
    await row.arefresh_from_db()
    assert (row.state, row.frames) == ("stopped", 1)


async def test_a_recording_whose_row_is_gone_leaves_no_files(tape: Loop, folder: Path) -> None:
    row = await asked()
    async with recorder():
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        await until(with_frames(1), row)
        await Recording.objects.filter(pk=row.id).adelete()
        async with asyncio.timeout(PATIENCE_S):
            while there(folder):
                await asyncio.sleep(0.05)


async def test_what_was_not_taped_while_no_recorder_lived_is_said(tape: Loop, folder: Path, clean_redis: Redis) -> None:
    row = await asked()
    async with recorder(name="first"):
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        await until(with_frames(1), row)
    tape.put(now("mine", 2))
    clean_redis.delete(keys.TAPED)  # as after a minute
    async with recorder(name="second", unsaid=True):
        await until(lambda row: row.lost > 0, row)
        tape.put(begun("anew", [row.id], time.time_ns(), rehearsing=True), now("anew", 3))
        tape.put(noted("anew", "speaks", time.time_ns()), now("anew", 4))
        await until(with_frames(4), row)
    found = [one for one in reader.lines([folder / row.id]) if isinstance(one, lines.Line)]
    said = [(one.connection, type(note).__name__) for one in found if (note := lines.note(one))]
    assert said[1:] == [
        ("mine", "Opened"), ("mine", "Lost"), ("anew", "Opened"), ("anew", "Speaks"), ("mine", "Closed")
    ]  # fmt: skip


async def test_a_redis_that_comes_back_empty_is_told_again_at_once(
    tape: Loop, folder: Path, clean_redis: Redis
) -> None:
    row = await asked()
    async with recorder():
        tape.put(begun("mine", [row.id], time.time_ns()), now("mine", 1))
        await until(with_frames(1), row)
        clean_redis.delete(keys.TAPED)
        async with asyncio.timeout(3):
            await until_members(clean_redis, f"{row.id}|{TOPIC}")
        tape.put(now("mine", 2))
        await until(with_frames(2), row)
    assert row.lost == 0


async def test_a_second_recorder_leaves_at_once(tape: Loop, clean_redis: Redis) -> None:
    await asked()
    async with recorder(name="first"):
        async with asyncio.timeout(PATIENCE_S):
            while not clean_redis.exists(LEASE):
                await asyncio.sleep(0.05)
            await Recorder(redis(), "second", PLACE).run()
        assert clean_redis.get(LEASE).endswith(b":first")  # type: ignore[union-attr]


async def test_a_recorder_without_work_ends(tape: Loop, monkeypatch: pytest.MonkeyPatch, clean_redis: Redis) -> None:
    monkeypatch.setattr("recordings.recorder.IDLE_S", 0.5)
    async with asyncio.timeout(PATIENCE_S):
        await Recorder(redis(), "idle", PLACE).run()
    assert not clean_redis.exists(LEASE)


async def test_pins_are_followed(tape: Loop, folder: Path, clean_redis: Redis) -> None:
    pins = {TOPIC}

    async def followed() -> set[str]:
        return set(pins)

    async with recorder(pins=followed):
        async with asyncio.timeout(PATIENCE_S):
            while not await Recording.objects.filter(pinned=True, state="waiting").aexists():
                await asyncio.sleep(0.05)
        row = await Recording.objects.aget()
        await until_members(clean_redis, f"{row.id}|{TOPIC}")
        pins.add("binance.depth.BTC-USDT")
        await until_members(clean_redis, f"{row.id}|{TOPIC}", f"{row.id}|binance.depth.BTC-USDT")
        pins.clear()
        await until(lambda row: row.state == "stopped", row)
        await until_members(clean_redis)


async def test_what_is_taped_goes_with_who_wanted_it(tape: Loop, clean_redis: Redis) -> None:
    clean_redis.zadd(keys.TAPED, {"long gone|binance.trade.ETH-USDT": 1})
    await taped.say(redis(), {"k3|" + TOPIC})
    assert clean_redis.zrange(keys.TAPED, 0, -1) == [f"k3|{TOPIC}".encode()]
