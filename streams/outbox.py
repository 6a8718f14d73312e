"""What waits for one client: bounded; of newest-wins topics only the newest picture, but every closed candle."""

import asyncio
from collections import deque
from typing import Any

Message = dict[str, Any]  # an ASGI message, the same object for every client it goes to

MOST_MESSAGES = 10_000
MOST_CHARACTERS = 32 * 2**20


class Outbox:
    """`full` is set once more waits than the bounds allow; from then on nothing is taken."""

    def __init__(self, most_messages: int = MOST_MESSAGES, most_characters: int = MOST_CHARACTERS) -> None:
        self._most_messages = most_messages
        self._most_characters = most_characters
        self._queue: deque[Message | list[Message]] = deque()  # a list holds the one picture that may be replaced
        self._pictures: dict[str, list[Message]] = {}  # topic -> its picture in the queue
        self._characters = 0
        self._waiting = asyncio.Event()
        self.full = False

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, message: Message) -> None:
        """A message that must not be lost."""
        if self.full:
            return
        self._queue.append(message)
        self._grow(len(message["text"]))

    def put_newest(self, topic: str, message: Message, final: bool = False) -> None:
        """A picture that replaces the one of its topic which still waits; a `final` one is never replaced."""
        if self.full:
            return
        picture = self._pictures.get(topic)
        if picture is None:
            picture = self._pictures[topic] = [message]
            self._queue.append(picture)
            self._grow(len(message["text"]))
        else:
            self._grow(len(message["text"]) - len(picture[0]["text"]))
            picture[0] = message
        if final:
            del self._pictures[topic]

    def put_between(self, topic: str, message: Message) -> None:
        """A message that must stand between the topic's pictures before it and those after it."""
        self.forget(topic)
        self.put(message)

    def forget(self, topic: str) -> None:
        """The topic's picture, if it still waits, will not be replaced any more."""
        self._pictures.pop(topic, None)

    async def take(self) -> list[Message]:
        """Everything that waits, as soon as something does."""
        await self._waiting.wait()
        self._waiting.clear()
        taken = [each[0] if type(each) is list else each for each in self._queue]
        self._queue.clear()
        self._pictures.clear()
        self._characters = 0
        return taken

    def _grow(self, characters: int) -> None:
        self._characters += characters
        self._waiting.set()
        if len(self._queue) > self._most_messages or self._characters > self._most_characters:
            self.full = True
