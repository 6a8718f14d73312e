"""One stream of any source of the sandbox, carried by a session of ours; what was said is read from the history."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from channels.layers import get_channel_layer

from exchanges.budget import Budget
from exchanges.client import Client
from exchanges.contract import Want
from exchanges.events import Candle
from exchanges.symbols import Topic
from streams import history, keys
from streams.connection import redis
from streams.ending import ended
from streams.lease import Lease
from streams.numbering import Numbering
from streams.publishers.redis import Publisher
from streams.recall import Recall
from streams.rejections import Rejections
from streams.session import Session
from streams.tape import Tape
from tests.exchanges.ours import Ours
from tests.sandbox_server import SandboxServer

Event = dict[str, Any]
PATIENCE_S = 30.0


@dataclass
class Carried:
    """What was said of the topic, by whichever loop."""

    topic: str
    publisher: Publisher
    session: Session
    closed: list[Candle] = field(default_factory=list)  # candles for the database
    seen: list[Event] = field(default_factory=list)  # when the test last looked

    async def events(self, topic: str | None = None) -> list[Event]:
        await self.publisher.drained()
        entries = await redis().xrange(keys.history(topic or self.topic))
        return [json.loads(text) for _, entry in entries for text in entry[b"events"].split(b"\n")]

    async def until(self, found: Callable[[list[Event]], bool]) -> list[Event]:
        """The events, once they are as `found` wants them."""
        async with asyncio.timeout(PATIENCE_S):
            while not found(events := await self.events()):
                await asyncio.sleep(0.05)
        self.seen = events
        return events

    async def until_more(self, name: str, count: int, **members: Any) -> list[Event]:
        """The events, once `count` more of a name are there than when the test last waited for some."""
        goal = _count(self.seen, name, members) + count
        return await self.until(lambda events: _count(events, name, members) >= goal)


def _count(events: list[Event], name: str, members: dict[str, Any]) -> int:
    return sum(event["event"] == name and members.items() <= event.items() for event in events)


@contextlib.asynccontextmanager
async def carried(
    exchange: str,
    server: SandboxServer,
    want: Want,
    key: str | None = None,
    age_s: float = 600,
    loop: str = "one",
    more: Collection[Want] = (),
    handed_over: bool = False,
) -> AsyncIterator[Carried]:
    """As a hold loop carries it, with `more` beside it; at the end it is gone without a word. `handed_over`: it goes on
    where another has stopped, in the same epoch."""
    ours = await Ours.loaded(exchange, server, key)
    publisher = Publisher(redis(), get_channel_layer(), 10_000, 2**26, lambda: None, lambda lease: None)
    closed: list[Candle] = []
    lease = Lease(f"lease:{exchange}:{loop}", f"1:{loop}")
    numbering = Numbering(exchange, lease, ours.instruments, publisher, "", lambda _, candle: closed.append(candle))
    socket = ours.card.socket_of(*want)
    async with Client(ours.card, Budget(redis(), exchange, ours.card.limits)) as client:
        recall = Recall(ours.card, client, redis(), age_s)
        connects = Budget(redis(), f"{exchange}:connects:{socket}", [])
        track = Tape(redis(), loop, 2**20).track(ours.card, f"{socket}-0", ours.instruments)
        session = Session(
            ours.card, socket, ours.instruments, numbering, client, Rejections(exchange), connects, recall, track
        )
        topic = str(Topic(exchange, *want))
        flushing = asyncio.create_task(publisher.run())
        wants = frozenset({want, *more})
        known = {one: (await history.kept(redis(), [str(Topic(exchange, *one))]))[0] for one in wants}
        if handed_over:
            session.rehearse(wants)
            session.take_over(known, {})
        else:
            for one in (want, *more):
                session.open(one, known[one], time.time_ns())
            session.want(wants)
        running = asyncio.create_task(session.run())
        try:
            yield Carried(topic, publisher, session, closed)
        finally:
            await ended([running])
            await ended([flushing])
