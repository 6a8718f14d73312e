"""How the streams are doing: what each hold loop says of its topics, of itself and of its connections."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges.budget import Budget, Left
from exchanges.contract import Card
from exchanges.decimals import plain
from exchanges.errors import Unreachable
from exchanges.symbols import REPLAY, Instruments, Topic
from marketdata import cards, instruments, live_state, times
from marketdata.models import Exchange
from marketdata.problems import Problem
from streams import keys, memory, standing
from streams.connection import redis
from streams.forwarders.state import outputs
from streams.newest import carried, said
from streams.pins import lasting
from streams.position import Position

Row = dict[str, Any]
Fields = dict[bytes, bytes]

SHOWN = (b"rate", b"lag_ms", b"gaps", b"position", b"loop", b"time_us", b"status", b"stopped")
ORPHAN = "no worker carries it"  # the detail of a stream that is wanted, or ran, and has no hold loop now


def of(codes: Sequence[str]) -> Row:
    """The state of these exchanges. Problem where Redis does not answer."""
    pins = lasting()
    try:
        found = async_to_sync(_read)(codes, pins)
        exchanges = [_exchange(cards.card(code), left) for code, left in found.pop("left").items()]
    except (RedisError, OSError, Unreachable) as error:
        raise Problem("unavailable", f"Redis does not answer ({error}); try again.") from None
    known = {code: instruments.current(code) for code in codes}
    rows = [{**row, **impossible(row, known[row["exchange"]])} for row in found.pop("streams")]
    return {"time": times.now_ms(), "streams": rows, **found, "exchanges": exchanges}


def _exchange(card: Card, left: Left) -> Row:
    counts = live_state.of(card.code) or live_state.NONE
    row = Exchange.objects.filter(code=card.code).first()
    now_ms, last_error = times.now_ms(), row.last_error if row else ""
    return {
        "exchange": card.code,
        **counts,
        "requests": standing.requests(left, now_ms),
        "troubles": standing.troubles(card, left, *live_state.refusals(card.code), last_error, now_ms),
    }


def impossible(row: Row, known: Instruments) -> Row:
    """What is said in place of a state where what is wanted cannot be carried: the source has no such stream, or no
    longer lists the market."""
    card = cards.card(row["exchange"])
    if row["replay"]:
        return {}
    if row["stream"] not in card.stream_names():
        offered = ", ".join(card.stream_names())
        return {"status": "not_supported", "detail": f"{card.code} does not offer {row['stream']}; it offers {offered}"}
    if not len(known) or row["symbol"] in known.by_symbol:
        return {}
    return {"status": "not_listed", "detail": f"{card.code} does not list {row['symbol']}"}


async def _read(codes: Sequence[str], pins: set[str]) -> Row:
    store = redis()
    now_s, _ = await store.time()
    left = {code: await Budget(store, code, cards.card(code).limits).left() for code in codes}
    heartbeats = {topic.decode(): int(at) for topic, at in await store.zrange(keys.RUNNING, 0, -1, withscores=True)}
    demanded = {topic.decode() for topic in await store.zrangebyscore(keys.DEMAND, f"({now_s}", "+inf")}
    wanted = demanded | pins
    wanted = {topic for topic in wanted if topic in heartbeats or not topic.startswith(REPLAY)}  # a replay may be over
    topics = sorted(topic for topic in wanted | heartbeats.keys() if Topic.parse(topic).exchange in codes)
    pipeline = store.pipeline(transaction=False)
    for topic in topics:
        pipeline.hmget(keys.latest(topic), SHOWN)
    known = [dict(zip(SHOWN, values, strict=True)) for values in await pipeline.execute()]
    rows = [
        stream(topic, fields, heartbeats.get(topic), now_s)
        for topic, fields in zip(topics, known, strict=True)
        if topic in wanted or fields[b"stopped"] == b"0"
    ]
    told = {"loops": await _loops(store), "memory": await _memory(store), "outputs": await outputs(store, _used())}
    return {"streams": rows, **told, "left": left}


def _used() -> tuple[str, ...]:
    """The outputs that this installation has."""
    return ("kafka",) if settings.KAFKA_BOOTSTRAP_SERVERS else ()


async def _memory(store: Redis) -> Row:
    """What the histories take, against what they may, and what Redis takes for everything."""
    known, redis_bytes = await memory.measured(store)
    return {
        "history_bytes": known.histories,
        "history_budget_bytes": known.most or settings.HISTORY_MB * 2**20,
        "history_topics": known.topics,
        "measured_time": known.at_s * 1000 or None,
        "redis_bytes": redis_bytes,
    }


def stream(topic: str, fields: dict[bytes, bytes | None], heartbeat_s: int | None, now_s: int) -> Row:
    """One topic; `fields` are those of its `latest` hash, None where it has none. Seconds are by Redis' clock."""
    last = said(fields[b"status"])
    status, detail = last.get("status", "starting"), last.get("detail", "")
    is_carried = carried(heartbeat_s, last, now_s)
    if not is_carried:
        status, detail = ("stale" if fields[b"stopped"] == b"0" else "starting"), ORPHAN
    position = Position.parse(fields[b"position"] or b"0-0")
    named = Topic.parse(topic)
    time_us = int(fields[b"time_us"] or 0)
    return {
        "topic": topic,
        "exchange": named.exchange,
        "stream": named.stream,
        "symbol": named.symbol,
        "replay": named.replay or None,
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
