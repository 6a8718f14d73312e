"""How far the tapes are written: stands in a segment before the lines it counts in, where readers of zstd skip it."""

import msgspec
from msgspec import Struct

LOOPS_MAX = 64


class Position(Struct):
    """Of one exchange's tape: the id of its last entry, and by hold loop the number of the last one."""

    entry: str = "0-0"
    numbers: dict[str, int] = {}

    def reach(self, entry: str, loop: str, number: int) -> None:
        """The entry is dealt with. Loops that were not heard for longest are forgotten."""
        self.entry = entry
        self.numbers.pop(loop, None)
        self.numbers[loop] = number
        if len(self.numbers) > LOOPS_MAX:
            del self.numbers[next(iter(self.numbers))]


Positions = dict[str, Position]  # by exchange


class Stood(Struct):
    """`bytes`: of the frame of lines that follows and belongs to it; 0 where none does."""

    positions: Positions
    bytes: int


_stood = msgspec.json.Decoder(Stood).decode


def encoded(positions: Positions, size: int) -> bytes:
    return msgspec.json.encode(Stood(positions, size))


def decoded(text: bytes) -> Stood | None:
    """None for what somebody else has written there."""
    try:
        return _stood(text)
    except msgspec.MsgspecError:
        return None
