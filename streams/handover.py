"""A shard passes from one hold loop to another with nothing lost: offered, rehearsed, handed over.

The one that lets go (it stops, or carries more than its share) offers the shard and goes on. One that has room claims
it, opens a connection of its own and hears what the other says too. Once it is ready, the first keeps its last books,
writes all it has said, and gives its lease over; the second goes on from those positions, in the same epoch.
"""

import asyncio
from collections.abc import Sequence

import msgspec
from redis.asyncio import Redis

from streams import history, keys
from streams.lease import TTL_MS, Lease
from streams.position import Position

TURN_S = 0.05
CLAIM_MS = 3000  # an offer or a claim that is not said again for so long is void
READY = b"ready "

_give = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2], KEYS[3])
return 1
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
    await redis.delete(keys.offer(lease.key))


async def give(redis: Redis, lease: Lease, token: str) -> bool:
    """The lease is another's from now on; False where it was no longer ours to give."""
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


async def still_offered(redis: Redis, lease: Lease, loop: str) -> bool:
    """Says the claim again; False where the offer is void."""
    await redis.set(keys.claim(lease.key), loop, px=CLAIM_MS)
    return bool(await redis.exists(keys.offer(lease.key)))


async def given(redis: Redis, lease: Lease) -> bool:
    """Says that we are ready until the lease is ours; False where the other has gone or thought better of it."""
    ready = READY + lease.token.encode()
    while True:
        pipeline = redis.pipeline(transaction=False)
        pipeline.exists(keys.offer(lease.key))
        pipeline.get(lease.key)
        open_, holder = await pipeline.execute()  # read in this order: who gives takes the offer back in the same step
        if holder == lease.token.encode():
            return True
        if not open_:
            await redis.delete(keys.claim(lease.key))
            return False
        await redis.set(keys.claim(lease.key), ready, px=CLAIM_MS)
        await asyncio.sleep(TURN_S)


async def said_since(redis: Redis, topic: str, position: Position) -> set[str]:
    """What identifies the trades and closed candles that were said after `position`."""
    found: set[str] = set()
    while True:
        page = await history.after(redis, topic, position)
        if not page.events:
            return found
        for _, text in page.events:
            event = _said(text)
            if event.event == "trade":
                found.add(event.trade_id)
            elif event.closed:
                found.add(str(event.open_time))
        position = page.last
