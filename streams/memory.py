"""How much the histories take of the memory that is meant for them, measured now and then, and kept within it."""

from typing import NamedTuple

from redis.asyncio import Redis

from streams import keys

TURN_S = 10  # one of the hold loops measures
SAMPLES = 3  # entries of a history that are looked at; the rest is taken to be like them
AT_ONCE = 500  # topics a round trip
GONE_S = 60  # a topic without a heartbeat for so long is carried by nobody


class Memory(NamedTuple):
    """In bytes; `at_s` is when it was measured (unix seconds), 0 where it was not."""

    histories: int = 0
    topics: int = 0
    most: int = 0  # that all histories may take
    at_s: int = 0


async def turn(redis: Redis) -> bool:
    """Whether it is this loop's turn to measure."""
    return bool(await redis.set(keys.MEMORY_TURN, b"", nx=True, ex=TURN_S))


async def measure(redis: Redis, most: int) -> Memory:
    """Measures all histories; over `most` bytes those that nobody writes any more go, the longest silent first."""
    found = [(topic.decode(), int(at_s)) for topic, at_s in await redis.zrange(keys.RUNNING, 0, -1, withscores=True)]
    now_s, _ = await redis.time()
    sizes = await _sizes(redis, [topic for topic, _ in found])
    total = sum(sizes.values())
    for topic, at_s in found:  # by the time of the last heartbeat
        if total <= most or now_s - at_s < GONE_S:
            break
        await redis.unlink(keys.history(topic))
        total -= sizes.pop(topic, 0)
    memory = Memory(total, len(sizes), most, now_s)
    await redis.hset(keys.MEMORY, mapping=memory._asdict())
    return memory


async def measured(redis: Redis) -> tuple[Memory, int]:
    """What was measured last, and what Redis takes for everything."""
    fields = await redis.hgetall(keys.MEMORY)
    known = {name.decode(): int(value) for name, value in fields.items() if name.decode() in Memory._fields}
    info = await redis.info("memory")
    return Memory(**known), int(info["used_memory"])


async def _sizes(redis: Redis, topics: list[str]) -> dict[str, int]:
    """Bytes of each history that there is."""
    sizes: dict[str, int] = {}
    for start in range(0, len(topics), AT_ONCE):
        some = topics[start : start + AT_ONCE]
        pipeline = redis.pipeline(transaction=False)
        for topic in some:
            pipeline.memory_usage(keys.history(topic), samples=SAMPLES)
        sizes |= {topic: size for topic, size in zip(some, await pipeline.execute(), strict=True) if size}
    return sizes
