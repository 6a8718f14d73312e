"""Whether this process hears Redis: a word to itself each second, which takes the way that the events take."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from itertools import count

from redis.exceptions import RedisError

log = logging.getLogger(__name__)

TURN_S = 1.0
AWAY_S = 2.5  # a word that was not heard for so long is not just late
ANEW_S = 10.0  # Redis takes the words and they do not come back for so long: the way back is made anew


class Hearing:
    """`say` sends one word and raises where Redis does not take it; whoever reads calls `heard` for each that comes.

    `on_change` is called with whether Redis is away, each time that changes.
    """

    def __init__(
        self,
        say: Callable[[int], Awaitable[None]],
        anew: Callable[[], Awaitable[None]],
        on_change: Callable[[bool], None],
    ) -> None:
        self._say, self._anew, self._on_change = say, anew, on_change
        self._heard_s = self._lost_s = time.monotonic()
        self.away = False
        self._back = asyncio.Event()
        self._back.set()

    def heard(self) -> None:
        """A word came."""
        self._heard_s = time.monotonic()
        self._turn(away=False)

    async def back(self) -> None:
        """Returns when Redis is heard."""
        await self._back.wait()

    async def run(self) -> None:
        """Speaks until cancelled."""
        for number in count():
            said_s = time.monotonic()
            if await self._taken(number):
                await asyncio.sleep(TURN_S)
                if said_s - max(self._heard_s, self._lost_s) > ANEW_S:
                    await self._make_anew()
            else:
                self._lost_s = time.monotonic()
                await asyncio.sleep(max(0.0, said_s + TURN_S - self._lost_s))
            if time.monotonic() - self._heard_s > AWAY_S:
                self._turn(away=True)

    async def _taken(self, number: int) -> bool:
        try:
            async with asyncio.timeout(AWAY_S):
                await self._say(number)
        except (RedisError, OSError):  # TimeoutError is an OSError
            return False
        return True

    async def _make_anew(self) -> None:
        log.error("Redis answers, but nothing comes by Pub/Sub: it is subscribed anew")
        self._lost_s = time.monotonic()
        try:
            async with asyncio.timeout(ANEW_S):
                await self._anew()
        except (RedisError, OSError) as error:
            log.warning("Redis cannot be subscribed: %s", error)

    def _turn(self, away: bool) -> None:
        if away == self.away:
            return
        self.away = away
        log.warning("Redis is away: clients are told" if away else "Redis is heard again")
        (self._back.clear if away else self._back.set)()
        self._on_change(away)
