"""Who holds what: a key with a token and a short life, its time kept by Redis alone."""

from dataclasses import dataclass

from redis.asyncio import Redis

TTL_MS = 4000
RENEW_S = 1.0

# A lease that is gone may be taken again by who had it; one that another has is lost.
_renew = """
local out = {}
for n = 1, #KEYS do
  local holder = redis.call('GET', KEYS[n])
  if not holder then
    redis.call('SET', KEYS[n], ARGV[n + 1], 'PX', ARGV[1])
    out[n] = 1
  elseif holder == ARGV[n + 1] then
    redis.call('PEXPIRE', KEYS[n], ARGV[1])
    out[n] = 1
  else
    out[n] = 0
  end
end
return out
"""
_release = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


@dataclass(frozen=True)
class Lease:
    """A lease that was ours when it was taken; every write proves it again (publishers/flush.lua)."""

    key: str
    token: str  # `<term>:<loop>`; the term rises with each taking


async def take(redis: Redis, key: str, loop: str) -> Lease | None:
    """The lease, or None where another has it."""
    term = await redis.incr(f"term:{key}")
    token = f"{term}:{loop}"
    taken = await redis.set(key, token, nx=True, px=TTL_MS)
    return Lease(key, token) if taken else None


async def renew(redis: Redis, leases: list[Lease]) -> list[Lease]:
    """Prolongs the leases in one round trip; returns those that are lost to another."""
    if not leases:
        return []
    keys, tokens = [lease.key for lease in leases], [lease.token for lease in leases]
    ours = await redis.eval(_renew, len(keys), *keys, TTL_MS, *tokens)
    return [lease for lease, held in zip(leases, ours, strict=True) if not held]


async def release(redis: Redis, lease: Lease) -> None:
    """Gives the lease back, where it still is ours."""
    await redis.eval(_release, 1, lease.key, lease.token)
