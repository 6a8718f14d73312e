"""The request budget of one exchange, shared by all workers of an installation through Redis.

Limits are counted in fixed windows by Redis' own clock, all of them in one step: a request is counted everywhere or
nowhere. Where Redis does not answer nobody may ask the exchange (Unreachable): an uncounted request could get the
whole address banned.
"""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from exchanges.contract import Limit
from exchanges.errors import QuotaSpent, RateLimited, Refused, Unreachable

REQUESTS = "raw"  # the scope whose limits count requests; all others count weight
WARM_UP = 0.1  # the part of a window in which the exchange may still be counting the one before, as clocks differ
WARM_UP_S = 5.0
QUOTA_S = 600.0  # who has to wait longer has used up a quota rather than hit a rate
REFUSED_S = 3600  # what was said of our keys is remembered for so long
JITTER_S = 0.25  # so that not all workers come back in the same instant

TAKE = """
local now_ms = (function(t) return t[1] * 1000 + math.floor(t[2] / 1000) end)(redis.call('TIME'))
local wait_ms = math.max(redis.call('PTTL', KEYS[1]), 0)
local names = {}
for i = 2, #KEYS do
  local amount, window_ms, cost = tonumber(ARGV[i * 3 - 5]), tonumber(ARGV[i * 3 - 4]), tonumber(ARGV[i * 3 - 3])
  local window = math.floor(now_ms / window_ms)
  names[i] = KEYS[i] .. ':' .. string.format('%d', window)
  if tonumber(redis.call('GET', names[i]) or '0') + cost > amount then
    wait_ms = math.max(wait_ms, (window + 1) * window_ms - now_ms)
  end
end
if wait_ms > 0 then return {wait_ms, now_ms} end
for i = 2, #KEYS do
  redis.call('INCRBY', names[i], ARGV[i * 3 - 3])
  redis.call('PEXPIRE', names[i], ARGV[i * 3 - 4] * 2)
end
return {0, now_ms}
"""

GIVE_BACK = """
for i = 1, #KEYS do
  local name = KEYS[i] .. ':' .. string.format('%d', math.floor(tonumber(ARGV[1]) / tonumber(ARGV[i * 2])))
  local cost = tonumber(ARGV[i * 2 + 1])
  if tonumber(redis.call('GET', name) or '0') >= cost then redis.call('DECRBY', name, cost) end
end
return 1
"""

# Never lowers the count: requests under way are in ours and not yet in theirs.
USED = """
local now_ms = (function(t) return t[1] * 1000 + math.floor(t[2] / 1000) end)(redis.call('TIME'))
local window_ms, used, taken_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local window = math.floor(now_ms / window_ms)
if math.floor(taken_ms / window_ms) ~= window or taken_ms % window_ms < tonumber(ARGV[4]) then return 0 end
local name = KEYS[1] .. ':' .. string.format('%d', window)
if tonumber(redis.call('GET', name) or '0') < used then redis.call('SET', name, used, 'PX', window_ms * 2) end
return 1
"""

CLOSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1]) end
return 1
"""

LEFT = """
local now_ms = (function(t) return t[1] * 1000 + math.floor(t[2] / 1000) end)(redis.call('TIME'))
local result = {math.max(redis.call('PTTL', KEYS[1]), 0)}
for i = 2, #KEYS do
  local window = math.floor(now_ms / tonumber(ARGV[i - 1]))
  result[i] = tonumber(redis.call('GET', KEYS[i] .. ':' .. string.format('%d', window)) or '0')
end
return result
"""


@dataclass(frozen=True)
class Left:
    """What may still be asked: `left` per limit in its current window; `closed_s` until the exchange takes requests
    again, and `why` it does not; `refused` is what it said of our keys, where that was no good."""

    left: tuple[tuple[Limit, int], ...]
    closed_s: float
    why: str = ""
    refused: str = ""


class Budget:
    """One exchange's budget. Objects in all processes with one Redis and one code share the same counts."""

    def __init__(self, redis: Redis, exchange_code: str, limits: Sequence[Limit]) -> None:
        self._redis, self._code, self._limits = redis, exchange_code, tuple(limits)
        # The braces keep all keys of one exchange in one slot of a Redis cluster.
        self._door = f"budget:{{{exchange_code}}}:closed"
        self._keyhole = f"budget:{{{exchange_code}}}:refused"
        self._keys = [f"budget:{{{exchange_code}}}:{limit.scope}:{limit.window_s}" for limit in self._limits]
        self._take = redis.register_script(TAKE)
        self._give_back = redis.register_script(GIVE_BACK)
        self._used = redis.register_script(USED)
        self._close = redis.register_script(CLOSE)
        self._left = redis.register_script(LEFT)

    async def take(self, weight: int = 1, patience_s: float | None = None) -> int:
        """Wait until every window has room, count the request, and return when that was (ms by Redis' clock).

        RateLimited or QuotaSpent where that would take longer than `patience_s`; Refused for what can never fit.
        """
        costs = self._costs(weight)
        for limit, cost in zip(self._limits, costs, strict=True):
            if cost > limit.amount:
                raise Refused(f"a request of weight {cost} never fits {limit.amount} in {limit.window_s} s")
        numbers = [
            number
            for limit, cost in zip(self._limits, costs, strict=True)
            for number in (limit.amount, limit.window_s * 1000, cost)
        ]
        loop = asyncio.get_running_loop()
        until_s = None if patience_s is None else loop.time() + patience_s
        while True:
            wait_ms, now_ms = await self._run(self._take, [self._door, *self._keys], numbers)
            if not wait_ms:
                return int(now_ms)
            wait_s = wait_ms / 1000
            if until_s is not None and loop.time() + wait_s > until_s:
                why = await self._text(self._door)
                if wait_s > QUOTA_S:
                    raise QuotaSpent(why or f"the quota of {self._code} is used up", wait_s)
                raise RateLimited(f"the request budget of {self._code} is used up" + (why and f": {why}"), wait_s)
            await asyncio.sleep(wait_s + random.uniform(0, JITTER_S))

    async def give_back(self, weight: int, taken_ms: int) -> None:
        """The request that was taken at that time never reached the exchange."""
        costs = zip(self._limits, self._costs(weight), strict=True)
        numbers = [number for limit, cost in costs for number in (limit.window_s * 1000, cost)]
        await self._run(self._give_back, self._keys, [taken_ms, *numbers])

    def _costs(self, weight: int) -> list[int]:
        return [1 if limit.scope == REQUESTS else weight for limit in self._limits]

    async def used(self, weight: int, taken_ms: int) -> None:
        """The exchange says that the first limit stands at `weight`, in the answer to the request taken at that time.

        An answer from another window, or so early in one that the exchange may have counted in the one before, says
        nothing about ours.
        """
        window_ms = self._limits[0].window_s * 1000
        early_ms = int(min(WARM_UP_S * 1000, WARM_UP * window_ms))
        await self._run(self._used, self._keys[:1], [window_ms, weight, taken_ms, early_ms])

    async def close_until(self, seconds: float, why: str = "") -> None:
        """Nobody asks for so long; a door that is closed for longer stays so."""
        await self._run(self._close, [self._door], [max(int(seconds * 1000), 1), why])

    async def refused(self, words: str) -> None:
        """The exchange finds our keys missing or wrong; remembered for people, for an hour."""
        await self._keep(self._redis.set(self._keyhole, words, ex=REFUSED_S))

    async def accepted(self) -> None:
        """The exchange takes our keys."""
        await self._keep(self._redis.delete(self._keyhole))

    async def left(self) -> Left:
        """For people and status pages; it counts nothing."""
        windows = [limit.window_s * 1000 for limit in self._limits]
        closed_ms, *used = await self._run(self._left, [self._door, *self._keys], windows)
        left = tuple(
            (limit, max(limit.amount - int(count), 0)) for limit, count in zip(self._limits, used, strict=True)
        )
        return Left(left, closed_ms / 1000, await self._text(self._door), await self._text(self._keyhole))

    async def _text(self, key: str) -> str:
        said: bytes | str | None = await self._keep(self._redis.get(key))
        return said.decode() if isinstance(said, bytes) else said or ""

    async def _run(self, script: AsyncScript, keys: list[str], numbers: Sequence[int | str]) -> list[int]:
        result = await self._keep(script(keys, numbers))
        return result if isinstance(result, list) else [result]

    async def _keep(self, asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except (RedisError, OSError) as error:
            raise Unreachable(f"the request budget's Redis does not answer: {type(error).__name__}") from error
