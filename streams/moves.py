"""Shards that move with nothing lost: between hold loops, and from an old connection to a new one."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges.contract import Want
from streams import handover, history, keys, lease
from streams.ending import ended
from streams.held import Held
from streams.history import Kept
from streams.lease import Lease
from streams.plan import Plan
from streams.publishers.redis import Publisher
from streams.rehearsal import Said, Wants, is_identified

log = logging.getLogger(__name__)

REHEARSAL_S = 20.0  # a shard that is not ready by then is left to the loop that carries it
CLAIM_S = 5.0  # a loop that stops waits no longer than this for somebody to claim what it offers

Tasks = dict[str, asyncio.Task[None]]
# each stream whose events have names: its topic, where it stood, and the last of these names before
Stood = list[tuple[Want, str, Kept, Collection[str]]]


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
    share: int = 0  # how many shards a loop should carry

    @property
    def room(self) -> int:
        """How many shards more may be carried here."""
        return max(0, self.share - len(self.held) - len(self.coming))

    async def level(self, plans: Mapping[str, Plan]) -> None:
        """One turn: offers what is too much here, and takes what is offered where there is room."""
        for held in self._staying():
            if held.session.succession.reason:
                self._start(self.replaced, held.lease.key, self._replace(held))
        over = len(self.held) - len(self.leaving) - self.share
        for held in self._staying()[: max(0, over)]:
            self._start(self.leaving, held.lease.key, self._hand_over(held))
        room = self.room
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
        self.share = 0
        await ended([*self.coming.values(), *self.replaced.values()])
        until_s = time.monotonic() + REHEARSAL_S
        for held in self._staying():
            self._start(self.leaving, held.lease.key, self._hand_over(held, CLAIM_S))
        while self.leaving and time.monotonic() < until_s and await self._others():
            await renew()
            if going := list(self.leaving.values()):
                await asyncio.wait(going, timeout=handover.TURN_S)

    async def end(self) -> None:
        """What is under way is left."""
        await ended([*self.leaving.values(), *self.coming.values(), *self.replaced.values()])

    def _staying(self) -> list[Held]:
        """What could be moved and is not yet."""
        moving = self.leaving.keys() | self.replaced.keys()
        return [held for key, held in self.held.items() if key not in moving and held.movable]

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
        token = None
        try:
            token = await self._taker(held, time.monotonic() + patience_s)
        finally:
            if token is None:
                await handover.withdraw(self.redis, held.lease)
        if token:
            await self._give(held, token)

    async def _taker(self, held: Held, until_s: float) -> str | None:
        """The token of the loop that is ready; None where the shard is no longer carried here, or may as well stay."""
        while self.held.get(held.lease.key) is held:
            token = await handover.offer(self.redis, held.lease)
            if token and not held.session.repairing and self.held.get(held.lease.key) is held:
                return token
            enough = time.monotonic() > until_s or len(self.held) <= self.share
            if enough and not await handover.claimed(self.redis, held.lease):
                return None
            await asyncio.sleep(handover.TURN_S)
        return None

    async def _give(self, held: Held, token: str) -> None:
        held.session.hand_over()
        try:
            await self.publisher.drained()
            given = await handover.give(self.redis, held.lease, token)
        except Exception:  # it says nothing more: who finds the lease free goes on with a gap
            self.drop(held)
            raise
        self.publisher.let_go(held.lease)
        self.drop(held)
        end = "was handed over" if given else "was let go: who was ready to take it has gone"
        log.info("%s: shard %s %s", held.exchange, held.shard, end)

    async def _take_over(self, code: str, shard: str, wants: Wants) -> None:
        """Connects beside the loop that offers the shard, and goes on in its place once it has let go."""
        taken = await handover.claim(self.redis, keys.lease(code, shard), self.loop)
        if taken is None:
            return
        held = None
        try:
            held, stood = await self._beside(code, shard, taken, wants)
            if await self._given(held):
                await self._go_on(held, stood)
                log.info("%s: shard %s was taken over", code, shard)
        finally:
            if held is None or self._leave_unless_ours(held):
                await handover.abandon(self.redis, taken, self.loop)

    async def _given(self, held: Held) -> bool:
        """Whether the other has given its lease; False where it has gone or thought better of it, or where this loop
        is not ready in time."""
        until_s = time.monotonic() + REHEARSAL_S
        while True:
            ready = held.session.ready
            match await handover.claim_again(self.redis, held.lease, self.loop, ready):
                case "given":
                    return True
                case "void":
                    return False
            if not ready and time.monotonic() > until_s:
                return False
            await asyncio.sleep(handover.TURN_S)

    async def _replace(self, held: Held) -> None:
        """Connects anew beside a connection that the exchange is about to end, and goes on there."""
        fresh, stood = await self._beside(held.exchange, held.shard, held.lease, held.wants)
        try:
            while not fresh.session.ready or held.session.repairing:
                if (
                    self.held.get(held.lease.key) is not held
                    or held.wants != fresh.wants
                    or not held.session.succession.reason
                ):
                    return
                await asyncio.sleep(handover.TURN_S)
            held.session.hand_over()
            try:
                await self.publisher.drained()
                await self._go_on(fresh, stood)
            except BaseException:  # it says nothing more
                self.drop(held)
                await lease.release(self.redis, held.lease)
                raise
            if held.task:
                held.task.cancel()
            log.info("%s: shard %s goes on by another connection", held.exchange, held.shard)
        finally:
            self._leave_unless_ours(fresh)

    async def _beside(self, code: str, shard: str, lease: Lease, wants: Wants) -> tuple[Held, Stood]:
        """A second connection that only listens, and where its topics stood before it did."""
        held = await self.begin(code, shard, lease)
        held.wants = wants
        stood = await history.kept(self.redis, held.topics)
        held.session.rehearse(wants)
        if held.socket.url:
            held.start()
        named = [
            (want, topic, kept)
            for want, topic, kept in zip(held.order, held.topics, stood, strict=True)
            if is_identified(want)
        ]
        try:
            said = await handover.said_before(self.redis, [row[1] for row in named], [row[2] for row in named])
        except BaseException:
            self._leave_unless_ours(held)
            raise
        return held, [(*row, before) for row, before in zip(named, said, strict=True)]

    async def _go_on(self, held: Held, stood: Stood) -> None:
        """Nobody else says anything of the shard any more: what has not been said is, and then what comes."""
        self.held[held.lease.key] = held
        try:
            known = await history.kept(self.redis, held.topics)
            since = await handover.said_since(
                self.redis, [topic for _, topic, _, _ in stood], [kept.position for _, _, kept, _ in stood]
            )
            said = {
                want: Said({*before, *after.ids}, after.whole)
                for (want, _, _, before), after in zip(stood, since, strict=True)
            }
            held.session.take_over(dict(zip(held.order, known, strict=True)), said)
        except BaseException:  # it would be carried here in silence
            self.drop(held)
            raise
        held.start()

    def _leave_unless_ours(self, held: Held) -> bool:
        """Ends a connection that only listened; whether it did."""
        if self.held.get(held.lease.key) is held:
            return False
        if held.task:
            held.task.cancel()
        return True
