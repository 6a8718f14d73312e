"""What a replay will hold: from when to when, and which topics, by the indexes or else by reading it once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marketdata.zstd_frames import Damage
from recordings import index, lines, reader
from recordings.connections import Connections
from recordings.tally import Tally

READ_BYTES = 64 * 2**20  # of files without an index that are read for this


@dataclass(frozen=True)
class Extent:
    """Receive times of the first and last line; None, and no topics, where only the replay itself will tell.

    `lines` 0: there is nothing that can be replayed.
    """

    first_ns: int | None
    last_ns: int | None
    topics: frozenset[str]
    known: bool
    lines: int = 1
    exchanges: frozenset[str] = frozenset()  # that notes name


def of(paths: Sequence[Path], whole: bool = False) -> Extent:
    """Of all together; `whole`: however long it takes. OSError where one cannot be read."""
    tally, known = Tally(), True
    for path in paths:
        found = _indexed(path) or (_read(path) if whole or _bytes(path) <= READ_BYTES else None)
        known &= found is not None
        tally.join(found or Tally())
    if not known:
        return Extent(tally.first_ns, None, frozenset(tally.topics), False, exchanges=frozenset(tally.exchanges))
    exchanges = frozenset(tally.exchanges)
    return Extent(tally.first_ns, tally.last_ns, frozenset(tally.topics), True, tally.lines, exchanges)


def begin_ns(paths: Sequence[Path]) -> int | None:
    """Receive time of the first line of any kind that says one. OSError where a path cannot be read."""
    found = (lines.at_ns(line) for line in reader.lines(paths) if not isinstance(line, Damage))
    return next((at_ns for at_ns in found if at_ns), None)


def _indexed(path: Path) -> Tally | None:
    known = index.read(path) if path.is_dir() else None
    named = {segment.file for segment in known.segments} if known else set()
    if not named or any(file.name not in named for file in reader.files(path)):
        return None
    return known.tally if known else None


def _read(path: Path) -> Tally:
    tally, connections = Tally(), Connections()
    for line in reader.lines([path]):
        if isinstance(line, Damage):
            continue
        note = lines.note(line)
        tally.add(line, note, connections.exchange(line.connection))
        if note is not None:
            connections.say(line.connection, note)
    return tally


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in reader.files(path))
