"""What is counted of the lines of a recording."""

from dataclasses import dataclass, field

from exchanges.symbols import Topic
from recordings import lines
from recordings.lines import Line, Lost, Note, Opened, Wants


@dataclass
class Tally:
    """Counts of lines; `topics` are those that the connections were told to carry."""

    first_ns: int | None = None  # of all but notes
    last_ns: int | None = None
    lines: int = 0
    frames: int = 0  # of the exchange
    lost: int = 0  # lines that are known to be missing; at least one for each note that says so
    topics: set[str] = field(default_factory=set)
    exchanges: set[str] = field(default_factory=set)

    def add(self, line: Line, note: Note | None, exchange: str | None) -> None:
        """`exchange`: of the line's connection, where it is known."""
        self.lines += 1
        if note is not None:
            self._note(note, exchange)
            return
        at_ns = lines.at_ns(line)
        self.first_ns = at_ns if self.first_ns is None else min(self.first_ns, at_ns)
        self.last_ns = at_ns if self.last_ns is None else max(self.last_ns, at_ns)
        self.frames += lines.is_frame(line)

    def _note(self, note: Note, exchange: str | None) -> None:
        if isinstance(note, Lost):
            self.lost += max(1, note.lines or 0)
        elif isinstance(note, Opened | Wants):
            code = note.exchange if isinstance(note, Opened) else exchange
            if code is not None:
                self.exchanges.add(code)
                self.topics.update(str(Topic(code, *want)) for want in note.wants)

    def join(self, other: "Tally") -> None:
        """Both together."""
        firsts = [one.first_ns for one in (self, other) if one.first_ns is not None]
        lasts = [one.last_ns for one in (self, other) if one.last_ns is not None]
        self.first_ns, self.last_ns = min(firsts, default=None), max(lasts, default=None)
        self.lines += other.lines
        self.frames += other.frames
        self.lost += other.lost
        self.topics |= other.topics
        self.exchanges |= other.exchanges
