"""One reader per web process: envelopes in, each event's text made once, holes filled from the history."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from exchanges.symbols import Topic
from streams import demand, history
from streams.connection import redis
from streams.continuity import GAP, hole, lagged, unbroken
from streams.envelope import Item
from streams.history import Kept, Range
from streams.listening import Listening
from streams.outbox import Message, Outbox
from streams.position import START, Position
from streams.websocket import frame, notice

log = logging.getLogger(__name__)

Kind = Literal["trade", "depth", "picture"]

RETRY_S = 0.2
BREAKS = (GAP, b'{"event":"repaired"')
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
    notes: deque[tuple[Position, bytes]] = field(default_factory=deque)  # to be said after what is at the position
    clients: set[Outbox] = field(default_factory=set)
    joining: int = 0
    filling: asyncio.Task[None] | None = None


class Fanout:
    """All topics that clients of this process listen to."""

    def __init__(self, store: Redis, layer: Any) -> None:
        self._redis = store
        self._topics: dict[str, Broadcast] = {}
        self._clients: set[Outbox] = set()
        self._listening = Listening(store, layer, lambda: self._topics, self._heard, self._tell_whether_away)

    @property
    def topics(self) -> set[str]:
        return set(self._topics)

    @property
    def away(self) -> bool:
        """Redis is not heard: nothing can be subscribed, and what comes will come later."""
        return self._listening.away

    def enter(self, outbox: Outbox) -> None:
        """The client is told when Redis goes away, and when it is back."""
        self._clients.add(outbox)
        if self.away:
            outbox.put_always(message(notice("delayed").encode()))

    def part(self, outbox: Outbox) -> None:
        """The client is gone."""
        self._clients.discard(outbox)

    async def want(self, topic: str) -> None:
        """Says at once that somebody wants the topic; while a client listens it is said again on a clock."""
        await demand.want(self._redis, [topic])

    async def join(self, topic: str, outbox: Outbox) -> None:
        """Tells the client the newest state, then everything that follows it; returns when it is live. Cancellable."""
        async with self._joining(topic) as cast:
            if await self._tell(cast, outbox):
                cast.clients.add(outbox)

    async def resume(self, topic: str, outbox: Outbox, position: Position, greet: Callable[[bool], None]) -> None:
        """Tells the client all that followed the position, then what follows that. Where not all of it is kept any
        more, the newest state as for a new client. `greet` is called with which it is before anything is told."""
        async with self._joining(topic) as cast:
            await self._meet(cast)
            found = await self._since(cast, position)
            greet(found is not None)
            if await (self._tell(cast, outbox) if found is None else self._follow(cast, outbox, found)):
                cast.clients.add(outbox)

    async def catch_up(self, topic: str, outbox: Outbox, position: Position) -> None:
        """Tells a client that has lagged since the position what it missed, a book as it is now, then what follows."""
        async with self._joining(topic) as cast:
            await self._meet(cast)
            state, told = [], Range(last=cast.position)
            if cast.kind == "depth":
                state, told = await self._book(cast, await self._kept(cast))
            until = told.events[0][0].before if told.events else told.last
            outbox.put_always(message(lagged(topic, position, until)))
            for text in filter(None, (cast.status, *state)):
                outbox.put_always(message(text))
            if await self._follow(cast, outbox, told):
                cast.clients.add(outbox)

    @asynccontextmanager
    async def _joining(self, topic: str) -> AsyncIterator[Broadcast]:
        cast = self._topics.get(topic)
        if cast is None:
            cast = self._topics[topic] = broadcast(topic)
        cast.joining += 1
        try:
            await self._listening.listen(topic)
            yield cast
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

    async def _tell(self, cast: Broadcast, outbox: Outbox) -> bool:
        """The newest state, up to exactly the position that the others have reached; False where the client cannot
        take all of it."""
        await self._meet(cast)
        if cast.kind == "picture":
            for text in filter(None, (cast.status, cast.picture)):
                outbox.put_always(message(text))
            return True
        kept = await self._kept(cast)
        if not kept.fresh:
            return True
        if cast.kind == "depth":
            state, told = await self._book(cast, kept)
        else:
            state, told = [], await self._patiently(history.last_trades, cast.topic)
        for text in filter(None, (cast.status, *state)):
            outbox.put_always(message(text))
        return await self._follow(cast, outbox, told)

    async def _follow(self, cast: Broadcast, outbox: Outbox, told: Range) -> bool:
        """What was found, and what the others were told meanwhile: no await stands between the last comparison and the
        return. False where the client has lagged."""
        while True:
            for position, text in told.events:
                if position <= cast.position and not _put(cast, outbox, position, message(text), text):
                    return False
            if told.last >= cast.position:
                return True
            told = await self._patiently(history.after, cast.topic, told.last)
            if not told.events:
                return True

    async def _since(self, cast: Broadcast, position: Position) -> Range | None:
        """All that followed the position, up to where the others are; None where that cannot be proven."""
        kept = await self._kept(cast)
        if not kept.fresh or position > max(kept.position, cast.position):
            return None
        if cast.newest_wins:
            news = [(kept.position, kept.event)] if kept.event and position < kept.position else []
            return Range(news, max(kept.position, cast.position))
        ends = await self._patiently(history.ends_at, cast.topic, position)
        found = Range(last=position)
        while found.last < cast.position:
            page = await self._patiently(history.after, cast.topic, found.last)
            if not page.events:
                return None
            found.events += page.events
            found.last = page.last
        return found if unbroken(position, ends, found) else None

    async def _meet(self, cast: Broadcast) -> None:
        """Where the topic stands as this process begins to listen."""
        if cast.known:
            return
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
                if not self.away:
                    log.warning("the history does not answer, trying again: %s", error)
                await asyncio.sleep(RETRY_S)
                await self._listening.back()

    async def _tidy(self, cast: Broadcast) -> None:
        if cast.clients or cast.joining or self._topics.get(cast.topic) is not cast:
            return
        del self._topics[cast.topic]
        if cast.filling:
            cast.filling.cancel()
        if self.away:  # its group is left once Redis is back
            return
        try:
            await self.want(cast.topic)  # the stream goes on for as long as a stream does after its last subscriber
            await self._listening.settle()
        except (RedisError, OSError) as error:
            log.warning("%s was left without a word: %s", cast.topic, error)

    def _tell_whether_away(self, away: bool) -> None:
        ready = message(notice("delayed" if away else "resumed").encode())
        for outbox in self._clients:
            outbox.put_always(ready)

    def _heard(self, item: Item) -> None:
        cast = self._topics.get(item.topic)
        if cast and cast.known:
            self._hear(cast, item)

    def _hear(self, cast: Broadcast, item: Item) -> None:
        """One topic's news: passed on where it follows what was said, else the hole is filled first."""
        for seq, note in item.notes:
            if note != (cast.notes[-1][1] if cast.notes else cast.status):  # the heartbeat says it again
                cast.notes.append((Position(item.epoch, seq), note))
        last, at = item.last, cast.position
        cast.ahead = max(cast.ahead, last)
        if cast.filling:
            return
        if last <= at:
            self._say_notes(cast, at)
        elif item.epoch == at.epoch and item.first <= at.seq + 1:
            self._say(cast, Position(item.epoch, at.seq + 1), item.events[at.seq + 1 - item.first :])
        elif cast.newest_wins and item.events:
            self._say(cast, Position(item.epoch, item.first), item.events)
        else:
            cast.filling = asyncio.create_task(self._fill(cast))

    def _say(self, cast: Broadcast, first: Position, events: Sequence[bytes]) -> None:
        """Consecutive events, and the notes where they were said between them."""
        epoch, seq = first
        while cast.notes and cast.notes[0][0] < Position(epoch, seq + len(events) - 1):
            at, _ = cast.notes[0]
            before = max(0, at.seq + 1 - seq) if at.epoch == epoch else 0
            cast.position = Position(epoch, seq + before - 1)
            self._pass_on(cast, seq, events[:before])
            self._say_notes(cast, max(at, cast.position))
            seq, events = seq + before, events[before:]
        cast.position = Position(epoch, seq + len(events) - 1)
        self._pass_on(cast, seq, events)
        self._say_notes(cast, cast.position)

    def _say_notes(self, cast: Broadcast, until: Position) -> None:
        while cast.notes and cast.notes[0][0] <= until:
            cast.status = cast.notes.popleft()[1]
            self._say_always(cast, cast.status)

    async def _fill(self, cast: Broadcast) -> None:
        """Everything up to the newest position heard of, from the history; what is no longer kept is declared."""
        try:
            while cast.position < cast.ahead:
                await self._fill_once(cast, cast.ahead)
            self._say_notes(cast, cast.position)
        finally:
            cast.filling = None

    async def _fill_once(self, cast: Broadcast, target: Position) -> None:
        if cast.newest_wins:
            kept = await self._kept(cast)
            cast.position = max(target, kept.position)
            news = kept.event and kept.fresh and kept.event != cast.picture
            self._pass_on(cast, cast.position.seq, [kept.event] if news else [])
            self._say_notes(cast, cast.position)
            return
        found = await self._patiently(history.after, cast.topic, cast.position)
        lost = hole(cast.position, found, target)
        if lost:
            await self._declare(cast, lost)
        elif found.events:
            for position, text in found.events:
                self._say(cast, position, [text])
        else:
            cast.position = target
            self._say_notes(cast, target)

    async def _declare(self, cast: Broadcast, until: Position) -> None:
        """The events up to `until` are no longer kept; a book goes on from its last stored state."""
        at = cast.position
        log.warning("%s: the events after %s up to %s are no longer kept", cast.topic, at, until)
        kept = await self._kept(cast) if cast.kind == "depth" else Kept()
        while kept.fresh and kept.position.epoch == until.epoch and kept.book_position < until:
            self._say_notes(cast, cast.ahead)
            await asyncio.sleep(RETRY_S)  # deltas mean nothing without a book: the next is stored in a moment
            kept = await self._kept(cast)
        self._say_notes(cast, until)
        self._say_always(cast, lagged(cast.topic, at, until))
        cast.position = max(until, kept.book_position)
        if kept.book and kept.book_position == cast.position:
            self._say_always(cast, kept.book)

    def _pass_on(self, cast: Broadcast, first: int, events: Sequence[bytes]) -> None:
        """Consecutive events of the running epoch, `first` being the seq of the first; each is made ready once."""
        for seq, text in enumerate(events, first):
            ready = message(text)
            if cast.kind == "picture":
                cast.picture = cast.picture if text.startswith(BREAKS) else text
                for outbox in cast.clients:
                    _put_picture(cast, outbox, ready, text)
                continue
            late = [outbox for outbox in cast.clients if not outbox.put(ready)]
            for outbox in late:
                cast.clients.discard(outbox)
                outbox.lag(cast.topic, Position(cast.position.epoch, seq).before)

    def _say_always(self, cast: Broadcast, text: bytes) -> None:
        ready = message(text)
        for outbox in cast.clients:
            if cast.kind == "picture":
                outbox.put_between(cast.topic, ready)
            else:
                outbox.put_always(ready)


def _put(cast: Broadcast, outbox: Outbox, position: Position, ready: Message, text: bytes) -> bool:
    """One event to one client; False where it has lagged."""
    if cast.kind == "picture":
        _put_picture(cast, outbox, ready, text)
        return True
    taken = outbox.put(ready)
    if not taken:
        outbox.lag(cast.topic, position.before)
    return taken


def _put_picture(cast: Broadcast, outbox: Outbox, ready: Message, text: bytes) -> None:
    if text.startswith(BREAKS):
        outbox.put_between(cast.topic, ready)
    else:
        outbox.put_newest(cast.topic, ready, final=text.endswith(CLOSED))


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
