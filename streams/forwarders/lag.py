"""How far the output is behind the histories, and which of them lost what nothing follows."""

from collections.abc import Sequence

from redis.asyncio import Redis

from streams import keys
from streams.forwarders.lines import Line
from streams.forwarders.outgoing import Outgoing
from streams.position import Position

AT_ONCE = 500  # topics a round trip


async def look(redis: Redis, lines: Sequence[Line], outgoing: Outgoing) -> None:
    """Sets `lag` and `even` of each line; what a history had and nothing follows is declared."""
    for start in range(0, len(lines), AT_ONCE):
        some = lines[start : start + AT_ONCE]
        pipeline = redis.pipeline(transaction=False)
        for line in some:
            pipeline.hmget(keys.latest(line.topic), "position", "status")
            pipeline.xlen(keys.history(line.topic))
        answers = await pipeline.execute()
        for line, (position, status), entries in zip(some, answers[::2], answers[1::2], strict=True):
            end = Position.parse(position) if position else line.acked
            line.lag = _behind(line.acked, end)
            line.even = line.read if end <= line.read else None
            # Of one that has entries the last is where it ends: they wait to be read.
            if end > line.read and end.seq and not entries and outgoing.takes(line):
                await _vanished(redis, line, end, outgoing, status or b"")


def _behind(acked: Position, end: Position) -> int:
    """Events, at least."""
    return max(0, end.seq - acked.seq if end.epoch == acked.epoch else end.seq)


async def _vanished(redis: Redis, line: Line, end: Position, outgoing: Outgoing, status: bytes) -> None:
    read = line.read
    if not await redis.xrange(keys.history(line.topic), min=f"({read}", count=1) and line.read == read:
        await outgoing.vanished(line, end, status)
