"""How single topics are doing, as `status/` says of all."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from asgiref.sync import async_to_sync
from redis.exceptions import RedisError

from marketdata import cards, instruments
from marketdata.problems import Problem
from streams import keys, status
from streams.connection import redis
from streams.status import SHOWN, Row


class State(NamedTuple):
    state: str
    detail: str


def of(topics: Sequence[str]) -> dict[str, State]:
    """By topic. Problem where Redis does not answer."""
    try:
        rows = async_to_sync(_read)(topics) if topics else []
    except (RedisError, OSError) as error:
        raise Problem("unavailable", f"Redis does not answer ({error}); try again.") from None
    markets, used = cache(instruments.current), cards.codes()
    found = {}
    for row in rows:
        code = row["exchange"]
        impossible = status.impossible(row, markets(code)) if code in used else _unused(code)
        told = {**row, **impossible}
        found[row["topic"]] = State(told["status"], told["detail"])
    return found


def _unused(code: str) -> Row:
    return {"status": "not_supported", "detail": f"{code} is none of the exchanges that are in use here"}


async def _read(topics: Sequence[str]) -> list[Row]:
    store = redis()
    now_s, _ = await store.time()
    heartbeats = await store.zmscore(keys.RUNNING, list(topics))
    pipeline = store.pipeline(transaction=False)
    for topic in topics:
        pipeline.hmget(keys.latest(topic), SHOWN)
    known = [dict(zip(SHOWN, values, strict=True)) for values in await pipeline.execute()]
    return [
        status.stream(topic, fields, None if at is None else int(at), now_s)
        for topic, fields, at in zip(topics, known, heartbeats, strict=True)
    ]
