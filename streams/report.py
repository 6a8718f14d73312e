"""What a hold loop says of itself each second: where each topic stands and how it is doing, and its connections."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import keys, memory
from streams.held import Held
from streams.publishers.redis import Publisher
from streams.rejections import Rejections

log = logging.getLogger(__name__)

BEAT_S = 1.0
LOOP_TTL_S = 4
KEEP_HISTORY_S = 86_400
EXPIRE_TURNS = 20  # beats; fewer than a stream lives, so that no key is left without an end
GONE_S = 30  # a loop that has said nothing for so long
SAY_AGAIN_TURNS = 5  # beats; for so long a client's last status may be an older one, where Pub/Sub lost a message


@dataclass
class Report:
    """Of the loop `loop`, which carries `held`."""

    redis: Redis
    loop: str
    held: Mapping[str, Held]
    publisher: Publisher
    rejections: Mapping[str, Rejections]
    history_bytes: int  # that all histories may take

    async def run(self) -> None:
        """Until cancelled."""
        turn = 0
        while True:
            await asyncio.sleep(BEAT_S)
            turn += 1
            for held in list(self.held.values()):
                for line in held.numbering.lines:
                    self.publisher.fields(held.lease, line, **line.beat(BEAT_S), loop=self.loop)
                if turn % SAY_AGAIN_TURNS == 0:
                    held.numbering.say_again()
            try:
                await self._say(expire=turn % EXPIRE_TURNS == 1)
            except (RedisError, OSError) as error:
                log.debug("no report this time: %s", error)

    async def _say(self, expire: bool) -> None:
        now_s, _ = await self.redis.time()
        lines = [line for held in self.held.values() for line in held.numbering.lines]
        pipeline = self.redis.pipeline(transaction=False)
        about = {"host": socket.gethostname(), "pid": os.getpid(), "shards": len(self.held), "topics": len(lines)}
        pipeline.hset(keys.loop(self.loop), mapping=about)
        pipeline.expire(keys.loop(self.loop), LOOP_TTL_S)
        if lines:
            pipeline.zadd(keys.RUNNING, {line.topic: now_s for line in lines})
        for code, rejections in self.rejections.items():
            sessions = [held.session for held in self.held.values() if held.exchange == code]
            if sessions:
                up = sum(session.connected for session in sessions)
                said = {
                    "connections": len(sessions),
                    "connected": up,
                    "rejected": rejections.count.total(),
                    "keys_refused": next(filter(None, (session.door.keys_refused for session in sessions)), ""),
                    "turned_away": next(filter(None, (session.door.turned_away for session in sessions)), ""),
                    "at": now_s,
                }
                pipeline.hset(keys.state(code), self.loop, msgspec.json.encode(said))
                pipeline.expire(keys.state(code), 10)
        if expire:
            pipeline.zremrangebyscore(keys.RUNNING, "-inf", now_s - KEEP_HISTORY_S)
            for line in lines:
                pipeline.expire(keys.history(line.topic), KEEP_HISTORY_S)
                pipeline.expire(keys.latest(line.topic), KEEP_HISTORY_S)
        await pipeline.execute()
        if expire:
            await self._tidy(now_s)
        if await memory.turn(self.redis):
            await memory.measure(self.redis, self.history_bytes)

    async def _tidy(self, now_s: int) -> None:
        """What loops that are gone said of the exchanges."""
        for code in self.rejections:
            said = await self.redis.hgetall(keys.state(code))
            gone = [loop for loop, text in said.items() if msgspec.json.decode(text)["at"] < now_s - GONE_S]
            if gone:
                await self.redis.hdel(keys.state(code), *gone)
