"""What one web process hears of Redis: envelopes for the topics it needs, and whether it hears anything at all."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import demand, envelope
from streams.ending import ended
from streams.envelope import Item
from streams.hearing import Hearing

log = logging.getLogger(__name__)

RETRY_S = 0.2
WORD = "stream.word"  # of this process to itself


class Listening:
    """`topics` are those that clients want now; `hear` is called with each item of an envelope, `changed` with whether
    Redis is away each time that changes."""

    def __init__(
        self,
        store: Redis,
        layer: Any,
        topics: Callable[[], Collection[str]],
        hear: Callable[[Item], None],
        changed: Callable[[bool], None],
    ) -> None:
        self._redis, self._layer = store, layer
        self._topics, self._hear = topics, hear
        self._hearing = Hearing(self._say, self._anew, changed)
        self._channel = ""
        self._open = asyncio.Event()
        self._turn = asyncio.Lock()  # one change of groups at a time
        self._groups: set[str] = set()
        self._work: list[asyncio.Task[None]] = []
        self._reading: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        """Redis is not heard."""
        return self._hearing.away

    async def back(self) -> None:
        """Returns when Redis is heard."""
        await self._hearing.back()

    async def listen(self, topic: str) -> None:
        """The topic's group is heard from the return on."""
        group = envelope.group(envelope.bucket(topic))
        if not self._work:
            self._work = [asyncio.create_task(run()) for run in (self._open_channel, self._refresh, self._hearing.run)]
        while True:
            await self._open.wait()
            try:
                async with self._turn:
                    await self._layer.group_add(group, self._channel)
                    self._groups.add(group)
                    return
            except (RedisError, OSError) as error:
                log.warning("%s cannot be listened to, trying again: %s", topic, error)
                await asyncio.sleep(RETRY_S)
                await self.back()

    async def settle(self) -> None:
        """Groups that nobody needs any more are left. RedisError, OSError."""
        async with self._turn:
            needed = {envelope.group(envelope.bucket(topic)) for topic in self._topics()}
            for group in self._groups - needed:
                await self._layer.group_discard(group, self._channel)
                self._groups.discard(group)

    async def _open_channel(self) -> None:
        while not self._open.is_set():
            try:
                self._channel = await self._layer.new_channel()
            except (RedisError, OSError) as error:
                log.warning("Redis cannot be listened to, trying again: %s", error)
                await self._layer.flush()
                await asyncio.sleep(RETRY_S)
            else:
                self._reading = asyncio.create_task(self._read(self._channel))
                self._open.set()

    async def _anew(self) -> None:
        """The connection by which nothing comes is left, and another made."""
        async with self._turn:
            self._open.clear()
            await self._layer.flush()
            if self._reading:
                await ended([self._reading])
            await self._open_channel()
            for group in self._groups:
                await self._layer.group_add(group, self._channel)

    async def _say(self, number: int) -> None:
        if self._channel:
            word = self._layer.serialize({"type": WORD, "number": number})
            await self._redis.publish(self._channel, word)
        else:
            await self._redis.ping()

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(demand.REFRESH_S)
            try:
                await demand.want(self._redis, self._topics())
                await self.settle()
            except (RedisError, OSError) as error:
                log.warning("what is wanted could not be told: %s", error)

    async def _read(self, channel: str) -> None:
        while True:
            try:
                received = await self._layer.receive(channel)
                if received["type"] == WORD:
                    self._hearing.heard()
                    continue
                for item in envelope.items(received):
                    self._hear(item)
            except Exception:  # all clients of this process hear through this loop; what was lost is filled
                log.exception("an envelope could not be read")
                await asyncio.sleep(0)
