"""Which topics are wanted: entries that expire unless somebody goes on wanting."""

from collections.abc import Collection

from redis.asyncio import Redis

from streams.keys import DEMAND

KEEP_S = 60  # a stream goes on for so long after its last subscriber left
REFRESH_S = 10

_want = """
local now = redis.call('TIME')[1]
for n = 2, #ARGV do
  redis.call('ZADD', KEYS[1], 'GT', now + ARGV[1], ARGV[n])
end
"""
_wanted = """
local now = redis.call('TIME')[1]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


async def want(redis: Redis, topics: Collection[str], keep_s: int | None = None) -> None:
    """Somebody wants the topics; said again every REFRESH_S for as long as it is so."""
    if topics:
        await redis.eval(_want, 1, DEMAND, KEEP_S if keep_s is None else keep_s, *topics)


async def wanted(redis: Redis) -> set[str]:
    """The topics somebody wants now."""
    return {topic.decode() for topic in await redis.eval(_wanted, 1, DEMAND)}
