"""Whether what the history has follows what was said: pure comparisons of positions."""

from exchanges.encoder import quoted
from streams.history import Range
from streams.position import Position

GAP = b'{"event":"gap"'


def hole(at: Position, found: Range, target: Position) -> Position | None:
    """The last position after `at` that the history no longer has, where it should; None where nothing is missing."""
    if not found.events:
        return target if target.seq else None  # seq 0: a new epoch that has said nothing yet
    first = found.events[0][0]
    follows = first.seq == at.seq + 1 if first.epoch == at.epoch else first.seq == 1
    return None if follows else Position(first.epoch, first.seq - 1)


def unbroken(position: Position, ends: bool, found: Range) -> bool:
    """Whether the events follow the position and each other.

    A new epoch must begin with its gap, and follow the last event of the one before; that the position was such an
    event, `ends` says.
    """
    before = position
    for at, text in found.events:
        opens = at.seq == 1 and text.startswith(GAP) and (before is not position or ends)
        if not (at.seq == before.seq + 1 if at.epoch == before.epoch else opens):
            return False
        before = at
    return True


def lagged(topic: str, position: Position, until: Position) -> bytes:
    """The event that says that what followed `position`, up to `until`, was not sent."""
    dropped = max(0, until.seq - position.seq) if until.epoch == position.epoch else "null"
    return (
        f'{{"event":"lagged","topic":{quoted(topic)},"dropped":{dropped},'
        f'"from":{{"epoch":{position.epoch},"seq":{position.seq}}}}}'
    ).encode()
