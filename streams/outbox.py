"""What waits for one client: bounded in bytes; of pictures only the newest, but every closed candle."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from streams.position import Position

Message = dict[str, Any]  # an ASGI message, the same object for every client it goes to

MOST_BYTES = 16 * 2**20
RELIEVED = 4  # of the bound, so small a part waits when what has lagged goes on
STEADY_S, LONGEST_S = 60.0, 30.0
OWN_BYTES = 100  # what a message that waits costs beside its text


class Outbox:
    """Over its bound it takes no more of what is counted: the topic has `lagged`, from where it was the last time.

    `full` is set where even what must not be left out (replies, status) comes to twice the bound.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._queue: deque[Message | list[Message]] = deque()  # a list holds the one picture that may be replaced
        self._pictures: dict[str, list[Message]] = {}  # topic -> its picture in the queue
        self._bytes = 0  # of what waits and of what was taken last, which is being sent
        self._taken = 0
        self._waiting = asyncio.Event()
        self._promised = 0  # bytes that newcomers may put now
        self._room = asyncio.Event()
        self.lagged: dict[str, Position] = {}  # topic -> the last position that was put
        self.full = False

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, message: Message) -> bool:
        """A message of what is counted; False where it is one too many."""
        if self._bytes > self._most_bytes:
            return False
        self._queue.append(message)
        self._grow(len(message["text"]) + OWN_BYTES)
        return True

    def put_always(self, message: Message) -> None:
        """A message that must not be left out."""
        self._queue.append(message)
        self._grow(len(message["text"]) + OWN_BYTES)
        if self._bytes > 2 * self._most_bytes:
            self.full = True

    def put_newest(self, topic: str, message: Message, final: bool = False) -> None:
        """A picture that replaces the one of its topic which still waits; a `final` one is never replaced."""
        picture = self._pictures.get(topic)
        if picture is None:
            picture = self._pictures[topic] = [message]
            self._queue.append(picture)
            self._grow(len(message["text"]) + OWN_BYTES)
        else:
            self._grow(len(message["text"]) - len(picture[0]["text"]))
            picture[0] = message
        if final:
            del self._pictures[topic]
        if self._bytes > 2 * self._most_bytes:
            self.full = True

    def put_between(self, topic: str, message: Message) -> None:
        """A message that must stand between the topic's pictures before it and those after it."""
        self._pictures.pop(topic, None)
        self.put_always(message)

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Waits until about so much may be put at once, each in turn: first states come by thousands."""
        while self._promised + self._bytes > max(self._most_bytes - size, self._most_bytes // RELIEVED):
            self._room.clear()
            await self._room.wait()
        self._promised += size
        try:
            yield
        finally:
            self._promised -= size
            self._room.set()

    @property
    def relieved(self) -> bool:
        """So little waits that a topic that has lagged may go on."""
        return self._bytes - self._taken < self._most_bytes // RELIEVED

    def lag(self, topic: str, position: Position) -> None:
        """No more of the topic is put until what waits was sent; `position` is the last that was."""
        self.lagged[topic] = position
        self._waiting.set()

    def forget(self, topic: str) -> None:
        """The client has left the topic: its picture, if it still waits, will not be replaced any more."""
        self._pictures.pop(topic, None)
        self.lagged.pop(topic, None)

    async def take(self) -> list[Message]:
        """Everything that waits, as soon as something does; what was taken before has been sent."""
        self._bytes -= self._taken
        self._taken = 0
        self._room.set()
        await self._waiting.wait()
        self._waiting.clear()
        taken = [each[0] if type(each) is list else each for each in self._queue]
        self._queue.clear()
        self._pictures.clear()
        self._taken = self._bytes
        return taken

    def _grow(self, size: int) -> None:
        self._bytes += size
        self._waiting.set()


class Lags:
    """How long a client that lags again and again waits before it goes on, so that snapshots are not all it reads."""

    def __init__(self) -> None:
        self._count = 0
        self._last_s = float("-inf")

    def pause_s(self, now_s: float) -> float:
        """None for the first time, then a second, doubling; a client that kept up for a while begins anew."""
        self._count = self._count + 1 if now_s - self._last_s < STEADY_S else 0
        self._last_s = now_s
        return min(LONGEST_S, 2.0 ** (self._count - 1)) if self._count else 0.0
