"""One reader per web process: envelopes in, each event's text made once, holes filled from the history."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges.encoder import quoted
from exchanges.symbols import Topic
from streams import demand, envelope, history
from streams.connection import redis
from streams.envelope import Item
from streams.history import Kept, Range
from streams.outbox import Message, Outbox
from streams.position import START, Position
from streams.websocket import frame

log = logging.getLogger(__name__)

Kind = Literal["trade", "depth", "picture"]

RETRY_S = 0.2
BREAKS = (b'{"event":"gap"', b'{"event":"repaired"')
CLOSED = b'"closed":true}'


@dataclass
class Broadcast:
    """One topic in this process."""

    topic: str
    kind: Kind
    newest_wins: bool  # older pictures may be skipped between processes; closed candles never are
    position: Position = START
    known: bool = False  # the position has been read
    ahead: Position = START  # the newest position heard of
    picture: bytes | None = None  # the newest event of a stream of pictures
    status: bytes | None = None
    clients: set[Outbox] = field(default_factory=set)
    joining: int = 0
    filling: asyncio.Task[None] | None = None


class Fanout:
    """All topics that clients of this process listen to."""

    def __init__(self, store: Redis, layer: Any) -> None:
        self._redis = store
        self._layer = layer
        self._topics: dict[str, Broadcast] = {}
        self._channel: str | None = None
        self._work: list[asyncio.Task[None]] = []
        self._opening = asyncio.Lock()

    @property
    def topics(self) -> set[str]:
        return set(self._topics)

    async def want(self, topic: str) -> None:
        """Says at once that somebody wants the topic; while a client listens it is said again on a clock."""
        await demand.want(self._redis, [topic])

    async def join(self, topic: str, outbox: Outbox) -> None:
        """Tells the client the newest state, then everything that follows it; returns when it is live. Cancellable."""
        cast = self._topics.get(topic)
        if cast is None:
            cast = self._topics[topic] = broadcast(topic)
        cast.joining += 1
        try:
            await self._listen(topic)
            await self._tell(cast, outbox)
            cast.clients.add(outbox)
        finally:
            cast.joining -= 1
            await self._tidy(cast)

    async def leave(self, topic: str, outbox: Outbox) -> None:
        """The client hears no more of the topic."""
        cast = self._topics.get(topic)
        if cast:
            cast.clients.discard(outbox)
            outbox.forget(topic)
            await self._tidy(cast)

    async def _tell(self, cast: Broadcast, outbox: Outbox) -> None:
        """The newest state, up to exactly the position that the others have reached: no await stands between the last
        comparison and the return."""
        if not cast.known:
            await self._meet(cast)
        if cast.kind == "picture":
            for text in filter(None, (cast.status, cast.picture)):
                outbox.put(message(text))
            return
        kept = await self._kept(cast)
        if not kept.fresh:
            return
        told = Range(last=kept.position)
        if cast.kind == "depth":
            state, told = await self._book(cast, kept)
        else:
            state, told = [], await self._patiently(history.last_trades, cast.topic)
        for text in filter(None, (cast.status, *state)):
            outbox.put(message(text))
        while True:
            for position, text in told.events:
                if position <= cast.position:
                    outbox.put(message(text))
            if told.last >= cast.position:
                return
            told = await self._patiently(history.after, cast.topic, told.last)
            if not told.events:
                return

    async def _meet(self, cast: Broadcast) -> None:
        """Where the topic stands as this process begins to listen."""
        kept = await self._kept(cast)
        if cast.known:
            return
        cast.known, cast.position = True, kept.position
        if kept.fresh:
            cast.status, cast.picture = kept.status, kept.event

    async def _book(self, cast: Broadcast, kept: Kept) -> tuple[list[bytes], Range]:
        """The last stored book that belongs to the running epoch, and what came after it."""
        while kept.fresh and kept.book is not None and kept.book_position.epoch == kept.position.epoch:
            await self._reach(cast, kept.book_position)
            found = await self._patiently(history.after, cast.topic, kept.book_position)
            heard = cast.position if cast.position > kept.book_position else START
            if not hole(kept.book_position, found, heard):
                return [kept.book], found
            await asyncio.sleep(RETRY_S)  # what followed is no longer kept: a newer book is stored in a moment
            kept = await self._kept(cast)
        return [], Range(last=cast.position)

    async def _reach(self, cast: Broadcast, position: Position) -> None:
        """The others are told everything up to `position` first."""
        while cast.position < position:
            cast.ahead = max(cast.ahead, position)
            cast.filling = cast.filling or asyncio.create_task(self._fill(cast))
            await asyncio.wait({cast.filling})

    async def _kept(self, cast: Broadcast) -> Kept:
        return (await self._patiently(history.kept, [cast.topic]))[0]

    async def _patiently(self, read: Any, *arguments: Any) -> Any:
        while True:
            try:
                return await read(self._redis, *arguments)
            except (RedisError, OSError) as error:
                log.warning("the history does not answer, trying again: %s", error)
                await asyncio.sleep(RETRY_S)

    async def _listen(self, topic: str) -> None:
        """This process hears the topic's group from the return on."""
        while True:
            try:
                return await self._join_group(envelope.group(envelope.bucket(topic)))
            except (RedisError, OSError) as error:
                log.warning("%s cannot be listened to, trying again: %s", topic, error)
                await asyncio.sleep(RETRY_S)

    async def _join_group(self, group: str) -> None:
        async with self._opening:
            if self._channel is None:
                self._channel = await self._layer.new_channel()
                self._work = [asyncio.create_task(self._read(self._channel)), asyncio.create_task(self._refresh())]
            await self._layer.group_add(group, self._channel)

    async def _tidy(self, cast: Broadcast) -> None:
        if cast.clients or cast.joining or self._topics.get(cast.topic) is not cast:
            return
        del self._topics[cast.topic]
        if cast.filling:
            cast.filling.cancel()
        bucket = envelope.bucket(cast.topic)
        try:
            await self.want(cast.topic)  # the stream goes on for as long as a stream does after its last subscriber
            async with self._opening:
                if not any(envelope.bucket(topic) == bucket for topic in self._topics):
                    await self._layer.group_discard(envelope.group(bucket), self._channel)
        except (RedisError, OSError) as error:
            log.warning("%s was left without a word: %s", cast.topic, error)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(demand.REFRESH_S)
            try:
                await demand.want(self._redis, self._topics)
            except (RedisError, OSError) as error:
                log.warning("what is wanted could not be told: %s", error)

    async def _read(self, channel: str) -> None:
        while True:
            try:
                received = await self._layer.receive(channel)
                for item in envelope.items(received):
                    cast = self._topics.get(item.topic)
                    if cast and cast.known:
                        self._hear(cast, item)
            except Exception:  # all clients of this process hear through this loop; what was lost is filled
                log.exception("an envelope could not be read")
                await asyncio.sleep(0)

    def _hear(self, cast: Broadcast, item: Item) -> None:
        """One topic's news: passed on where it follows what was said, else the hole is filled first."""
        for note in item.notes:
            cast.status = note
            self._send(cast, message(note))
        last, at = item.last, cast.position
        cast.ahead = max(cast.ahead, last)
        if last <= at or cast.filling:
            return
        if item.epoch == at.epoch and item.first <= at.seq + 1:
            cast.position = last
            self._pass_on(cast, item.events[at.seq + 1 - item.first :])
        elif cast.newest_wins and item.events:
            cast.position = last
            self._pass_on(cast, item.events)
        else:
            cast.filling = asyncio.create_task(self._fill(cast))

    async def _fill(self, cast: Broadcast) -> None:
        """Everything up to the newest position heard of, from the history; what is no longer kept is declared."""
        try:
            while cast.position < cast.ahead:
                await self._fill_once(cast, cast.ahead)
        finally:
            cast.filling = None

    async def _fill_once(self, cast: Broadcast, target: Position) -> None:
        if cast.newest_wins:
            kept = await self._kept(cast)
            cast.position = max(target, kept.position)
            news = kept.event and kept.fresh and kept.event != cast.picture
            self._pass_on(cast, [kept.event] if news else [])
            return
        found = await self._patiently(history.after, cast.topic, cast.position)
        lost = hole(cast.position, found, target)
        if lost:
            await self._declare(cast, lost)
        elif found.events:
            cast.position = found.last
            self._pass_on(cast, [text for _, text in found.events])
        else:
            cast.position = target

    async def _declare(self, cast: Broadcast, until: Position) -> None:
        """The events up to `until` are no longer kept; a book goes on from its last stored state."""
        at = cast.position
        dropped = until.seq - at.seq if until.epoch == at.epoch else "null"
        log.warning("%s: the events after %s up to %s are no longer kept", cast.topic, at, until)
        text = (
            f'{{"event":"lagged","topic":{quoted(cast.topic)},"dropped":{dropped},'
            f'"from":{{"epoch":{at.epoch},"seq":{at.seq}}}}}'
        )
        kept = await self._kept(cast) if cast.kind == "depth" else Kept()
        while kept.fresh and kept.position.epoch == until.epoch and kept.book_position < until:
            await asyncio.sleep(RETRY_S)  # deltas mean nothing without a book: the next is stored in a moment
            kept = await self._kept(cast)
        self._send(cast, message(text.encode()))
        cast.position = max(until, kept.book_position)
        if kept.book and kept.book_position == cast.position:
            self._send(cast, message(kept.book))

    def _pass_on(self, cast: Broadcast, events: Sequence[bytes]) -> None:
        if cast.kind != "picture":
            for text in events:
                self._send(cast, message(text))
            return
        for text in events:
            ready = message(text)
            if text.startswith(BREAKS):
                for outbox in cast.clients:
                    outbox.put_between(cast.topic, ready)
                continue
            cast.picture, final = text, text.endswith(CLOSED)
            for outbox in cast.clients:
                outbox.put_newest(cast.topic, ready, final)

    def _send(self, cast: Broadcast, ready: Message) -> None:
        for outbox in cast.clients:
            outbox.put(ready)


def hole(at: Position, found: Range, target: Position) -> Position | None:
    """The last position after `at` that the history no longer has, where it should; None where nothing is missing."""
    if not found.events:
        return target if target.seq else None  # seq 0: a new epoch that has said nothing yet
    first = found.events[0][0]
    follows = first.seq == at.seq + 1 if first.epoch == at.epoch else first.seq == 1
    return None if follows else Position(first.epoch, first.seq - 1)


def message(text: bytes) -> Message:
    """What the server sends for one event: made once, shared by all clients; `frame` is for servers that take it."""
    return {"type": "websocket.send", "text": text.decode(), "frame": frame(text)}


def broadcast(topic: str) -> Broadcast:
    """A topic that nobody in this process has listened to yet."""
    stream = Topic.parse(topic).stream
    if stream in {"trade", "depth"}:
        return Broadcast(topic, stream, newest_wins=False)
    return Broadcast(topic, "picture", newest_wins=not stream.startswith("candle_"))


_fanouts: WeakKeyDictionary[asyncio.AbstractEventLoop, Fanout] = WeakKeyDictionary()


def fanout() -> Fanout:
    """The one of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _fanouts:
        _fanouts[loop] = Fanout(redis(), get_channel_layer())
    return _fanouts[loop]
