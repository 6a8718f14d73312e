"""What of the original topics is live now, so that no replay may tell them."""

from asgiref.sync import async_to_sync
from redis.asyncio import Redis
from redis.exceptions import RedisError

from marketdata.problems import Problem
from streams import history, keys, replays
from streams.connection import redis
from streams.newest import FRESH_S
from streams.pins import pinned


def of(topics: frozenset[str]) -> list[str]:
    """Those that hold loops carry, that are to run always, or that another replay tells. Problem where that cannot be
    known."""
    try:
        return sorted(async_to_sync(_found)(topics) | (topics & pinned()))
    except (RedisError, OSError) as error:
        raise Problem("unavailable", f"Redis does not answer ({error}); try again.") from None


async def _found(topics: frozenset[str]) -> set[str]:
    return await carried(redis(), topics)


async def carried(store: Redis, topics: frozenset[str]) -> set[str]:
    """Those that hold loops carry, or that another replay tells."""
    named = sorted(topics)
    now_s, _ = await store.time()
    beats = await store.zmscore(keys.RUNNING, named) if named else []
    known = await history.kept(store, named)
    fresh = {topic for topic, at_s in zip(named, beats, strict=True) if at_s and now_s - at_s <= FRESH_S}
    live = {topic for topic, kept in zip(named, known, strict=True) if kept.carried and topic in fresh}
    return live | (topics & await replays.taken(store))
