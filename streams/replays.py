"""Which replays run, as web processes find their topics and hold loops leave alone what a replay tells."""

from collections.abc import Collection
from difflib import get_close_matches

import msgspec
from redis.asyncio import Redis

from exchanges.symbols import Topic, folded
from streams import keys
from streams.messages import Refused

KEEP_S = 60  # after its process was last heard of; another goes on with it within seconds
TAKEN_S = 10  # a topic is left alone for so long after its replay was last heard of
NAMED = 10  # in a refusal


class Shown(msgspec.Struct):
    """One replay: its topics, and until when (unix seconds, by Redis' clock) it counts as running."""

    topics: list[str]
    until_s: int
    state: str = ""
    kafka: list[str] = []  # those of its topics, or of the original ones, that go there


_read = msgspec.json.Decoder(Shown).decode
_taken = "return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. redis.call('TIME')[1], '+inf')"


async def show(
    redis: Redis,
    replay: str,
    topics: Collection[str],
    state: str,
    keep_s: int = KEEP_S,
    kafka: Collection[str] = (),
) -> None:
    """It runs, or is about to."""
    now_s, _ = await redis.time()
    shown = Shown(sorted(topics), now_s + keep_s, state, sorted(kafka))
    await redis.hset(keys.REPLAYS, replay, msgspec.json.encode(shown))


async def hide(redis: Redis, replay: str) -> None:
    """It has ended."""
    await redis.hdel(keys.REPLAYS, replay)


async def running(redis: Redis) -> dict[str, Shown]:
    """Those that run, by their id; the others go."""
    now_s, _ = await redis.time()
    found = {name.decode(): _read(text) for name, text in (await redis.hgetall(keys.REPLAYS)).items()}
    gone = [name for name, shown in found.items() if shown.until_s < now_s]
    if gone:
        await redis.hdel(keys.REPLAYS, *gone)
    return {name: shown for name, shown in found.items() if name not in gone}


async def for_kafka(redis: Redis) -> set[str]:
    """The topics of replays that go to Kafka."""
    return {topic for shown in (await running(redis)).values() for topic in shown.kafka}


async def take(redis: Redis, topics: Collection[str]) -> None:
    """These topics are a replay's for a while: no hold loop carries them. Said again every second."""
    if topics:
        now_s, _ = await redis.time()
        await redis.zadd(keys.REPLAYED, dict.fromkeys(topics, now_s + TAKEN_S))


async def give_back(redis: Redis, topics: Collection[str]) -> None:
    """Hold loops may carry them again."""
    if topics:
        await redis.zrem(keys.REPLAYED, *topics)


async def taken(redis: Redis) -> set[str]:
    """The topics that hold loops leave alone."""
    return {topic.decode() for topic in await redis.eval(_taken, 1, keys.REPLAYED)}


async def topic(redis: Redis, asked: Topic) -> str:
    """The topic of a running replay that is meant, in any spelling of its market; Refused where there is none."""
    return meant(asked, await running(redis))


def meant(asked: Topic, running: dict[str, Shown]) -> str:
    """The same, of these replays; pure."""
    shown = running.get(asked.replay)
    if shown is None:
        would = f"{_some(running)} would do" if running else "none runs at the moment"
        raise Refused("bad_request", f"topics: no replay {asked.replay[:80]!r} runs (any more); {would}")
    topics = [Topic.parse(name) for name in shown.topics]
    exchanges = sorted({one.exchange for one in topics})
    topics = [one for one in topics if one.exchange == asked.exchange.lower()]
    if not topics:
        raise Refused("unknown_exchange", f"exchange: {asked.exchange[:80]!r} came; {_some(exchanges)} would do")
    symbols = sorted({one.symbol for one in topics if folded(one.symbol) == folded(asked.symbol)})
    found = [one for one in topics if one.symbol in symbols and one.stream == asked.stream]
    if found:
        return str(next((one for one in found if one.symbol == asked.symbol), found[0]))
    if symbols:
        streams = sorted({one.stream for one in topics if one.symbol in symbols})
        came = f"stream: {asked.stream[:80]!r} came, which replay {asked.replay} does not have of {symbols[0]}"
        raise Refused("unknown_stream", f"{came}; {_some(streams)} would do")
    known = sorted({one.symbol for one in topics})
    near = get_close_matches(asked.symbol.upper(), known, n=3, cutoff=0.4) or known
    came = f"pair: {asked.symbol[:80]!r} is no market of {asked.exchange} in replay {asked.replay}"
    raise Refused("unknown_pair", f"{came}; nearest: {_some(near)}")


def _some(words: Collection[str]) -> str:
    listed = list(words)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more
