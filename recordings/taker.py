"""From the tapes of exchanges to one recording: which lines are its own, and what of them was lost on the way."""

from collections import Counter
from collections.abc import Iterable
from copy import deepcopy

from recordings import lines
from recordings.connections import Id
from recordings.lines import NOTE, Closed, Line, Lost, Note, Opened, Silent, Speaks, Unreadable
from recordings.position import Position, Positions
from recordings.sink import Sink
from recordings.tapes import Entry

AGAIN = "~"  # between a recording's id and how often connections were asked for anew
KEPT_NAMES_NS = 30_000_000_000  # what runs goes on under the old name until a new connection has taken its place


class Taker:
    """Hands a recording's lines to its sink, in the order of each tape.

    What hold loops counted and never came was dropped from the tape, and with it perhaps the word that a connection
    began: the recording then has another name for the loops, so that they open connections anew for it.
    """

    def __init__(self, sink: Sink, recording: str) -> None:
        self._sink, self._recording = sink, recording
        self.positions: Positions = deepcopy(sink.positions)
        self.until_ns: int | None = None  # what was heard later does not belong to it
        self.refused = 0  # lines that could not be read
        self._loops: dict[Id, str] = {}
        self._opened_ns = dict.fromkeys(sink.connections.open, 0)
        self._doubtful: set[Id] = set()  # may have ended where lines were lost
        self._again: Counter[str] = Counter()  # by exchange, how often connections were asked for anew
        self._again_ns: dict[str, int] = {}

    def back(self) -> None:
        """To where the sink stands: what was handed to it since is read again."""
        self.positions = deepcopy(self._sink.positions)

    def begin(self, exchanges: Iterable[str]) -> None:
        """Reads these tapes, too, from the first entry that is there."""
        for exchange in exchanges:
            self.positions.setdefault(exchange, Position())

    def names(self, exchange: str, now_ns: int) -> list[str]:
        """What the recording is called for the loops of an exchange."""
        again = self._again[exchange]
        old = again and now_ns - self._again_ns[exchange] < KEPT_NAMES_NS
        return [self._name(number) for number in ((again - 1, again) if old else (again,))]

    def _name(self, again: int) -> str:
        return f"{self._recording}{AGAIN}{again}" if again else self._recording

    def take(self, entry: Entry) -> None:
        """One entry; those of a tape in their order."""
        position = self.positions.setdefault(entry.exchange, Position())
        known = position.numbers.get(entry.loop)
        if known is not None and entry.number <= known:
            position.entry = entry.id
            return
        missing = entry.number - known - 1 if known is not None else 0
        for text in entry.lines:
            line = self._read(text)
            if line is None:
                continue
            if missing:
                self._hole(entry, missing, lines.at_ns(line))
                missing = 0
            self._line(entry, text, line)
        position.reach(entry.id, entry.loop, entry.number)

    def _read(self, text: bytes) -> Line | None:
        try:
            return lines.read(text)
        except Unreadable:
            self.refused += 1
            return None

    def _line(self, entry: Entry, text: bytes, line: Line) -> None:
        name = line.connection
        if self.until_ns is not None and lines.at_ns(line) > self.until_ns:
            return
        note = lines.note(line) if line.direction == NOTE else None
        if isinstance(note, Opened):
            if all(said.partition(AGAIN)[0] != self._recording for said in note.recordings):
                return
            self._succeed(name, note, line)
            self._loops[name], self._opened_ns[name] = entry.loop, entry.put_ns
        elif name not in self._sink.connections:
            return
        self._doubtful.discard(name)
        self._sink.add(text, line)
        if isinstance(note, Speaks):
            self._succeed(name, self._sink.connections.open[name], line)
        elif isinstance(note, Closed | Silent):
            self._loops.pop(name, None)
            self._opened_ns.pop(name, None)

    def _succeed(self, name: Id, opened: Opened, line: Line) -> None:
        """One that speaks has taken the place of any that carried the same and never said a last word: its loop died,
        or the word was lost. Where one and the same loop joins again, nothing is lost between the two."""
        if opened.rehearsing:
            return
        for other, carried in list(self._sink.connections.open.items()):
            if other == name or carried.exchange != opened.exchange or carried.rehearsing:
                continue
            planned = isinstance(lines.note(line), Speaks) and other not in self._doubtful
            same = carried.socket == opened.socket and carried.wants and set(carried.wants) <= set(opened.wants)
            if same and not planned:
                last: Note = Silent() if opened.joined else Closed("failover", "another connection carries its streams")
                self._say(other, last, lines.at_ns(line))

    def interrupted(self, at_ns: int, why: str) -> None:
        """Nothing of it was taped for a while."""
        for name, opened_ns in list(self._opened_ns.items()):
            if opened_ns < at_ns and name in self._sink.connections:
                self._say(name, Lost(None, why), at_ns)
                self._doubtful.add(name)

    def _hole(self, entry: Entry, missing: int, at_ns: int) -> None:
        detail = f"{missing} entries of the tape were gone before they were written"
        known = self._sink.connections.open.items()
        hit = [name for name, opened in known if opened.exchange == entry.exchange]
        hit = [name for name in hit if self._loops.get(name, entry.loop) == entry.loop]
        for name in hit or [None]:
            self._say(name, Lost(None, detail), at_ns)
        self._doubtful |= set(hit)
        self._again[entry.exchange] += 1
        self._again_ns[entry.exchange] = at_ns

    def _say(self, name: Id, note: Note, at_ns: int) -> None:
        text = lines.note_text(note, at_ns, name)
        self._sink.add(text, lines.read(text))
