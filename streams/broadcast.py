"""One topic as a web process tells it to its clients."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from exchanges.symbols import Topic
from streams.continuity import GAP
from streams.outbox import Message, Outbox
from streams.position import START, Position
from streams.websocket import frame

Kind = Literal["trade", "depth", "picture"]

BREAKS = (GAP, b'{"event":"repaired"')
CLOSED = b'"closed":true}'
# what a newcomer may be told at once, in bytes, before there is room for the next topic's
FIRST_BYTES: dict[Kind, int] = {"trade": 16 * 1024, "depth": 128 * 1024, "picture": 8 * 1024}


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
    breaks: list[bytes] = field(default_factory=list)  # what was said of continuity since that picture
    status: bytes | None = None
    notes: deque[tuple[Position, bytes]] = field(default_factory=deque)  # to be said after what is at the position
    clients: set[Outbox] = field(default_factory=set)
    joining: int = 0
    filling: asyncio.Task[None] | None = None

    def show(self, text: bytes) -> None:
        """A picture, or what stands between two, is the newest from now on. Each epoch begins with its own gap."""
        if text.startswith(GAP):
            self.breaks = [text]
        elif text.startswith(BREAKS):
            self.breaks.append(text)
        else:
            self.picture, self.breaks = text, []

    @property
    def newest(self) -> Iterable[bytes]:
        """What a newcomer is told first: of a stream of pictures the last one too."""
        return filter(None, (self.status, self.picture, *self.breaks))


def broadcast(topic: str) -> Broadcast:
    """A topic that nobody in this process has listened to yet."""
    stream = Topic.parse(topic).stream
    if stream in {"trade", "depth"}:
        return Broadcast(topic, stream, newest_wins=False)
    return Broadcast(topic, "picture", newest_wins=not stream.startswith("candle_"))


def message(text: bytes) -> Message:
    """What the server sends for one event: made once, shared by all clients; `frame` is for servers that take it."""
    return {"type": "websocket.send", "text": text.decode(), "frame": frame(text)}


def put(cast: Broadcast, outbox: Outbox, position: Position, ready: Message, text: bytes) -> bool:
    """One event to one client; False where it has lagged."""
    if cast.kind == "picture":
        put_picture(cast, outbox, ready, text)
        return True
    taken = outbox.put(ready)
    if not taken:
        outbox.lag(cast.topic, position.before)
    return taken


def put_picture(cast: Broadcast, outbox: Outbox, ready: Message, text: bytes) -> None:
    """To one client; the gap between two pictures stays between them."""
    if text.startswith(BREAKS):
        outbox.put_between(cast.topic, ready)
    else:
        outbox.put_newest(cast.topic, ready, final=text.endswith(CLOSED))
