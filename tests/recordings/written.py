"""Recordings that tests write."""

from collections.abc import Iterable
from pathlib import Path

from marketdata.zstd_frames import Damage, Packed
from recordings import lines
from recordings.lines import Header, Line, Opened
from recordings.position import Position, Positions
from recordings.segments import Writer

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
SEGMENT_BYTES = 10**6


def opened(connection: str, at_ns: int = START_NS, **members: object) -> bytes:
    """A connection of Binance begins, for trades of BTC-USDT where nothing else is said."""
    note = Opened(**{"exchange": "binance", "socket": 0, "wants": [("trade", "BTC-USDT")], **members})  # type: ignore[arg-type]
    return lines.note_text(note, at_ns, connection)


def frame(connection: str, number: int, at_ns: int | None = None) -> bytes:
    """A frame that says its number; a millisecond after the one before."""
    return lines.frame_text(f"frame {number}", START_NS + number * 10**6 if at_ns is None else at_ns, connection)


def writer(folder: Path, segment_bytes: int = SEGMENT_BYTES) -> Writer:
    return Writer(folder, Header(recording=folder.name, started_ns=START_NS), segment_bytes)


def write(to: Writer, texts: Iterable[bytes], entry: str = "1-0") -> None:
    """The texts as one packet; the tape is read until `entry`."""
    for text in texts:
        to.add(text, lines.read(text))
    to.flush(reached(entry))


def reached(entry: str) -> Positions:
    return {"binance": Position(entry, {"loop": int(entry.partition("-")[0])})}


def frames(items: Iterable[Line | Damage]) -> list[str]:
    """What the exchange said, in order."""
    return [str(one.payload) for one in items if isinstance(one, Line) and lines.is_frame(one)]


def damages(items: Iterable[Line | Damage]) -> list[Damage]:
    return [one for one in items if isinstance(one, Damage)]


def packets(file: Path) -> list[tuple[int, int]]:
    """Where the frames of lines begin and end."""
    packed = Packed(file)
    found = [one for one in packed.frames() if not isinstance(one, Damage) and not one.skippable]
    packed.close()
    return [(one.offset, one.end) for one in found]


def only_file(folder: Path) -> Path:
    (file,) = folder.glob("*.jsonl.zst")
    return file
