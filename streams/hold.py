"""One hold loop: makes what is carried here agree with what is wanted, again and again."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Annotated, Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges.budget import Budget
from exchanges.client import Client
from exchanges.contract import Card, Want
from exchanges.symbols import Instruments, Topic
from streams import demand, history, keys, lease, replays
from streams.ending import ended
from streams.held import Held
from streams.lease import Lease
from streams.moves import Moves
from streams.numbering import Numbering
from streams.plan import Plan, plan
from streams.publishers.redis import Publisher
from streams.recall import Recall
from streams.rejections import Rejections
from streams.report import LOOP_TTL_S, Report
from streams.session import Session
from streams.tape import Tape

log = logging.getLogger(__name__)

RECONCILE_S = 0.5
CALM_S = 5  # after an outage of Redis; a holder needs less to take its leases again
PARTING_S = 3.0  # how long a stopping loop tries to say goodbye

Shard = Annotated[str, msgspec.Meta(pattern=r"^\d+-\d+$")]
_read_plan = msgspec.json.Decoder(dict[Shard, list[tuple[str, str]]]).decode
_change_plan = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


@dataclass
class Sources:
    """What a loop is given from outside; the functions may wait for the database."""

    cards: dict[str, Card]
    markets: Callable[[str], Any]  # exchange -> awaitable Instruments
    pins: Callable[[], Any]  # -> awaitable set of topics
    closed_candle: Callable[[str, Any], None]  # exchange, event


@dataclass
class Holder:
    """A loop with many leases, each a shard of one exchange's sockets."""

    redis: Redis
    layer: Any
    sources: Sources
    spread: int  # shards a socket that are opened before any is shared: hold loops there are
    history_events: int
    history_bytes: int  # of all histories, which all loops share
    repair_s: float = 600.0  # how far back what was lost is fetched
    tape_bytes: int = 64 * 2**20  # of what is to be recorded of an exchange, until a recorder has taken it
    extra: str = ""  # what every event carries beside its own members
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{time.time_ns() % 1_000_000}")

    def __post_init__(self) -> None:
        self._held: dict[str, Held] = {}  # lease key -> shard
        self._stopping = asyncio.Event()
        self._counted = False  # Redis was told of this loop
        self._calm_until_s = float("-inf")  # Redis was away: who carried what carries it still
        self._publisher = Publisher(
            self.redis, self.layer, self.history_events, self.history_bytes, self._lost, self._refused
        )
        self._clients = {
            code: Client(card, Budget(self.redis, code, card.limits)) for code, card in self.sources.cards.items()
        }
        self._recalls = {
            code: Recall(card, self._clients[code], self.redis, self.repair_s)
            for code, card in self.sources.cards.items()
        }
        self._rejections = {code: Rejections(code) for code in self.sources.cards}
        self._tape = Tape(self.redis, self.name, self.tape_bytes)
        self._moves = Moves(self.redis, self.name, self._held, self._publisher, self._begin, self._drop)
        self._report = Report(self.redis, self.name, self._held, self._publisher, self._rejections, self.history_bytes)

    def stop(self) -> None:
        """Asks `run` to hand over what is carried and to return."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stopped or cancelled; then what is still carried is given back."""
        flushing = asyncio.create_task(self._publisher.run())
        beating = asyncio.create_task(self._report.run())
        taping = asyncio.create_task(self._tape.run())
        stopping = asyncio.create_task(self._stopping.wait())
        async with AsyncExitStack() as stack:
            for client in self._clients.values():
                await stack.enter_async_context(client)
            try:
                while not stopping.done():
                    await self._reconcile_once()
                    done, _ = await asyncio.wait({flushing, beating, taping, stopping}, timeout=RECONCILE_S)
                    for task in done:  # without it nothing said here is heard: another loop is of more use
                        task.result()
                await self._hand_all_over()
            finally:
                await ended([beating, stopping])
                await self._moves.end()
                try:
                    await self._part()
                finally:
                    await ended([flushing, taping])
                await self._tape.part()

    async def _reconcile_once(self) -> None:
        try:
            await self._renew()
            await self._reconcile()
        except (RedisError, OSError) as error:
            if time.monotonic() > self._calm_until_s:
                log.warning("Redis is away, what is carried goes on: %s", error)
            self._calm_until_s = time.monotonic() + CALM_S
        except Exception:  # the loop must live; the next turn starts from what is then true
            log.exception("a turn of the hold loop failed")

    async def _renew(self) -> None:
        for held in [held for held in self._held.values() if held.task and held.task.done()]:
            error = None if held.task.cancelled() else held.task.exception()
            log.error("%s: shard %s had ended and begins anew", held.exchange, held.shard, exc_info=error)
            self._drop(held)
        for gone in await lease.renew(self.redis, [held.lease for held in self._held.values()]):
            self._refused(gone)

    async def _reconcile(self) -> None:
        if await self._calm():
            return
        pins = self._publisher.channels.topics = await self.sources.pins()
        wanted = (await demand.wanted(self.redis) | pins) - await replays.taken(self.redis)
        plans: dict[str, Plan] = {}
        for code, card in self.sources.cards.items():
            markets: Instruments = await self.sources.markets(code)
            if not len(markets):  # the database was never reached: others know better what is to be carried
                continue
            async with self._alone(code):
                streams = set(card.stream_names())
                topics = [Topic.parse(topic) for topic in wanted if topic.startswith(f"{code}.")]
                wants = {(t.stream, t.symbol) for t in topics if t.stream in streams and t.symbol in markets.by_symbol}
                plans[code] = await self._agreed_plan(code, card, wants)
        if not plans:  # who carries nothing takes no share
            return
        loops = max(1, await self._loops())
        self._publisher.history_bytes = self.history_bytes // loops
        self._moves.share = ceil(sum(map(len, plans.values())) / loops)
        for code, shards in plans.items():
            async with self._alone(code):
                await self._carry(code, shards)
        await self._tape.look()
        for held in list(self._held.values()):
            held.session.record()
        await self._moves.level(plans)

    async def _calm(self) -> bool:
        """Redis was away, and may have come back empty: for a moment nothing changes hands, while each loop says again
        what it carries and that somebody wants it. Subscribers will soon have said so too."""
        now_s = time.monotonic()
        if self._counted and await self.redis.zscore(keys.LOOPS, self.name) is None:
            log.warning("Redis knows nothing of this loop: what it carries is said again")
            self._calm_until_s = now_s + CALM_S
            for held in self._held.values():
                held.numbering.keep_again()
        if now_s > self._calm_until_s:
            return False
        topics = {line.topic for held in self._held.values() for line in held.numbering.lines}
        await demand.want(self.redis, topics, CALM_S + 2 * demand.REFRESH_S)
        for code in {held.exchange for held in self._held.values()}:
            await self._claim(code)
        await self._loops()
        return True

    async def _claim(self, code: str) -> None:
        """The plan has what is carried here."""
        carried = {held.shard: held.wants for held in self._held.values() if held.exchange == code}
        while True:
            text = await self.redis.get(keys.plan(code)) or b""
            current = _plan_in(text)
            if carried.keys() <= current.keys():
                return
            known = {shard: sorted(wants) for shard, wants in carried.items() if shard not in current}
            encoded = msgspec.json.encode({**current, **known})
            if await self.redis.eval(_change_plan, 1, keys.plan(code), text, encoded):
                return

    @asynccontextmanager
    async def _alone(self, code: str) -> AsyncIterator[None]:
        """What fails for one exchange leaves the others alone."""
        try:
            yield
        except (RedisError, OSError):
            raise
        except Exception:  # the loop must live; the next turn starts from what is then true
            log.exception("%s: a turn of the hold loop failed", code)

    async def _agreed_plan(self, code: str, card: Card, wants: set[Want]) -> Plan:
        """The plan all loops share; the first to see a change writes it."""
        text = await self.redis.get(keys.plan(code)) or b""
        current = _plan_in(text)
        new = plan(current, wants, card, self.spread)
        if new == {shard: frozenset(found) for shard, found in current.items()}:
            return new
        encoded = msgspec.json.encode({shard: sorted(found) for shard, found in new.items()})
        changed = await self.redis.eval(_change_plan, 1, keys.plan(code), text, encoded)
        return new if changed else await self._agreed_plan(code, card, wants)

    async def _loops(self) -> int:
        now_s, _ = await self.redis.time()
        await self.redis.zadd(keys.LOOPS, {self.name: now_s + LOOP_TTL_S})
        self._counted = True
        await self.redis.zremrangebyscore(keys.LOOPS, "-inf", now_s)
        return int(await self.redis.zcard(keys.LOOPS))

    async def _carry(self, code: str, shards: Plan) -> None:
        for held in [held for held in self._held.values() if held.exchange == code and held.shard not in shards]:
            await self._give_back(held)
        for shard, wants in shards.items():
            held = self._held.get(keys.lease(code, shard))
            if held is None and self._moves.room and keys.lease(code, shard) not in self._moves.coming:
                held = await self._take(code, shard)
            if held and held.wants != wants:
                await self._change(held, wants)

    async def _take(self, code: str, shard: str) -> Held | None:
        taken = await lease.take(self.redis, keys.lease(code, shard), self.name)
        if taken is None:
            return None
        held = self._held[taken.key] = await self._begin(code, shard, taken)
        return held

    async def _begin(self, code: str, shard: str, taken: Lease) -> Held:
        card, markets = self.sources.cards[code], await self.sources.markets(code)
        numbering = Numbering(code, taken, markets, self._publisher, self.extra, self.sources.closed_candle)
        index = int(shard.partition("-")[0])
        limit = card.sockets[index].connects
        connects = Budget(self.redis, f"{code}:connects:{index}", [limit] if limit else [])
        client, rejections, recall = self._clients[code], self._rejections[code], self._recalls[code]
        track = self._tape.track(card, shard, markets)
        session = Session(card, index, markets, numbering, client, rejections, connects, recall, track)
        return Held(card, shard, taken, markets, numbering, session)

    async def _change(self, held: Held, wants: frozenset[Want]) -> None:
        """What is new gets a new epoch above all that was written of it; what ran elsewhere till now has a gap."""
        added = sorted(wants - held.wants)
        known = await history.kept(self.redis, [str(Topic(held.exchange, *want)) for want in added])
        if self._held.get(held.lease.key) is not held:  # lost meanwhile
            return
        now_ns = time.time_ns()
        for want, kept in zip(added, known, strict=True):
            held.session.open(want, kept, now_ns)
        for want in held.wants - wants:
            self._publisher.forget(str(Topic(held.exchange, *want)))
            held.close(want)
        held.wants = wants
        held.session.want(wants)
        if held.task is None:
            held.start()
            log.info("%s: shard %s is carried here", held.exchange, held.shard)

    async def _give_back(self, held: Held) -> None:
        if self._held.get(held.lease.key) is not held:  # another connection has taken its place meanwhile
            return
        self._drop(held)
        for line in list(held.numbering.lines):
            held.close((line.stream, line.symbol))
        await self._publisher.drained()
        self._publisher.let_go(held.lease)
        await lease.release(self.redis, held.lease)

    def _drop(self, held: Held) -> None:
        if held.task:
            held.task.cancel()
        if self._held.get(held.lease.key) is held:
            del self._held[held.lease.key]
            for topic in held.topics:
                self._publisher.forget(topic)

    def _refused(self, gone: Lease) -> None:
        self._publisher.let_go(gone)
        held = self._held.get(gone.key)
        if held and held.lease == gone:
            log.warning("%s: shard %s is carried elsewhere now", held.exchange, held.shard)
            self._drop(held)

    def _lost(self) -> None:
        for held in self._held.values():
            held.session.lost("recovery")

    async def _hand_all_over(self) -> None:
        try:
            await self.redis.zrem(keys.LOOPS, self.name)
            await self._moves.all_away(self._renew)
        except (RedisError, OSError) as error:
            log.warning("nothing could be handed over: %s", error)

    async def _part(self) -> None:
        """Planned end: the leases are given back at once, so that another loop need not wait for their end."""
        parting = list(self._held.values())
        for held in parting:
            self._drop(held)
        try:
            async with asyncio.timeout(PARTING_S):
                await self._publisher.drained()
                for held in parting:
                    self._publisher.let_go(held.lease)
                    await lease.release(self.redis, held.lease)
                await self.redis.zrem(keys.LOOPS, self.name)
                for code in self._clients:
                    await self.redis.hdel(keys.state(code), self.name)
        except (RedisError, OSError) as error:
            log.warning("parted without a word: %s", error)


def _plan_in(text: bytes) -> dict[str, list[tuple[str, str]]]:
    """The plan that is kept; of one that cannot be read, none, so that it is made anew."""
    if not text:
        return {}
    try:
        return _read_plan(text)
    except msgspec.MsgspecError as error:
        log.error("a plan of another shape is made anew: %s", error)
        return {}
