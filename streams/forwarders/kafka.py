"""The forwarder to Kafka: one at a time, under a lease, from the stored positions on."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from confluent_kafka import KafkaException
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import keys, lease
from streams.ending import first_of
from streams.forwarders import lag, state
from streams.forwarders.following import Following
from streams.forwarders.lines import Line
from streams.forwarders.names import Per
from streams.forwarders.outgoing import Outgoing
from streams.forwarders.reader import Reader
from streams.forwarders.sender import Connection, cause
from streams.forwarders.topics import Topics
from streams.lease import Lease

log = logging.getLogger(__name__)

OUTPUT = "kafka"
STORE_S = 0.25  # so much is sent again after a kill
RENEW_S = lease.RENEW_S
FOLLOW_S = 1.0
TELL_S = 1.0
REACH_S = 1.0
HEAR_S = 0.01
AWAY_S = 5.0  # something is under way, and nothing was acknowledged for so long
PARTING_S = 2.5


@dataclass
class Forwarder:
    """`wanted` gives the topics to forward."""

    redis: Redis
    connection: Connection
    wanted: Callable[[], Awaitable[set[str]]]
    per: Per = "exchange"
    prefix: str = "marketdata"
    partitions: int = 6
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{time.time_ns() % 1_000_000}")

    def __post_init__(self) -> None:
        self._stopping = asyncio.Event()
        self._reached = False
        self._unreached = ""  # why Kafka was not reached the last time
        self._redis_away = False
        self._gaps = 0  # of which the log was told

    def stop(self) -> None:
        """Asks `run` to return once what is under way was acknowledged."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped, or the lease is lost; at once where another forwards."""
        self._lease = await lease.take(self.redis, keys.lease("forwarder", OUTPUT), self.name)
        if self._lease is None:
            return
        try:
            await self._forward(self._lease)
        finally:
            await self._release(self._lease)

    async def _forward(self, held: Lease) -> None:
        self._following = Following(self.redis, OUTPUT, held, self.per, self.prefix)
        self._reader = Reader(self.redis)
        self._before = await state.counts(self.redis, OUTPUT)
        try:
            self._topics = Topics(self.connection, self.partitions)
            self._outgoing = Outgoing(self.redis, self.connection, self._topics, self._following.lines)
        except KafkaException as error:
            await self._senseless(held, self.connection.hidden(cause(error).str()))
            return
        await self._following.begin()
        log.info("Kafka at %s is forwarded to", self.connection.servers)
        try:
            await first_of(
                self._stopping.wait(),
                self._until_lost(held),
                self._hear(),
                self._turns(self._follow, FOLLOW_S),
                self._turns(self._reach, REACH_S),
                self._turns(self._read, 0),
                self._turns(self._tell, TELL_S),
            )
        finally:
            await self._outgoing.part(PARTING_S if self._stopping.is_set() else 0)

    async def _senseless(self, held: Lease, reason: str) -> None:
        """Properties that the client does not take stay so until the next start."""
        log.error("KAFKA_OPTIONS make no sense: %s", reason)
        numbers = {"topics": 0, "lag": 0, **vars(self._before)}

        async def tell() -> None:
            await state.say(self.redis, OUTPUT, "refused", f"KAFKA_OPTIONS: {reason}", **numbers)

        await first_of(self._stopping.wait(), self._until_lost(held), self._turns(tell, TELL_S))

    async def _turns(self, turn: Callable[[], Awaitable[None]], pause_s: float) -> None:
        """Again and again; a Redis that is away is waited for."""
        while True:
            try:
                await turn()
                self._redis_away = False
            except (RedisError, OSError) as error:
                if not self._redis_away:
                    log.warning("Redis is away, nothing is forwarded: %s", error)
                self._redis_away = True
                await asyncio.sleep(FOLLOW_S)
            await asyncio.sleep(pause_s)

    async def _until_lost(self, held: Lease) -> None:
        """Renews the lease and stores positions; returns when the lease is another's."""
        renewed_s = float("-inf")
        while True:
            try:
                if time.monotonic() - renewed_s >= RENEW_S:
                    if await lease.renew(self.redis, [held]):
                        break
                    renewed_s = time.monotonic()
                    await self._following.look()
                if not await self._following.store():  # the lease is nobody's, which `renew` mends, or another's
                    self._following.store_again()
                    renewed_s = float("-inf")
            except (RedisError, OSError):
                self._following.store_again()
            await asyncio.sleep(STORE_S)
        log.warning("another forwards to Kafka now")

    async def _follow(self) -> None:
        await self._following.follow(await self.wanted())
        await lag.look(self.redis, self._wanted_lines(), self._outgoing)

    def _wanted_lines(self) -> list[Line]:
        return [line for line in self._following.lines.values() if line.unwanted_s is None]

    async def _reach(self) -> None:
        """Finds out whether Kafka answers, where nothing else tells, and makes topics."""
        try:
            if self._outgoing.trouble or not self._reached:
                await self._topics.reach()
                self._outgoing.trouble = ""
            await self._topics.make({line.kafka_topic for line in self._wanted_lines()})
            self._reached, self._unreached = True, ""
        except KafkaException as error:
            self._unreached = self.connection.hidden(cause(error).str())

    async def _read(self) -> None:
        lines = [line for line in self._following.lines.values() if self._outgoing.takes(line)]
        if self._outgoing.full or self._away():
            await asyncio.sleep(HEAR_S)
            return
        for found in await self._reader.read(lines):
            await self._outgoing.give(found)
            await asyncio.sleep(0)

    async def _hear(self) -> None:
        while True:
            heard = self._outgoing.hear()
            await self._outgoing.tidy()
            await asyncio.sleep(0 if heard else HEAR_S)

    def _away(self) -> str:
        """Why Kafka is taken to be away; empty where it is not."""
        silent_s = time.monotonic() - self._outgoing.progress_s
        if silent_s > AWAY_S:
            return self._outgoing.trouble or self._unreached or f"nothing was acknowledged for {silent_s:.0f} s"
        if not self._outgoing.under_way and (self._unreached or self._outgoing.trouble):
            return self._unreached or self._outgoing.trouble
        return ""

    async def _tell(self) -> None:
        outgoing, lines = self._outgoing, self._wanted_lines()
        numbers = {
            "topics": len(lines),
            "lag": sum(line.lag for line in lines),
            "sent": self._before.sent + outgoing.sent,
            "lost": self._before.lost + outgoing.lost,
            "gaps": self._before.gaps + outgoing.gaps,
        }
        if outgoing.gaps > self._gaps:
            log.warning("%d events were lost before Kafka had them; %d gaps there say so", outgoing.lost, outgoing.gaps)
            self._gaps = outgoing.gaps
        word, detail = self._standing()
        await state.say(self.redis, OUTPUT, word, detail, **numbers)

    def _standing(self) -> tuple[str, str]:
        if away := self._away():
            return "away", away
        if self._outgoing.refusals:
            return "refused", "; ".join(refusal.reason for _, refusal in sorted(self._outgoing.refusals.items()))
        return ("running", "") if self._reached else ("starting", "")

    async def _release(self, held: Lease) -> None:
        """What was acknowledged is stored, and another may go on at once."""
        try:
            async with asyncio.timeout(PARTING_S):
                await self._following.store()
                await lease.release(self.redis, held)
        except (RedisError, OSError) as error:
            log.warning("the lease ends by itself: %s", error)
