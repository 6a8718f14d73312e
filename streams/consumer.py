"""One client of `/stream/`: its requests in order, its bounded outbox, and why its connection ends."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings
from redis.exceptions import RedisError

from exchanges.symbols import Topic
from marketdata import cards
from streams import access, messages, quotas, replays, resolve, rights, unlisted
from streams.access import Access
from streams.connection import redis
from streams.database import DatabaseAway
from streams.fanout import fanout
from streams.markets import markets
from streams.messages import Authenticate, Plain, Refused, Selection
from streams.outbox import Lags, Outbox
from streams.position import Position
from streams.websocket import notice

log = logging.getLogger(__name__)

AUTHENTICATE_WITHIN_S = 10.0
STALLED_S = 30.0  # a client that reads nothing for so long is closed
GUARD_S = 1.0
RESUME_S = 5.0  # the history is read within this, or the client may try again
YIELD_EVERY = 256  # messages to one client before the others have their turn
WARN_BEFORE_S = 60
TOO_SLOW, BROKEN, NOT_AUTHENTICATED = 1013, 1011, access.NOT_AUTHENTICATED

UNJUDGED = "the database does not answer, so nobody can be judged; try again"

SEEKER = ThreadPoolExecutor(1)  # the nearest of thousands of markets are sought beside the loop, one search at a time


class StreamConsumer(AsyncConsumer):
    """Joins no group itself: the process's fanout serves all its clients."""

    channel_layer_alias = "none"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """However the connection ends, nothing of it stays behind."""
        self.outbox = Outbox(settings.OUTBOX_MB * 2**20)
        self.subscriptions: dict[str, str] = {}  # topic -> as its reply named it
        self.joins: dict[str, asyncio.Task[None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.quota = quotas.Client((scope.get("client") or ["unknown"])[0])
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._end()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Channels' own dispatch closes old database connections before each message; no message here uses one."""
        await HANDLERS[message["type"]](self, message)

    async def websocket_connect(self, _: dict[str, Any]) -> None:
        self.lags = Lags()
        self.moved_s = time.monotonic()
        self.sending = False
        self.expiring: asyncio.Task[None] | None = None
        self.access = await access.of(self.scope)
        await self.base_send({"type": "websocket.accept", "subprotocol": self.access.subprotocol})
        if self.access.close_code == access.UNJUDGED:
            await self.base_send(messages.reply("error", None, Refused("unavailable", UNJUDGED)))
            await self.close(access.UNJUDGED, UNJUDGED)
            return
        if self.access.close_code:
            if self.access.why:
                await self.base_send(messages.reply("error", None, Refused("not_authenticated", self.access.why)))
            await self.close(self.access.close_code, "not allowed from here or with this token or key")
            return
        if not await self._counted(self.access):
            return
        self.writer = self._start(self._write())
        self._start(self._guard())
        fanout().enter(self.outbox)
        if self.access.granted:
            rights.watch(self._revoked, self.access)
            self.expiring = self._start(self._expire(self.access.expires_s))
        else:
            self._start(self._authenticate_in_time())

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        text = message.get("text")
        try:
            self._pay(1)
            request = messages.read(text)
            self._pay(request.cost - 1)
            if not self.access.granted and not isinstance(request, Authenticate):
                raise Refused("not_authenticated", "send {'action': 'authenticate', 'token': …} first")
        except Refused as error:
            self.outbox.put_always(messages.reply(*messages.named(text), error))
            return
        match request:
            case Selection(action="subscribe"):
                await self._subscribe(request)
            case Selection():
                await self._unsubscribe(request)
            case Authenticate():
                await self._authenticate(request)
            case Plain(action="list"):
                self.outbox.put_always(messages.reply("list", request.id, subscriptions=self._listed()))
            case Plain():
                self.outbox.put_always(messages.reply("ping", request.id, time=time.time_ns() // 1_000_000))

    async def websocket_disconnect(self, _: dict[str, Any]) -> None:
        raise StopConsumer

    async def _end(self) -> None:
        for task in (*self.tasks, *self.joins.values()):
            task.cancel()
        self.quota.leave()
        rights.forget(self._revoked)
        fanout().part(self.outbox)
        await fanout().leave(self.subscriptions, self.outbox)

    async def close(self, code: int, reason: str) -> None:
        await self.base_send({"type": "websocket.close", "code": code, "reason": reason})

    async def _counted(self, of: Access) -> bool:
        """Counts the connection for its user, address or key; one too many is told so and closed."""
        if refusal := self.quota.connect(of.user, of.limits):
            await self.base_send(messages.reply("error", None, Refused("rate_limited", refusal)))
            await self.close(TOO_SLOW, "too many connections")
        return not refusal

    def _pay(self, cost: int) -> None:
        if wait_s := self.quota.requests.wait_s(cost):
            rate = f"{self.quota.requests.per_s} requests a second would do"
            raise Refused("rate_limited", f"{rate}; try again in {wait_s:.1f} s")

    async def _subscribe(self, request: Selection) -> None:
        for label in request.labels():
            topic = label
            try:
                if fanout().away:
                    raise Refused("unavailable", "Redis does not answer; try again")
                topic = await self._topic(request.asked(label))
                await fanout().want(topic)
                await self._join(request, label, topic)
            except Refused as error:
                self._replied(request, label, topic, error)
            except (RedisError, OSError):
                self._replied(request, label, topic, Refused("unavailable", "Redis does not answer; try again"))

    async def _join(self, request: Selection, label: str, topic: str) -> None:
        position = request.position(label)
        if position is not None:
            await self._resume(request, label, topic, position)
            return
        if topic not in self.subscriptions:
            self._count(topic, label)
            self.joins[topic] = asyncio.create_task(fanout().join(topic, self.outbox))
        self._replied(request, label, topic)

    async def _resume(self, request: Selection, label: str, topic: str, position: Position) -> None:
        """The reply waits for what is kept, since it says whether that is all."""
        await self._leave(topic)
        greeted = asyncio.Event()

        def greet(recovered: bool) -> None:
            self._replied(request, label, topic, recovered=recovered)
            greeted.set()

        self._count(topic, label)
        self.joins[topic] = asyncio.create_task(fanout().resume(topic, self.outbox, position, greet))
        try:
            async with asyncio.timeout(RESUME_S):
                await greeted.wait()
        except TimeoutError:
            await self._leave(topic)
            raise Refused("unavailable", "the history does not answer; try again") from None

    def _count(self, topic: str, label: str) -> None:
        refusal = self.quota.subscribe()
        if refusal:
            raise Refused("too_many_subscriptions", refusal)
        self.subscriptions[topic] = label

    async def _leave(self, topic: str) -> None:
        if self.subscriptions.pop(topic, None):
            self.quota.unsubscribe()
            self.joins.pop(topic).cancel()
            await fanout().leave([topic], self.outbox)

    async def _catch_up(self, topic: str, position: Position, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        await fanout().catch_up(topic, self.outbox, position)

    async def _unsubscribe(self, request: Selection) -> None:
        for label in request.labels():
            try:
                # What is subscribed can be left by its name, also once it is no longer listed.
                topic = label if label in self.subscriptions else await self._topic(request.asked(label))
                if topic not in self.subscriptions:
                    raise Refused("bad_request", f"{label} is not subscribed; action list tells what is")
            except Refused as error:
                self._replied(request, label, label, error)
                continue
            await self._leave(topic)
            self._replied(request, label, topic)

    async def _authenticate(self, request: Authenticate) -> None:
        try:
            offered = await access.by_token(request.token)
        except DatabaseAway as away:
            log.warning("a token could not be judged: %s", away)
            error = Refused("unavailable", UNJUDGED)
            self.outbox.put_always(messages.reply("authenticate", request.id, error))
            return
        if not offered.granted:
            why = offered.why or "no valid access token; POST /api/v1/token/ gives one"
            error = Refused("not_authenticated", f"token: {why}")
            self.outbox.put_always(messages.reply("authenticate", request.id, error))
            return
        if not await self._counted(offered):
            return
        self.access = offered
        rights.watch(self._revoked, offered)
        if self.expiring:
            self.expiring.cancel()
        self.expiring = self._start(self._expire(offered.expires_s))
        ends_ms = offered.expires_s and offered.expires_s * 1000
        self.outbox.put_always(messages.reply("authenticate", request.id, expires_time=ends_ms))

    async def _topic(self, asked: Topic) -> str:
        if asked.replay:
            return await replays.topic(redis(), asked)
        card = resolve.card(cards.cards(), asked.exchange)
        known = await markets().known(card.code)
        if known.find(asked.symbol):
            return str(resolve.topic(card, known, asked.stream, asked.symbol))
        seeking = partial(resolve.topic, card, known, asked.stream, asked.symbol)
        try:
            return str(await asyncio.get_running_loop().run_in_executor(SEEKER, seeking))
        except Refused as refused:
            raise await unlisted.explained(card, asked.symbol, refused) from None
        except RuntimeError:
            raise Refused("unavailable", f"the markets of {card.code} have changed this moment; try again") from None

    def _replied(
        self, request: Selection, label: str, topic: str, error: Refused | None = None, **members: bool
    ) -> None:
        named = {"subscription": label} if error else {"subscription": label, "topic": topic, **members}
        self.outbox.put_always(messages.reply(request.action, request.id, error, **named))

    def _listed(self) -> list[dict[str, str]]:
        return [{"subscription": label, "topic": topic} for topic, label in self.subscriptions.items()]

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _write(self) -> None:
        while True:
            taken = await self.outbox.take()
            self.sending, self.moved_s = True, time.monotonic()
            for number, message in enumerate(taken, 1):
                await self.base_send(message)
                self.moved_s = time.monotonic()
                if number % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
            self.sending = False
            if self.outbox.lagged and self.outbox.relieved:
                self._go_on()

    def _go_on(self) -> None:
        """What has lagged is told so, now that the client reads again."""
        lagged, self.outbox.lagged = self.outbox.lagged, {}
        pause_s = self.lags.pause_s(time.monotonic())
        for topic in lagged.keys() & self.subscriptions.keys():
            self.joins[topic] = asyncio.create_task(self._catch_up(topic, lagged[topic], pause_s))

    async def _guard(self) -> None:
        """Ends a client that is too slow; the others never wait for it."""
        while not self.outbox.full and not self._stalled():
            await asyncio.wait({self.writer}, timeout=GUARD_S)
            if self.writer.done():
                await self._written()
                return
        self.writer.cancel()
        await self.close(TOO_SLOW, "reads too slowly")

    async def _written(self) -> None:
        """Nothing more can be sent: the client has gone, or the fault is ours."""
        error = None if self.writer.cancelled() else self.writer.exception()
        if error and not isinstance(error, OSError):
            log.error("a client is told nothing any more", exc_info=error)
            await self.close(BROKEN, "an error of the server")

    def _stalled(self) -> bool:
        return self.sending and time.monotonic() - self.moved_s > STALLED_S

    async def _authenticate_in_time(self) -> None:
        await asyncio.sleep(AUTHENTICATE_WITHIN_S)
        if not self.access.granted:
            await self.close(NOT_AUTHENTICATED, f"no token within {AUTHENTICATE_WITHIN_S:.0f} s")

    def _revoked(self) -> None:
        self._start(self.close(NOT_AUTHENTICATED, "the user or key may no longer listen"))

    async def _expire(self, expires_s: int | None) -> None:
        """Warns before the token ends, and ends with it, unless another was given meanwhile."""
        if expires_s is None:
            return
        await asyncio.sleep(max(0.0, expires_s - WARN_BEFORE_S - time.time()))
        if self.access.expires_s == expires_s:
            said = notice("token_expires", expires_time=expires_s * 1000)
            self.outbox.put_always({"type": "websocket.send", "text": said})
        await asyncio.sleep(max(0.0, expires_s - time.time()))
        if self.access.expires_s == expires_s:
            await self.close(NOT_AUTHENTICATED, "the token or key has expired")


HANDLERS = {
    "websocket.connect": StreamConsumer.websocket_connect,
    "websocket.receive": StreamConsumer.websocket_receive,
    "websocket.disconnect": StreamConsumer.websocket_disconnect,
}
