"""A shard passes from one hold loop to another with nothing lost: offered, rehearsed, handed over.

The one that lets go (it stops, or carries more than its share) offers the shard and goes on. One that has room claims
it, opens a connection of its own and hears what the other says too. Once it is ready, the first keeps its last books,
writes all it has said, and gives its lease over; the second goes on from those positions, in the same epoch.
"""

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec
from redis.asyncio import Redis

from streams import history, keys
from streams.continuity import hole
from streams.history import Kept, Range
from streams.lease import TTL_MS, Lease, release
from streams.position import START, Position
from streams.rehearsal import Said

TURN_S = 0.05
CLAIM_MS = 3000  # an offer or a claim that is not said again for so long is void
READY = b"ready "

_give = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local ready = redis.call('EXISTS', KEYS[3])
if ready == 1 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
redis.call('DEL', KEYS[2], KEYS[3])
return ready
"""
_abandon = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
local claim = redis.call('GET', KEYS[2])
if claim == ARGV[2] or claim == ARGV[3] then redis.call('DEL', KEYS[2]) end
"""


class _Said(msgspec.Struct):
    """What identifies an event that was said: a trade's id, a closed candle's opening."""

    event: str
    trade_id: str = ""
    open_time: int = 0
    closed: bool = False


_said = msgspec.json.Decoder(_Said).decode


async def offer(redis: Redis, lease: Lease) -> str | None:
    """Says that the shard may be taken; the token of who is ready to, None as long as nobody is."""
    await redis.set(keys.offer(lease.key), lease.token, px=CLAIM_MS)
    claim = await redis.get(keys.claim(lease.key))
    return claim.removeprefix(READY).decode() if claim and claim.startswith(READY) else None


async def claimed(redis: Redis, lease: Lease) -> bool:
    """Whether somebody is about to take it."""
    return bool(await redis.exists(keys.claim(lease.key)))


async def withdraw(redis: Redis, lease: Lease) -> None:
    """It is not to be taken any more."""
    await release(redis, Lease(keys.offer(lease.key), lease.token))


async def give(redis: Redis, lease: Lease, token: str) -> bool:
    """The lease is another's from now on; False where it was no longer ours to give, or where nobody claims it any
    more: then it is anybody's."""
    there = (lease.key, keys.offer(lease.key), keys.claim(lease.key))
    return bool(await redis.eval(_give, 3, *there, lease.token, token, TTL_MS))


async def offered(redis: Redis, lease_keys: Sequence[str]) -> list[str]:
    """Those of the shards that may be taken and that nobody has claimed."""
    if not lease_keys:
        return []
    offers = await redis.mget([keys.offer(key) for key in lease_keys])
    claims = await redis.mget([keys.claim(key) for key in lease_keys])
    return [key for key, open_, taken in zip(lease_keys, offers, claims, strict=True) if open_ and not taken]


async def claim(redis: Redis, lease_key: str, loop: str) -> Lease | None:
    """The lease as it will be ours, where nobody was quicker."""
    if not await redis.set(keys.claim(lease_key), loop, nx=True, px=CLAIM_MS):
        return None
    return Lease(lease_key, f"{await redis.incr(f'term:{lease_key}')}:{loop}")


async def claim_again(redis: Redis, lease: Lease, loop: str, ready: bool) -> Literal["given", "offered", "void"]:
    """Says the claim again, and whether we are ready; what has become of the offer."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.exists(keys.offer(lease.key))
    pipeline.get(lease.key)
    open_, holder = await pipeline.execute()  # read in this order: who gives takes the offer back in the same step
    if holder == lease.token.encode():
        return "given"
    if not open_:
        return "void"
    await redis.set(keys.claim(lease.key), READY + lease.token.encode() if ready else loop, px=CLAIM_MS)
    return "offered"


async def abandon(redis: Redis, lease: Lease, loop: str) -> None:
    """The shard is not taken after all, though the lease may have been given to us this moment."""
    there = (lease.key, keys.claim(lease.key))
    await redis.eval(_abandon, 2, *there, lease.token, loop, READY + lease.token.encode())


async def said_before(redis: Redis, topics: Sequence[str], stood: Sequence[Kept]) -> list[Collection[str]]:
    """Of each topic the last trades up to where it stood: an exchange may tell a new connection those again."""
    return [
        (await history.told_before(redis, topic, kept.position.epoch + 1, each=True)).ids
        for topic, kept in zip(topics, stood, strict=True)
    ]


async def said_since(redis: Redis, topics: Sequence[str], positions: Sequence[Position]) -> list[Said]:
    """Of each topic what was said after its position, as far as it is still kept. Nobody says anything meanwhile: the
    topics are asked about at once."""
    pages = await history.after_each(redis, list(zip(topics, positions, strict=True)))
    return [await _said_since(redis, *row) for row in zip(topics, positions, pages, strict=True)]


async def _said_since(redis: Redis, topic: str, position: Position, page: Range) -> Said:
    ids: set[str] = set()
    whole = True
    while page.events:
        whole = whole and hole(position, page, START) is None
        for _, text in page.events:
            event = _said(text)
            if event.event == "trade":
                ids.add(event.trade_id)
            elif event.closed:
                ids.add(str(event.open_time))
        position = page.last
        page = await history.after(redis, topic, position) if page.cut else Range()
    return Said(ids, whole)
