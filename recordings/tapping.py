"""Says that recordings want their topics, and that these are to be taped, for as long as it is so."""

import logging
import time
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from recordings import taped
from recordings.take import Take
from streams import demand

log = logging.getLogger(__name__)


class Tapping:
    """`say` may be called often; it speaks now and then, and when something has changed. At the end nothing is taped
    any more."""

    def __init__(self, redis: Redis, *takes: Take) -> None:
        self.takes: Iterable[Take] = takes
        self._redis = redis
        self._said: set[str] = set()
        self._said_s = float("-inf")

    async def say(self) -> None:
        """RedisError where Redis is away."""
        now_ns = time.time_ns()
        members: set[str] = set().union(*(take.members(now_ns) for take in self.takes))
        await taped.forget(self._redis, self._said - members)
        if members - self._said or time.monotonic() - self._said_s > taped.REFRESH_S:
            await taped.say(self._redis, members)
            await demand.want(self._redis, {member.partition("|")[2] for member in members})
            self._said_s = time.monotonic()
        self._said = members

    async def __aenter__(self) -> "Tapping":
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await taped.forget(self._redis, self._said)
        except (RedisError, OSError) as error:  # it expires
            log.debug("what was taped is not taken back: %s", error)
