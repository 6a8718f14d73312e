"""Whether Redis is heard: by words that come back, not by the absence of errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisAway

from streams import hearing
from streams.ending import ended
from streams.hearing import Hearing


class Way:
    """To Redis and back."""

    def __init__(self) -> None:
        self.fails = self.swallows = self.hangs = False
        self.said = self.anew = 0
        self.changes: list[bool] = []
        self.hearing = Hearing(self._say, self._make_anew, self.changes.append)

    async def _say(self, number: int) -> None:
        self.said += 1
        if self.fails:
            raise RedisAway("refused")
        if self.hangs:
            await asyncio.Event().wait()
        if not self.swallows:
            self.hearing.heard()

    async def _make_anew(self) -> None:
        self.anew += 1
        self.swallows = False

    async def until(self, count: int) -> list[bool]:
        async with asyncio.timeout(5):
            while len(self.changes) < count:
                await asyncio.sleep(0.005)
        return self.changes


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "TURN_S", 0.02)
    monkeypatch.setattr(hearing, "AWAY_S", 0.1)
    monkeypatch.setattr(hearing, "ANEW_S", 0.3)


@asynccontextmanager
async def running() -> AsyncIterator[Way]:
    way = Way()
    task = asyncio.create_task(way.hearing.run())
    try:
        yield way
    finally:
        await ended([task])


@pytest.mark.parametrize("fault", ["fails", "hangs"])
async def test_a_redis_that_refuses_or_hangs_is_away_until_it_answers(quick: None, fault: str) -> None:
    async with running() as way:
        setattr(way, fault, True)
        assert await way.until(1) == [True]
        waiting = asyncio.create_task(way.hearing.back())
        await asyncio.sleep(0)
        assert way.hearing.away and not waiting.done()
        setattr(way, fault, False)
        assert await way.until(2) == [True, False]
        await asyncio.wait_for(waiting, 1)
        assert not way.hearing.away
        assert way.anew == 0


async def test_where_words_are_taken_and_do_not_come_back_the_way_back_is_made_anew(quick: None) -> None:
    async with running() as way:
        way.swallows = True
        assert await way.until(2) == [True, False]
        assert way.anew == 1
