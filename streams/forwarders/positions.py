"""Up to where an output has each topic: kept in Redis, written by who holds the output's lease alone."""

from collections.abc import Mapping, Sequence

from redis.asyncio import Redis

from streams import keys
from streams.lease import Lease
from streams.position import START, Position

# KEYS: lease, positions. ARGV: token, count of topics to forget, these, then (topic, position) of each other.
_store = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local forget = tonumber(ARGV[2])
for n = 3, forget + 2 do redis.call('HDEL', KEYS[2], ARGV[n]) end
for n = forget + 3, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[n], ARGV[n + 1]) end
return 1
"""


async def stored(redis: Redis, output: str) -> dict[str, Position]:
    """By topic."""
    found = await redis.hgetall(keys.forwarded(output))
    return {topic.decode(): Position.parse(position) for topic, position in found.items()}


async def count(redis: Redis, output: str) -> int:
    """How many topics have one."""
    return int(await redis.hlen(keys.forwarded(output)))


async def store(
    redis: Redis, output: str, lease: Lease, positions: Mapping[str, Position], forget: Sequence[str] = ()
) -> bool:
    """False where the lease is another's, or nobody's, by now: nothing was written."""
    pairs = [part for topic, position in positions.items() for part in (topic, str(position))]
    arguments = (lease.token, len(forget), *forget, *pairs)
    return bool(await redis.eval(_store, 2, lease.key, keys.forwarded(output), *arguments))


async def ends(redis: Redis, topics: Sequence[str]) -> list[Position]:
    """Where each topic stands now: a topic that was never forwarded begins after it."""
    pipeline = redis.pipeline(transaction=False)
    for topic in topics:
        pipeline.hget(keys.latest(topic), "position")
        pipeline.xrevrange(keys.history(topic), count=1)
    answers = await pipeline.execute()
    return [
        max(Position.parse(said) if said else START, *(Position.parse(entry_id) for entry_id, _ in newest), START)
        for said, newest in zip(answers[::2], answers[1::2], strict=True)
    ]
