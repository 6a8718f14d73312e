"""One reader per web process: envelopes in, each event's text made once, holes filled from the history."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams import demand, history
from streams.broadcast import BREAKS, FIRST_BYTES, Broadcast, broadcast, message, put, put_picture
from streams.connection import redis
from streams.continuity import hole, lagged, unbroken
from streams.envelope import Item
from streams.history import Kept, Range
from streams.listening import Listening
from streams.outbox import Outbox
from streams.position import START, Position
from streams.websocket import notice

log = logging.getLogger(__name__)

RETRY_S = 0.2
SILENT_S = 1.0  # a topic that nobody carries at the moment is looked at again after so long


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
            kept = await self._carried(cast) if cast.kind == "depth" else None
            async with outbox.room(FIRST_BYTES[cast.kind]):
                state, told = await self._book(cast, kept) if kept else ([], Range(last=cast.position))
                until = told.events[0][0].before if told.events else told.last
                outbox.put_always(message(lagged(topic, position, until)))
                for text in (*cast.newest, *state):
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

    async def leave(self, topics: Collection[str], outbox: Outbox) -> None:
        """The client hears no more of the topics."""
        found = [cast for cast in map(self._topics.get, topics) if cast]
        for topic in topics:
            outbox.forget(topic)
        for cast in found:
            cast.clients.discard(outbox)
        await self._tidy(*found)

    async def _tell(self, cast: Broadcast, outbox: Outbox) -> bool:
        """The newest state, up to exactly the position that the others have reached; False where the client cannot
        take all of it."""
        await self._meet(cast)
        kept = None if cast.kind == "picture" else await self._carried(cast)
        async with outbox.room(FIRST_BYTES[cast.kind]):
            if kept is None:
                for text in cast.newest:
                    outbox.put_always(message(text))
                return True
            if not kept.fresh:
                return True
            if cast.kind == "depth":
                state, told = await self._book(cast, kept)
            else:
                state, told = [], await self._patiently(history.last_trades, cast.topic)
                told.last = told.last if told.last.epoch else cast.position
            for text in (*cast.newest, *state):
                outbox.put_always(message(text))
            return await self._follow(cast, outbox, told)

    async def _follow(self, cast: Broadcast, outbox: Outbox, told: Range) -> bool:
        """What was found, and what the others were told meanwhile: no await stands between the last comparison and the
        return. False where the client has lagged."""
        while True:
            for position, text in told.events:
                if position <= cast.position and not put(cast, outbox, position, message(text), text):
                    return False
            if told.last >= cast.position:
                return True
            more = await self._patiently(history.after, cast.topic, told.last)
            if hole(told.last, more, cast.position):
                outbox.lag(cast.topic, told.last)
                return False
            if not more.events:
                return True
            told = more

    async def _since(self, cast: Broadcast, position: Position) -> Range | None:
        """All that followed the position, up to where the others are; None where that cannot be proven. Of a topic that
        is carried but silent too: who carries it next says a gap, or goes on."""
        kept = await self._kept(cast)
        if not kept.carried or position > max(kept.position, cast.position):
            return None
        if cast.newest_wins and position.epoch == kept.position.epoch:
            news = [(kept.position, kept.event)] if kept.event and position < kept.position else []
            return Range(news, max(kept.position, cast.position))
        ends = await self._patiently(history.ends_at, cast.topic, position)
        found = Range(last=position)
        while found.last < cast.position:
            page = await self._patiently(history.after, cast.topic, found.last)
            if not page.events or not unbroken(found.last, ends, page):
                return None
            found.events += page.events
            found.last, ends = page.last, True
        if cast.newest_wins:
            newest = [at for at, text in found.events if not text.startswith(BREAKS)][-1:]
            found.events = [(at, text) for at, text in found.events if at in newest or text.startswith(BREAKS)]
        return found

    async def _meet(self, cast: Broadcast) -> None:
        """Where the topic stands as this process begins to listen."""
        if cast.known:
            return
        kept = await self._kept(cast)
        old = cast.kind == "picture" and kept.event and not _is_of(kept.event, kept.position.epoch)
        breaks = await self._breaks(cast, kept.position) if old else []
        if cast.known:
            return
        cast.known, cast.position = True, kept.position
        if kept.fresh:
            cast.status = kept.status
        if kept.fresh and cast.kind == "picture":
            cast.picture, cast.breaks = kept.event, breaks

    async def _breaks(self, cast: Broadcast, position: Position) -> list[bytes]:
        """The gap with which the position's epoch began, and its repair."""
        found = await self._patiently(history.after, cast.topic, Position(position.epoch, 0))
        return [text for at, text in found.events if text.startswith(BREAKS) and at <= position]

    async def _carried(self, cast: Broadcast) -> Kept:
        """Where the topic stands. A book that is carried but silent (Redis was away, or a loop has died) is waited for:
        the changes that come next mean nothing without it."""
        kept = await self._kept(cast)
        while cast.kind == "depth" and kept.carried and not kept.fresh:
            await asyncio.sleep(SILENT_S)
            kept = await self._kept(cast)
        return kept

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
        await self._reach(cast, kept.position)  # the changes of the epoch before would be told without a book
        return [], Range(last=kept.position)  # a first book that comes meanwhile is told too

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

    async def _tidy(self, *casts: Broadcast) -> None:
        left = [cast for cast in casts if not (cast.clients or cast.joining) and self._topics.get(cast.topic) is cast]
        for cast in left:
            del self._topics[cast.topic]
            if cast.filling:
                cast.filling.cancel()
        if not left or self.away:  # its group is left once Redis is back
            return
        try:  # the stream goes on for as long as a stream does after its last subscriber
            await demand.want(self._redis, [cast.topic for cast in left])
            await self._listening.settle()
        except (RedisError, OSError) as error:
            log.warning("%d topics were left without a word: %s", len(left), error)

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
        elif cast.newest_wins and item.events and (item.epoch == at.epoch or item.first == 1):
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
            is_anew = kept.position.epoch > cast.position.epoch
            breaks = await self._breaks(cast, kept.position) if is_anew else []
            cast.position = max(target, kept.position)
            news = [kept.event] if kept.event and kept.fresh and kept.event != cast.picture else []
            is_old = news and not _is_of(kept.event, kept.position.epoch)
            self._pass_on(cast, cast.position.seq, [*news, *breaks] if is_old else [*breaks, *news])
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
                cast.show(text)
                for outbox in cast.clients:
                    put_picture(cast, outbox, ready, text)
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


def _is_of(event: bytes, epoch: int) -> bool:
    return b'"epoch":%d,' % epoch in event


_fanouts: WeakKeyDictionary[asyncio.AbstractEventLoop, Fanout] = WeakKeyDictionary()


def fanout() -> Fanout:
    """The one of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _fanouts:
        _fanouts[loop] = Fanout(redis(), get_channel_layer())
    return _fanouts[loop]
