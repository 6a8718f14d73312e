"""Reading what hold loops put on the tapes (streams/tape.py)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from redis.asyncio import Redis

from recordings.position import Position
from streams import keys

ENTRIES = 8  # of each tape in one read: 2 MB
WAIT_MS = 500


class Entry(NamedTuple):
    """Some lines of one hold loop. `number` counts its entries from 1; one that was written twice has it again."""

    exchange: str
    id: str
    loop: str
    number: int
    lines: list[bytes]

    @property
    def put_ns(self) -> int:
        """When it was put on the tape, by Redis' clock."""
        return int(self.id.partition("-")[0]) * 1_000_000


async def read(redis: Redis, after: Mapping[str, Position]) -> list[Entry]:
    """The next entries of each exchange's tape, in its order; waits a moment where there are none."""
    wanted: dict[Any, Any] = {keys.tape(exchange): position.entry for exchange, position in after.items()}
    exchanges = {keys.tape(exchange).encode(): exchange for exchange in after}
    found: Any = await redis.xread(wanted, count=ENTRIES, block=WAIT_MS) or []
    return [_entry(exchanges[key], *pair) for key, pairs in found for pair in pairs]


def _entry(exchange: str, entry: bytes, fields: dict[bytes, bytes]) -> Entry:
    number = int(fields[b"number"])
    return Entry(exchange, entry.decode(), fields[b"loop"].decode(), number, fields[b"lines"].split(b"\n"))
