"""The lines of one or several recordings in receive order, and what of them could not be read."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from heapq import heappop, heappush, merge
from pathlib import Path

from marketdata.text_lines import text_lines
from marketdata.zstd_frames import Damage
from recordings import index, names
from recordings.index import Segment
from recordings.lines import VERSION, Header, Line, Unreadable, at_ns, note, read
from recordings.merging import Once, Rejoined, Renamed

__all__ = ["Damage", "Line", "lines"]

WINDOW_NS = 2_000_000_000  # lines of several connections stand at most so far from their place
WINDOW_LINES = 200_000

Item = Line | Damage
Placed = tuple[int, int, int, Item]  # when, which recording, which of its lines


def files(path: Path) -> list[Path]:
    """The files of a recording: its folder's segments in order, or the one file. OSError where there is none."""
    if not path.is_dir():
        path.stat()
        return [path]
    found = [path / name for name in names.in_order(path)]
    if not found:
        raise FileNotFoundError(2, "no segment of a recording stands in this folder", str(path))
    return found


def lines(paths: Sequence[Path | str]) -> Iterator[Item]:
    """Lines whose text and time can be read, and notes of known kinds alone; everything else is a Damage.

    Each connection's lines stay in their order. Of recordings that overlap, what both heard of a connection is told
    once. A connection that the notes of a file tell of again, so that the file can be read alone, is not told again.
    Connections without a name that is unique belong to their file. OSError where a path cannot be read at all.
    """
    recordings = [(Path(path), files(Path(path))) for path in paths]
    return _merged([_placed(number, *one, len(paths) > 1) for number, one in enumerate(recordings)])


def _merged(streams: list[Iterator[Placed]]) -> Iterator[Item]:
    once, rejoined = Once(), Rejoined()
    for when_ns, number, _, item in merge(*streams):
        if isinstance(item, Damage):
            yield item
        elif len(streams) == 1 or once.new(number, when_ns, item):
            yield from rejoined.told(item)


def _placed(number: int, path: Path, segments: list[Path], several: bool) -> Iterator[Placed]:
    found = _each(path, segments)
    if several:
        renamed = Renamed(f"{number + 1}:")
        found = (item if isinstance(item, Damage) else renamed.line(item) for item in found)
    for count, (when_ns, item) in enumerate(_ordered(found)):
        yield when_ns, number, count, item


def _ordered(items: Iterable[Item]) -> Iterator[tuple[int, Item]]:
    """Items with a time that never falls: their receive time, or that of what stood before them."""
    waiting: list[tuple[int, int, Item]] = []
    last: dict[int | str | None, int] = {}  # by connection
    newest_ns = told_ns = hurt_ns = 0
    for count, item in enumerate(items):
        when_ns = newest_ns
        if isinstance(item, Damage):
            hurt_ns = newest_ns  # nothing that stands behind it is told before it
        else:
            when_ns = last[item.connection] = max(at_ns(item), last.get(item.connection, 0), hurt_ns)
            newest_ns = max(newest_ns, when_ns)
        heappush(waiting, (when_ns, count, item))
        while waiting[0][0] < newest_ns - WINDOW_NS or len(waiting) > WINDOW_LINES:
            when_ns, _, item = heappop(waiting)
            told_ns = max(told_ns, when_ns)
            yield told_ns, item
    for when_ns, _, item in sorted(waiting, key=lambda one: one[:2]):
        yield max(told_ns, when_ns), item


def _each(path: Path, found: list[Path]) -> Iterator[Item]:
    known = index.read(path) if path.is_dir() else None
    indexed = {segment.file: segment for segment in known.segments} if known else {}
    before = None
    for file in names.sort({*indexed, *(file.name for file in found)}) if path.is_dir() else [path.name]:
        number = names.number(file)
        if number and before and number > before + 1:
            numbers = f"{before + 1} to {number - 1}" if number > before + 2 else str(before + 1)
            yield Damage(str(path), 0, 0, f"of its segments {numbers} is not there")
        before = number
        yield from _segment(path / file if path.is_dir() else path, indexed.get(file))


def _segment(file: Path, known: Segment | None) -> Iterator[Item]:
    try:
        yield from _checked(file, known)
        yield from _read(file)
        size = file.stat().st_size
    except FileNotFoundError:
        yield Damage(str(file), 0, known.bytes if known else 0, "it is not there, or no longer")
        return
    if known and size < known.bytes:
        words = f"it ends here, and the index says that it has {known.bytes} bytes"
        yield Damage(str(file), size, known.bytes - size, words)


def _checked(file: Path, known: Segment | None) -> Iterator[Damage]:
    if known is None or known.sha256 is None:
        return
    digest = sha256()
    with file.open("rb") as opened:
        while piece := opened.read(2**20):
            digest.update(piece)
    if digest.hexdigest() != known.sha256:
        words = f"its sha256 is {digest.hexdigest()}, and the index says {known.sha256}"
        yield Damage(str(file), 0, 0, words, missing=False)


def _read(file: Path) -> Iterator[Item]:
    bad: Damage | None = None  # lines in a row that cannot be read are one damage
    for found in _decoded(file):
        if isinstance(found, Damage) and found.reason.startswith("line "):
            bad = _more(bad, found)
            continue
        if bad:
            yield bad
            bad = None
        yield found
    if bad:
        yield bad


def _decoded(file: Path) -> Iterator[Item]:
    for text in text_lines(file):
        if isinstance(text, Damage):
            yield text
        elif text.text.strip():
            try:
                line = read(text.text)
            except Unreadable as error:
                yield Damage(str(file), text.offset, len(text.text) + 1, f"line {text.number}: {error}")
                continue
            yield from _newer(file, line)
            yield line


def _more(bad: Damage | None, another: Damage) -> Damage:
    return Damage(bad.file, bad.offset, bad.bytes + another.bytes, bad.reason) if bad else another


def _newer(file: Path, line: Line) -> Iterator[Damage]:
    header = note(line)
    if isinstance(header, Header) and header.version > VERSION:
        words = f"version {header.version} came, {VERSION} is what is known here: what is understood of it is read"
        yield Damage(str(file), 0, 0, words, missing=False)
