"""One topic on its way out: what was read of it, what is under way, and what was acknowledged."""

from collections import deque
from dataclasses import dataclass, field

from streams.position import START, Position


@dataclass(slots=True, eq=False)
class Parcel:
    """The messages of one history entry. Once all are acknowledged, and all before them, `last` may be stored."""

    last: Position
    left: int  # messages that are not acknowledged
    void: bool = False  # what becomes of it is of no interest any more: it is read again


@dataclass(slots=True, eq=False)
class Line:
    """One topic, after the position up to which all was acknowledged once."""

    topic: str
    kafka_topic: str
    key: bytes
    acked: Position = START
    read: Position = START
    stored: Position | None = None  # what Redis was told of `acked`
    even: Position | None = None  # where the history was seen to end just where it was read
    unwanted_s: float | None = None  # since when nobody wants it (monotonic)
    lag: int = 0  # events that the history has after `acked`, as last looked at
    parcels: deque[Parcel] = field(default_factory=deque)

    def give(self, last: Position, messages: int) -> Parcel:
        """Messages are on their way, up to `last`."""
        parcel = Parcel(last, messages)
        self.parcels.append(parcel)
        self.read = last
        return parcel

    def delivered(self, parcel: Parcel) -> None:
        """One message of the parcel was acknowledged."""
        parcel.left -= 1
        while self.parcels and not self.parcels[0].left:
            self.acked = self.parcels.popleft().last

    def rewind(self) -> None:
        """All that was not acknowledged is read again."""
        for parcel in self.parcels:
            parcel.void = True
        self.parcels.clear()
        self.read = self.acked
