"""What connections hear and say is put on the tape while somebody records, from their beginning, without a gap."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from exchanges import registry
from exchanges.contract import Request
from exchanges.errors import ExchangeError
from exchanges.symbols import Instruments
from streams import keys, tape
from streams.connection import redis
from streams.ending import ended
from streams.tape import Tape
from tests.sandbox_server import SandboxServer
from tests.streams.carried import carried
from tests.streams.heard import is_
from tests.streams.live import Web, hold_loop

TRADES, DEPTH = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT"
Line = dict[str, Any]


def taped(store: Redis, exchange: str = "binance") -> list[Line]:
    """All lines that are on the tape, in order."""
    entries = store.xrange(keys.tape(exchange))
    return [json.loads(line) for _, fields in entries for line in fields[b"lines"].split(b"\n")]


def record(store: Redis, recording: str, *topics: str) -> None:
    store.zadd(keys.TAPED, {f"{recording}|{topic}": time.time() + 60 for topic in topics})


def notes(lines: list[Line]) -> list[tuple[str, Line]]:
    return [(line["connection"], json.loads(line["raw"])) for line in lines if line.get("direction") == "note"]


async def until(store: Redis, found: Callable[[list[Line]], bool]) -> list[Line]:
    async with asyncio.timeout(20):
        while not found(lines := taped(store)):
            await asyncio.sleep(0.02)
    return lines


def has_note(*names: str) -> Callable[[list[Line]], bool]:
    return lambda lines: set(names) <= {note["note"] for _, note in notes(lines)}


async def test_a_recording_begins_with_a_connection_of_its_own_and_costs_no_gap(web: Web, clean_redis: Redis) -> None:
    async with hold_loop(), web.client() as client:
        await client.subscribe(TRADES, DEPTH)
        await client.until(is_("depth", DEPTH, type="snapshot"))
        assert not clean_redis.exists(keys.tape("binance"))
        record(clean_redis, "r1", TRADES, DEPTH)
        lines = await until(clean_redis, has_note("speaks"))
        await client.several(10, is_("trade", TRADES))
        assert not [event for event in client.heard if event.get("event") == "gap"]
    (first, opened), *_ = notes(lines)
    assert opened["note"] == "opened"
    assert (opened["exchange"], opened["socket"], opened["rehearsing"], opened["joined"]) == ("binance", 0, True, False)
    assert opened["wants"] == [["depth", "BTC-USDT"], ["trade", "BTC-USDT"]]
    assert opened["recordings"] == ["r1"]
    assert [market["venue_symbol"] for market in opened["instruments"]] == ["BTCUSDT"]
    own = [line for line in taped(clean_redis) if line["connection"] == first]
    assert [line["received_ns"] for line in own] == sorted(line["received_ns"] for line in own)
    assert "BTCUSDT" in next(line["raw"] for line in own if "rest" in line or "@" in line["raw"]).upper()
    assert [line["rest"] for line in own if "rest" in line][0].startswith("/api/v3/depth?")
    assert any(line.get("direction") == "out" for line in own)
    assert any(json.loads(line["raw"]).get("data", {}).get("e") == "trade" for line in own if len(line) == 3)
    assert notes(taped(clean_redis))[-1] == (first, {"note": "silent"})


async def test_a_connection_that_breaks_says_so_and_the_next_is_another(
    web: Web, clean_redis: Redis, sandbox: SandboxServer
) -> None:
    record(clean_redis, "r1", TRADES)
    async with hold_loop(), web.client() as client:
        await client.subscribe(TRADES)
        await client.until(is_("trade", TRADES))
        sandbox.fault("disconnect", exchange="binance")
        await client.until(is_("gap", TRADES, reason="disconnect"))
        await client.until(is_("trade", TRADES))
        lines = await until(clean_redis, lambda lines: sum(n["note"] == "opened" for _, n in notes(lines)) == 2)
    (first, opened), (closed_on, closed), (second, again) = notes(lines)[:3]
    assert (opened["note"], closed["note"], again["note"]) == ("opened", "closed", "opened")
    assert first == closed_on != second
    assert (closed["reason"], opened["rehearsing"], again["rehearsing"]) == ("disconnect", False, False)


async def test_a_recording_that_has_ended_costs_nothing_more(web: Web, clean_redis: Redis) -> None:
    record(clean_redis, "r1", TRADES)
    async with hold_loop(), web.client() as client:
        await client.subscribe(TRADES)
        await until(clean_redis, lambda lines: len(lines) > 5)
        clean_redis.delete(keys.TAPED)
        async with asyncio.timeout(20):
            length = -1
            while length != (length := clean_redis.xlen(keys.tape("binance"))):
                await client.several(20, is_("trade", TRADES))
        before = clean_redis.xlen(keys.tape("binance"))
        await client.several(20, is_("trade", TRADES))
        assert clean_redis.xlen(keys.tape("binance")) == before


async def test_a_source_heard_from_its_middle_for_another_recording_falls_silent_under_its_old_name(
    sandbox: SandboxServer, clean_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape, "LOOK_S", 0.0)
    async with carried("coingecko", sandbox, ("ticker", "BTC-USD"), "key") as stream:
        session, ours = stream.session, stream.session._track.tape
        await stream.until_more("ticker", 1)
        for recording in ("r1", "r2", "r2"):
            record(clean_redis, recording, "coingecko.ticker.BTC-USD")
            await ours.look()
            session.record()
        await ours.part()
        (first, opened), (ended_on, silent), (second, again) = notes(taped(clean_redis, "coingecko"))
    assert first == ended_on != second and silent == {"note": "silent"}
    assert (opened["recordings"], again["recordings"], again["joined"]) == (["r1"], ["r1", "r2"], True)


async def test_what_could_not_wait_for_redis_is_declared_where_it_is_missing(
    clean_redis: Redis, listed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape, "WAITING_BYTES", 200)
    record(clean_redis, "r1", TRADES)
    ours = Tape(redis(), "one", 2**20)
    await ours.look()
    taping = ours.track(registry.card("binance"), "0-0", Instruments()).begin([("trade", "BTC-USDT")], rehearsing=False)
    for number in range(10):
        taping.heard(f"frame {number}", number)
    running = asyncio.create_task(ours.run())
    try:
        lines = await until(clean_redis, lambda lines: len(lines) >= 1)
        taping.heard("after", 11)
        lines = await until(clean_redis, lambda lines: lines[-1]["raw"] == "after")
    finally:
        await ended([running])
    kept = [line["raw"] for line in lines if line["raw"].startswith("frame")]
    lost = json.loads(lines[-2]["raw"])
    assert (lost["note"], lost["lines"]) == ("lost", 10 - len(kept))
    assert lost["lines"] > 0


async def test_what_was_sent_holds_no_key(clean_redis: Redis, listed: None) -> None:
    record(clean_redis, "r1", "alpaca.trade.AAPL")
    keyed = registry.card("alpaca")
    ours = Tape(redis(), "one", 2**20)
    await ours.look()
    card = replace(keyed, keys={"ALPACA_KEY_ID": "PK-very-secret", "ALPACA_SECRET_KEY": "hush-hush"})
    taping = ours.track(card, "0-0", Instruments()).begin([("trade", "AAPL")], rehearsing=False)
    taping.said('{"action":"auth","key":"PK-very-secret","secret":"hush-hush"}')
    taping.answered(Request("/asked"), b"your key PK-very-secret has spent its quota", 5)
    taping.failed(Request("/asked"), ExchangeError("PK-very-secret is no key"))
    running = asyncio.create_task(ours.run())
    try:
        async with asyncio.timeout(10):
            while len(lines := taped(clean_redis, "alpaca")) < 4:
                await asyncio.sleep(0.01)
    finally:
        await ended([running])
    assert [line["raw"] for line in lines[1:3]] == [
        '{"action":"auth","key":"***","secret":"***"}', "your key *** has spent its quota"
    ]  # fmt: skip
    assert json.loads(lines[3]["raw"])["detail"] == "*** is no key"


async def test_what_happens_to_a_connection_is_on_the_tape_though_frames_could_not_wait(
    clean_redis: Redis, listed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a recording would know nothing of a connection that was opened while Redis was away."""
    monkeypatch.setattr(tape, "WAITING_BYTES", 1000)
    record(clean_redis, "r1", TRADES)
    ours = Tape(redis(), "one", 2**20)
    await ours.look()
    track = ours.track(registry.card("binance"), "0-0", Instruments())
    first = track.begin([("trade", "BTC-USDT")], rehearsing=False)
    for number in range(100):
        first.heard(f"frame {number}", number)
    first.note("closed", reason="disconnect", detail="")
    second = track.begin([("trade", "BTC-USDT")], rehearsing=False)
    second.heard("lost too", 100)
    running = asyncio.create_task(ours.run())
    try:
        lines = await until(clean_redis, lambda lines: len(lines) > 5)
        second.heard("after", 101)
        lines = await until(clean_redis, lambda lines: lines[-1]["raw"] == "after")
    finally:
        await ended([running])
    assert [note["note"] for _, note in notes(lines)] == ["opened", "lost", "closed", "opened", "lost"]
    assert [note.get("lines") for _, note in notes(lines)][4] == 1


async def test_what_is_being_written_as_the_tape_ends_is_written_once(clean_redis: Redis, listed: None) -> None:
    record(clean_redis, "r1", TRADES)
    ours = Tape(redis(), "one", 2**20)
    await ours.look()
    taping = ours.track(registry.card("binance"), "0-0", Instruments()).begin([("trade", "BTC-USDT")], rehearsing=False)
    clean_redis.execute_command("CLIENT", "PAUSE", 300, "WRITE")
    running = asyncio.create_task(ours.run())
    for number in range(10):
        taping.heard(f"frame {number}", number)
        await asyncio.sleep(0.01)
    await ended([running])
    taping.note("silent")
    await ours.part()
    numbers: dict[bytes, list[str]] = {}
    for _, fields in clean_redis.xrange(keys.tape("binance")):
        numbers.setdefault(fields[b"number"], [json.loads(line)["raw"] for line in fields[b"lines"].split(b"\n")])
    told = [raw for raws in numbers.values() for raw in raws]
    assert [raw for raw in told if raw.startswith("frame")] == [f"frame {number}" for number in range(10)]
