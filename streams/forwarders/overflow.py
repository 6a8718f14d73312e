"""The gap that is declared to an output alone: what the history lost before it was forwarded, or the output refused."""

import msgspec

from exchanges import encoder
from exchanges.symbols import Topic
from streams.continuity import hole
from streams.history import Range
from streams.position import START, Position


class _Said(msgspec.Struct):
    venue_symbol: str | None = None
    source: str = "live"
    sandbox: bool = False


_said = msgspec.json.Decoder(_Said).decode


def lost_until(read: Position, first: Position) -> Position | None:
    """The last position that is missing between what was read and the first event that the history has after it."""
    return hole(read, Range(events=[(first, b"")]), START)


def dropped(after: Position, until: Position) -> int | None:
    """How many events are missing; None where an epoch ended meanwhile, so that nobody knows."""
    return until.seq - after.seq if after.epoch == until.epoch else None


def gap(topic: str, after: Position, until: Position, now_ms: int, sample: bytes) -> bytes:
    """What was after `after`, up to `until`, is not there. It stands in place of the last event that is missing: the
    next one has `seq` + 1. `sample` is an event of the topic, or b""."""
    named, said = Topic.parse(topic), _said(sample) if sample else _Said()
    venue_symbol = "null" if said.venue_symbol is None else encoder.quoted(said.venue_symbol)
    count = dropped(after, until)
    sandbox = ',"sandbox":true' if said.sandbox else ""
    return (
        f'{{"event":"gap","topic":{encoder.quoted(topic)},"exchange":"{named.exchange}",'
        f'"symbol":{encoder.quoted(named.symbol)},"venue_symbol":{venue_symbol},'
        f'"event_time":null,"received_time":{now_ms},"epoch":{until.epoch},"seq":{until.seq},'
        f'"source":"{said.source}"{sandbox},"reason":"overflow","from_time":null,"repair":"none",'
        f'"dropped":{"null" if count is None else count},'
        f'"from":{{"epoch":{after.epoch},"seq":{after.seq}}}}}'
    ).encode()
