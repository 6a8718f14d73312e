"""Tapes that tests write, as hold loops do."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from redis import Redis

from recordings import lines
from streams import keys
from tests.recordings.written import opened

NOTES = {"speaks": lines.Speaks(), "silent": lines.Silent(), "closed": lines.Closed("disconnect", "it ended")}


@dataclass
class Loop:
    """One hold loop's part of the tape of Binance."""

    redis: Redis
    name: str = "loop"
    number: int = field(default=0)

    def put(self, *texts: bytes, number: int | None = None) -> None:
        self.number = self.number + 1 if number is None else number
        fields = {"loop": self.name, "number": self.number, "lines": b"\n".join(texts)}
        self.redis.xadd(keys.tape("binance"), fields)

    def trimmed(self, entries: int) -> None:
        """As where the tape is full: only so many are left."""
        self.redis.xtrim(keys.tape("binance"), maxlen=entries, approximate=False)


def begun(connection: str, recordings: Iterable[str], at_ns: int, **members: object) -> bytes:
    """A connection that is taped for these recordings."""
    return opened(connection, at_ns, recordings=list(recordings), **members)


def noted(connection: str, note: str, at_ns: int) -> bytes:
    return lines.note_text(NOTES[note], at_ns, connection)
