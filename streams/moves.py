"""Shards that move with nothing lost: between hold loops, and from an old connection to a new one."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import handover, history, keys
from streams.ending import ended
from streams.held import Held
from streams.history import Kept
from streams.lease import Lease
from streams.plan import Plan
from streams.publishers.redis import Publisher
from streams.rehearsal import Wants, is_identified

log = logging.getLogger(__name__)

REHEARSAL_S = 20.0  # a shard that is not ready by then is left to the loop that carries it
CLAIM_S = 5.0  # a loop that stops waits no longer than this for somebody to claim what it offers

Tasks = dict[str, asyncio.Task[None]]


@dataclass
class Moves:
    """Of the loop `loop`, which carries `held`; `begin` makes a shard's session, `drop` ends it."""

    redis: Redis
    loop: str
    held: dict[str, Held]  # by lease key
    publisher: Publisher
    begin: Callable[[str, str, Lease], Awaitable[Held]]
    drop: Callable[[Held], None]
    leaving: Tasks = field(default_factory=dict)  # by lease key
    coming: Tasks = field(default_factory=dict)
    replaced: Tasks = field(default_factory=dict)

    def room(self, share: int) -> int:
        """How many shards more may be carried here."""
        return max(0, share - len(self.held) - len(self.coming))

    async def level(self, plans: Mapping[str, Plan], share: int) -> None:
        """One turn: offers what is too much here, and takes what is offered where there is room."""
        moving = self.leaving.keys() | self.replaced.keys()
        for key, held in self.held.items():
            if held.session.outlived and held.movable and key not in moving:
                self._start(self.replaced, key, self._replace(held))
        over = len(self.held) - len(self.leaving) - share
        for held in [held for key, held in self.held.items() if key not in self.leaving and held.movable][
            : max(0, over)
        ]:
            self._start(self.leaving, held.lease.key, self._hand_over(held))
        room = self.room(share)
        if not room:
            return
        known = self.held.keys() | self.coming.keys()
        others = {
            keys.lease(code, shard): (code, shard, wants)
            for code, shards in plans.items()
            for shard, wants in shards.items()
            if keys.lease(code, shard) not in known
        }
        for key in (await handover.offered(self.redis, list(others)))[:room]:
            self._start(self.coming, key, self._take_over(*others[key]))

    async def all_away(self, renew: Callable[[], Awaitable[None]]) -> None:
        """Hands everything over to the loops that go on, while there are any; `renew` keeps the leases meanwhile."""
        await ended([*self.coming.values(), *self.replaced.values()])
        until_s = time.monotonic() + REHEARSAL_S
        for key, held in self.held.items():
            if key not in self.leaving and held.movable:
                self._start(self.leaving, key, self._hand_over(held, CLAIM_S))
        while self.leaving and time.monotonic() < until_s and await self._others():
            await renew()
            if going := list(self.leaving.values()):
                await asyncio.wait(going, timeout=handover.TURN_S)

    async def end(self) -> None:
        """What is under way is left."""
        await ended([*self.leaving.values(), *self.coming.values(), *self.replaced.values()])

    async def _others(self) -> int:
        now_s, _ = await self.redis.time()
        return int(await self.redis.zcount(keys.LOOPS, f"({now_s}", "+inf"))

    def _start(self, moving: Tasks, key: str, move: Awaitable[None]) -> None:
        moving[key] = asyncio.ensure_future(move)
        moving[key].add_done_callback(partial(self._moved, moving, key))

    def _moved(self, moving: Tasks, key: str, task: asyncio.Task[None]) -> None:
        moving.pop(key, None)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, RedisError | OSError):
            log.warning("%s stays where it is: %s", key, error)
        elif error:
            log.error("%s was not handed over", key, exc_info=error)

    async def _hand_over(self, held: Held, patience_s: float = float("inf")) -> None:
        """Carries on until another loop is ready; then all that was said is written before the lease is given."""
        until_s = time.monotonic() + patience_s
        try:
            while (token := await handover.offer(self.redis, held.lease)) is None or held.session.repairing:
                if self.held.get(held.lease.key) is not held:  # lost, or no longer wanted
                    return
                if time.monotonic() > until_s and not await handover.claimed(self.redis, held.lease):
                    return
                await asyncio.sleep(handover.TURN_S)
        except asyncio.CancelledError:
            await handover.withdraw(self.redis, held.lease)
            raise
        try:
            held.session.hand_over()
            await self.publisher.drained()
            await handover.give(self.redis, held.lease, token)
            log.info("%s: shard %s was handed over", held.exchange, held.shard)
        finally:
            self.drop(held)

    async def _take_over(self, code: str, shard: str, wants: Wants) -> None:
        """Connects beside the loop that offers the shard, and goes on in its place once it has let go."""
        taken = await handover.claim(self.redis, keys.lease(code, shard), self.loop)
        if taken is None:
            return
        held, before = await self._beside(code, shard, taken, wants)
        try:
            if await self._ready(held) and await handover.given(self.redis, taken):
                await self._go_on(held, before)
                log.info("%s: shard %s was taken over", code, shard)
        finally:
            self._leave_unless_ours(held)

    async def _replace(self, held: Held) -> None:
        """Connects anew beside a connection that the exchange is about to end, and goes on there."""
        fresh, before = await self._beside(held.exchange, held.shard, held.lease, held.wants)
        try:
            while not fresh.session.ready or held.session.repairing:
                if self.held.get(held.lease.key) is not held or held.wants != fresh.wants or not held.session.outlived:
                    return
                await asyncio.sleep(handover.TURN_S)
            held.session.hand_over()
            await self.publisher.drained()
            if held.task:
                held.task.cancel()
            await self._go_on(fresh, before)
            log.info("%s: shard %s goes on by another connection", held.exchange, held.shard)
        finally:
            self._leave_unless_ours(fresh)

    async def _beside(self, code: str, shard: str, lease: Lease, wants: Wants) -> tuple[Held, list[Kept]]:
        """A second connection that only listens, and where its topics stood before it did."""
        held = await self.begin(code, shard, lease)
        held.wants = wants
        before = await history.kept(self.redis, held.topics)
        held.session.rehearse(wants)
        if held.socket.url:
            held.start()
        return held, before

    async def _go_on(self, held: Held, before: list[Kept]) -> None:
        """Nobody else says anything of the shard any more: what has not been said is, and then what comes."""
        self.held[held.lease.key] = held
        known = await history.kept(self.redis, held.topics)
        said = {
            want: await handover.said_since(self.redis, topic, kept.position)
            for want, topic, kept in zip(held.order, held.topics, before, strict=True)
            if is_identified(want)
        }
        held.session.take_over(dict(zip(held.order, known, strict=True)), said)
        held.start()

    def _leave_unless_ours(self, held: Held) -> None:
        if held.task and self.held.get(held.lease.key) is not held:
            held.task.cancel()

    async def _ready(self, held: Held) -> bool:
        until_s = time.monotonic() + REHEARSAL_S
        while not held.session.ready:
            if time.monotonic() > until_s or not await handover.still_offered(self.redis, held.lease, self.loop):
                return False
            await asyncio.sleep(handover.TURN_S)
        return True
