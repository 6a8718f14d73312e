"""Says that recordings want their topics, and that these are to be taped, for as long as it is so."""

import logging
import time
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recordings import taped
from recordings.take import Take
from streams import demand
from streams.keys import TAPED

log = logging.getLogger(__name__)

# Hold loops that find Redis empty go on as before for 5 s; who does not hear within them stops taping.
FORGOTTEN_S = 4.0
FORGOTTEN = "nobody said for a while that this is to be recorded"


class Tapping:
    """`say` may be called often; it speaks now and then, and when something has changed. At the end nothing is taped
    any more."""

    def __init__(self, redis: Redis, *takes: Take) -> None:
        self.takes: Iterable[Take] = takes
        self._redis = redis
        self._said: set[str] = set()
        self._said_s = float("-inf")
        self._there_s: dict[str, float] = {}  # by recording, when what was said of it was last seen there

    async def say(self) -> None:
        """RedisError where Redis is away."""
        now_ns = time.time_ns()
        of_each = {take: take.members(now_ns) for take in self.takes}
        gone = [await self._gone(take, found) for take, found in of_each.items() if found]
        members: set[str] = set().union(*of_each.values())
        await taped.forget(self._redis, self._said - members)
        if any(gone) or members - self._said or time.monotonic() - self._said_s > taped.REFRESH_S:
            await taped.say(self._redis, members)
            await demand.want(self._redis, {member.partition("|")[2] for member in members})
            self._said_s = time.monotonic()
        self._said = members
        self._there_s = {take.recording: time.monotonic() for take, found in of_each.items() if found}

    async def _gone(self, take: Take, members: set[str]) -> bool:
        """Whether it has to be said again. Where that was so for long, or before this process, something is missing."""
        now_s, rest_us = await self._redis.time()
        until_s = await self._redis.zscore(TAPED, min(members))
        if until_s is not None and until_s > now_s:
            return False
        there_s = self._there_s.get(take.recording)
        if there_s is None or time.monotonic() - there_s > FORGOTTEN_S:
            take.interrupted(now_s * 1_000_000_000 + rest_us * 1_000, FORGOTTEN)
        return True

    async def __aenter__(self) -> "Tapping":
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await taped.forget(self._redis, self._said)
        except (RedisError, OSError) as error:  # it expires
            log.debug("what was taped is not taken back: %s", error)
