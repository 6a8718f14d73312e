"""How the streams are doing: what each hold loop says of its topics, of itself and of its connections."""

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from asgiref.sync import async_to_sync
from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges.decimals import plain
from exchanges.symbols import Topic
from marketdata import live_state
from marketdata.problems import Problem
from streams import keys
from streams.connection import redis
from streams.newest import carried, said
from streams.pins import pinned
from streams.position import Position

Row = dict[str, Any]
Fields = dict[bytes, bytes]

SHOWN = (b"rate", b"lag_ms", b"gaps", b"position", b"loop", b"time_us", b"status", b"stopped")
ORPHAN = "no worker carries it"  # the detail of a stream that is wanted, or ran, and has no hold loop now


def of(codes: Sequence[str]) -> Row:
    """The state of these exchanges. Problem where Redis does not answer."""
    pins = pinned()
    try:
        found = async_to_sync(_read)(codes, pins)
    except (RedisError, OSError) as error:
        raise Problem("unavailable", f"Redis does not answer ({error}); try again.") from None
    exchanges = [{"exchange": code, **(live_state.of(code) or live_state.NONE)} for code in codes]
    return {"time": time.time_ns() // 1_000_000, **found, "exchanges": exchanges}


async def _read(codes: Sequence[str], pins: set[str]) -> Row:
    store = redis()
    heartbeats = {topic.decode(): int(at) for topic, at in await store.zrange(keys.RUNNING, 0, -1, withscores=True)}
    demanded = {topic.decode() for topic in await store.zrangebyscore(keys.DEMAND, f"({int(time.time())}", "+inf")}
    wanted = demanded | pins
    topics = sorted(topic for topic in wanted | heartbeats.keys() if topic.partition(".")[0] in codes)
    pipeline = store.pipeline(transaction=False)
    for topic in topics:
        pipeline.hmget(keys.latest(topic), SHOWN)
    known = [dict(zip(SHOWN, values, strict=True)) for values in await pipeline.execute()]
    rows = [
        stream(topic, fields, heartbeats.get(topic))
        for topic, fields in zip(topics, known, strict=True)
        if topic in wanted or fields[b"stopped"] == b"0"
    ]
    return {"streams": rows, "loops": await _loops(store)}


def stream(topic: str, fields: dict[bytes, bytes | None], heartbeat_s: int | None) -> Row:
    """One topic; `fields` are those of its `latest` hash, None where it has none."""
    last = said(fields[b"status"])
    status, detail = last.get("status", "starting"), last.get("detail", "")
    is_carried = carried(heartbeat_s, last)
    if not is_carried:
        status, detail = ("stale" if fields[b"stopped"] == b"0" else "starting"), ORPHAN
    position = Position.parse(fields[b"position"] or b"0-0")
    named = Topic.parse(topic)._asdict()
    time_us = int(fields[b"time_us"] or 0)
    return {
        "topic": topic,
        **named,
        "status": status,
        "detail": detail,
        "rate": Decimal(plain(fields[b"rate"].decode())) if fields[b"rate"] and is_carried else None,
        "lag_ms": int(fields[b"lag_ms"]) if fields[b"lag_ms"] and is_carried else None,
        "gaps": int(fields[b"gaps"] or 0),
        "epoch": position.epoch,
        "seq": position.seq,
        "last_event_time": time_us // 1000 if time_us else None,
        "loop": fields[b"loop"].decode() if fields[b"loop"] and is_carried else None,
    }


async def _loops(store: Redis) -> list[Row]:
    """The hold loops that live, by name."""
    now_s, _ = await store.time()
    names = [name.decode() for name in await store.zrangebyscore(keys.LOOPS, f"({now_s}", "+inf")]
    pipeline = store.pipeline(transaction=False)
    for name in sorted(names):
        pipeline.hgetall(keys.loop(name))
    return [_loop(name, fields) for name, fields in zip(sorted(names), await pipeline.execute(), strict=True)]


def _loop(name: str, fields: Fields) -> Row:
    host = fields.get(b"host")
    counts = {key: int(fields.get(key.encode(), 0)) for key in ("pid", "shards", "topics")}
    return {"loop": name, "host": host.decode() if host else "", **counts}
