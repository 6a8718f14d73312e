"""Which topics are to be put on tape, and for whom: entries that expire unless they are said again."""

from collections.abc import Collection, Iterable

from redis.asyncio import Redis

from streams.keys import TAPED

KEEP_S = 60
REFRESH_S = 10
MEMBERS = 1_000  # in one call

_say = """
local now = redis.call('TIME')[1]
for n = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[n]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
"""


def members(names: Iterable[str], topics: Iterable[str]) -> set[str]:
    """As they stand in the set: `<recording>|<topic>`."""
    topics = list(topics)
    return {f"{name}|{topic}" for name in names for topic in topics}


async def say(redis: Redis, wanted: Collection[str]) -> None:
    """These members, for KEEP_S more."""
    for some in _some(wanted):
        await redis.eval(_say, 1, TAPED, KEEP_S, *some)


async def forget(redis: Redis, unwanted: Collection[str]) -> None:
    """These members, at once."""
    for some in _some(unwanted):
        await redis.zrem(TAPED, *some)


def _some(wanted: Collection[str]) -> Iterable[list[str]]:
    wanted = list(wanted)
    return (wanted[at : at + MEMBERS] for at in range(0, len(wanted), MEMBERS))
