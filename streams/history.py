"""What Redis keeps of a topic, read back: the events after a position, the newest state, the last positions."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from redis.asyncio import Redis

from exchanges.events import State
from streams import keys
from streams.position import START, Position

LAST_TRADES = 50
PAGE = 500  # entries a read
FRESH_S = 15  # several heartbeats, and the time that another loop needs to take over
TRADE = b'{"event":"trade"'


@dataclass(frozen=True)
class Kept:
    """What is kept of a topic beside its history."""

    position: Position = START
    carried: bool = False  # a hold loop carried it when it was last heard of, and did not stop it on purpose
    fresh: bool = False  # that was moments ago: a loop carries it now, or another is just taking over
    time_us: int | None = None
    trade_id: str | None = None
    gaps: int = 0
    event: bytes | None = None
    book: bytes | None = None
    book_position: Position = START
    status: bytes | None = None

    @property
    def state(self) -> State | None:
        """The word of the last status event."""
        return msgspec.json.decode(self.status)["status"] if self.status else None


@dataclass
class Range:
    """Consecutive events of one topic; `last` is where they end."""

    events: list[tuple[Position, bytes]] = field(default_factory=list)
    last: Position = START


async def kept(redis: Redis, topics: Sequence[str]) -> list[Kept]:
    """In the order of `topics`; a topic that is not known gives the defaults."""
    pipeline = redis.pipeline(transaction=False)
    for topic in topics:
        pipeline.hgetall(keys.latest(topic))
    return [_kept(fields) for fields in await pipeline.execute()]


async def after(redis: Redis, topic: str, position: Position) -> Range:
    """The events after `position` that are still kept, oldest first; at most PAGE entries."""
    entries = await redis.xrange(keys.history(topic), min=f"({position}", count=PAGE)
    found = Range(last=position)
    for entry_id, fields in entries:
        _append(found, Position.parse(entry_id), fields[b"events"])
    return found


async def ends_at(redis: Redis, topic: str, position: Position) -> bool:
    """Whether an entry that is still kept ends at the position."""
    return bool(await redis.xrange(keys.history(topic), min=str(position), max=str(position), count=1))


async def last_trades(redis: Redis, topic: str, count: int = LAST_TRADES) -> Range:
    """The newest `count` trades, oldest first, and what else was said between them (a gap, its repair)."""
    entries = await redis.xrevrange(keys.history(topic), count=count)
    found = Range()
    for entry_id, fields in reversed(entries):
        _append(found, Position.parse(entry_id), fields[b"events"])
    trades = [number for number, (_, event) in enumerate(found.events) if event.startswith(TRADE)][-count:]
    found.events = found.events[trades[0] :] if trades else []
    return found


def _kept(fields: dict[bytes, bytes]) -> Kept:
    if not fields:
        return Kept()
    time_us, trade_id = int(fields.get(b"time_us", 0)), fields.get(b"trade_id")
    return Kept(
        position=Position.parse(fields.get(b"position", b"0-0")),
        carried=fields.get(b"stopped") == b"0",
        fresh=fields.get(b"stopped") == b"0" and time.time() - int(fields.get(b"beat", 0)) < FRESH_S,
        time_us=time_us or None,
        trade_id=trade_id.decode() if trade_id else None,
        gaps=int(fields.get(b"gaps", 0)),
        event=fields.get(b"event"),
        book=fields.get(b"book"),
        book_position=Position.parse(fields.get(b"book_position", b"0-0")),
        status=fields.get(b"status"),
    )


def _append(found: Range, last: Position, blob: bytes) -> None:
    events = blob.split(b"\n")
    first = last.seq - len(events) + 1
    for seq, event in enumerate(events, first):
        position = Position(last.epoch, seq)
        if position > found.last:
            found.events.append((position, event))
    found.last = max(found.last, last)
