"""What Redis keeps of a topic, read back: the events after a position, the newest state, the last positions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
from redis.asyncio import Redis

from exchanges.events import State
from streams import keys
from streams.position import START, Position

LAST_TRADES = 50
TOLD = 200  # entries that are read to know what was said before a gap
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
    closed_ms: int | None = None  # the opening of the last candle that was said closed
    beat_s: int | None = None  # when the topic was last known to be carried
    event: bytes | None = None
    book: bytes | None = None
    book_position: Position = START
    status: bytes | None = None

    @property
    def state(self) -> State | None:
        """The word of the last status event."""
        return msgspec.json.decode(self.status)["status"] if self.status else None


@dataclass(frozen=True)
class Told:
    """The last trades that were said before a moment, as a repair needs to know them.

    `last_id` and `last_ms` (when it happened) are of the newest before anything was missing: where a gap was never
    repaired, before that gap. `before` are those up to it.
    """

    ids: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    last_id: str | None = None
    last_ms: int | None = None
    unrepaired: bool = False


class _Said(msgspec.Struct):
    event: str
    trade_id: str = ""
    trade_time: int | None = None
    repair: str = ""


_said = msgspec.json.Decoder(_Said).decode


@dataclass
class Range:
    """Consecutive events of one topic; `last` is where they end."""

    events: list[tuple[Position, bytes]] = field(default_factory=list)
    last: Position = START
    cut: bool = False  # a page was full: there may be more


async def kept(redis: Redis, topics: Sequence[str]) -> list[Kept]:
    """In the order of `topics`; a topic that is not known gives the defaults."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.time()
    for topic in topics:
        pipeline.hgetall(keys.latest(topic))
    (now_s, _), *found = await pipeline.execute()
    return [_kept(fields, now_s) for fields in found]


async def after(redis: Redis, topic: str, position: Position) -> Range:
    """The events after `position` that are still kept, oldest first; at most PAGE entries."""
    return (await after_each(redis, [(topic, position)]))[0]


async def after_each(redis: Redis, asked: Sequence[tuple[str, Position]]) -> list[Range]:
    """The same for many topics in one round trip."""
    pipeline = redis.pipeline(transaction=False)
    for topic, position in asked:
        pipeline.xrange(keys.history(topic), min=f"({position}", count=PAGE)
    answers = await pipeline.execute() if asked else []
    return [_range(position, entries) for (_, position), entries in zip(asked, answers, strict=True)]


def _range(position: Position, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> Range:
    found = Range(last=position, cut=len(entries) == PAGE)
    for entry_id, fields in entries:
        _append(found, Position.parse(entry_id), fields[b"events"])
    return found


async def ends_at(redis: Redis, topic: str, position: Position) -> bool:
    """Whether an entry that is still kept ends at the position."""
    return bool(await redis.xrange(keys.history(topic), min=str(position), max=str(position), count=1))


async def told_before(redis: Redis, topic: str, epoch: int, each: bool) -> Told:
    """Of the newest trades before `epoch`."""
    entries = await redis.xrevrange(keys.history(topic), max=f"({epoch}-0", count=TOLD)
    return told((line for _, fields in reversed(entries) for line in fields[b"events"].split(b"\n")), each)


def told(events: Iterable[bytes], each: bool) -> Told:
    """What these events of a trade topic, in the order in which they were said, leave to be repaired.

    `each`: a repair is of one gap, or of several between which no trade was said; otherwise of all before it.
    """
    ids: list[str] = []
    newest: tuple[int, str] | None = None
    unrepaired: list[tuple[int, tuple[int, str] | None]] = []  # count and newest of the trades before each
    for text in events:
        event = _said(text)
        if event.event == "trade":
            ids.append(event.trade_id)
            if newest is None or (event.trade_time or 0) >= newest[0]:
                newest = event.trade_time or 0, event.trade_id
        elif event.event == "gap" and event.repair == "pending":
            if not unrepaired or unrepaired[-1][0] != len(ids):
                unrepaired.append((len(ids), newest))
        elif event.event == "repaired":
            unrepaired = unrepaired[1:] if each else []
    count, last = unrepaired[0] if unrepaired else (len(ids), newest)
    last_ms, last_id = last or (None, None)
    return Told(frozenset(ids), frozenset(ids[:count]), last_id, last_ms, bool(unrepaired))


async def last_trades(redis: Redis, topic: str, count: int = LAST_TRADES) -> Range:
    """The newest `count` trades, oldest first, and what else was said between them (a gap, its repair)."""
    entries = await redis.xrevrange(keys.history(topic), count=count)
    found = Range()
    for entry_id, fields in reversed(entries):
        _append(found, Position.parse(entry_id), fields[b"events"])
    trades = [number for number, (_, event) in enumerate(found.events) if event.startswith(TRADE)][-count:]
    found.events = found.events[trades[0] :] if trades else []
    return found


def _kept(fields: dict[bytes, bytes], now_s: int) -> Kept:
    if not fields:
        return Kept()
    time_us, trade_id = int(fields.get(b"time_us", 0)), fields.get(b"trade_id")
    closed_ms, beat_s = fields.get(b"closed_ms"), fields.get(b"beat")
    return Kept(
        position=Position.parse(fields.get(b"position", b"0-0")),
        carried=fields.get(b"stopped") == b"0",
        fresh=fields.get(b"stopped") == b"0" and now_s - int(fields.get(b"beat", 0)) < FRESH_S,
        time_us=time_us or None,
        trade_id=trade_id.decode() if trade_id else None,
        gaps=int(fields.get(b"gaps", 0)),
        closed_ms=int(closed_ms) if closed_ms else None,
        beat_s=int(beat_s) if beat_s else None,
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
