"""Where one event stands in its topic: epoch and seq, ordered, and spelled as the id of a history entry."""

from typing import NamedTuple


class Position(NamedTuple):
    """`epoch` rises when continuity was lost; `seq` counts from 1 within it (0: nothing said yet)."""

    epoch: int
    seq: int

    @classmethod
    def parse(cls, text: str | bytes) -> "Position":
        """From `<epoch>-<seq>`."""
        epoch, _, seq = (text.decode() if isinstance(text, bytes) else text).partition("-")
        return cls(int(epoch), int(seq))

    @property
    def before(self) -> "Position":
        """After which this event is the next."""
        return Position(self.epoch, self.seq - 1)

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"


START = Position(0, 0)


def next_epoch(last_epoch: int, now_ns: int) -> int:
    """Rises also where the store came back empty, since the wall clock does."""
    return max(last_epoch + 1, now_ns // 1_000_000)
