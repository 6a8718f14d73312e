"""One pass over recordings through the engine: what is read, what is hit, what is damaged, what is told. Pure."""

from collections.abc import Callable, Iterator, Mapping

from exchanges.contract import Card
from exchanges.events import Candle
from exchanges.symbols import REPLAY, Instruments
from marketdata.zstd_frames import Damage
from recordings import lines, reader
from recordings.lines import Line
from recordings.replay.engine import Engine
from recordings.replay.faults import Again, Cut, Faults, Item
from recordings.replay.script import Progress, Script
from recordings.replay.told import Onward, Told
from streams.lease import Lease
from streams.numbering import Numbering

DAMAGES = 50  # that are named; the others are counted
SANDBOX = ',"sandbox":true'


class Performance:
    """Of a script; without `onward` nothing is said, only counted and hashed."""

    def __init__(
        self,
        script: Script,
        cards: Mapping[str, Card],
        lease: Lease,
        onward: Onward | None = None,
        closed_candle: Callable[[str, Candle], None] = lambda exchange, candle: None,
    ) -> None:
        self._script, self._lease, self._closed_candle = script, lease, closed_candle
        self._front = "" if script.original else script.replay
        self.told = Told(self._front, onward, script.later_ns)
        self.engine = Engine(cards, self._numbering, script.exchange, faulty=bool(script.faults))
        self._faults = Faults(script.faults, script.seed)
        self._damage: list[str] = []
        self._damages = 0
        self.lines = 0
        self.first_ns: int | None = None

    def items(self) -> Iterator[Item]:
        """What is to be taken, in order. OSError where a file cannot be read."""
        found = reader.lines(self._script.paths)
        return self._faults.through(self._overheard(found) if self._script.faults else found)

    def at_ns(self, item: Item) -> int:
        """When it is due, by the recorded time."""
        if isinstance(item, Line):
            return lines.at_ns(item)
        return item.at_ns if isinstance(item, Cut | Again) else self.engine.now_ns

    def take(self, item: Item) -> None:
        """The next item."""
        match item:
            case Line():
                self._line(item)
            case Damage():
                self._hurt(item)
            case Cut():
                self.engine.until(item.at_ns)
                self.engine.cut(item.connection, item.detail)
            case Again():
                self.engine.until(item.at_ns)
                self.engine.again(item.connection)

    def progress(self) -> Progress:
        """Of what was taken till now."""
        hits = {kind: {"frames": count, "lines": self._faults.where[kind]} for kind, count in self._faults.hits.items()}
        more = self._damages - len(self._damage)
        return Progress(
            state="playing",
            first_ns=self.first_ns,
            lines=self.lines,
            events=self.told.kinds.total(),
            gaps=self.told.kinds["gap"],
            rejected=self.engine.rejected.total(),
            kinds=dict(sorted(self.told.kinds.items())),
            topics=self._topics(),
            hits=hits,
            damage=[*self._damage, *([f"and {more} more"] if more else []), *self._unread()],
            hash=self.told.hash,
        )

    def _overheard(self, items: Iterator[Line | Damage]) -> Iterator[Line | Damage]:
        for item in items:
            if isinstance(item, Line):
                self.engine.overhear(item)
            yield item

    def _topics(self) -> dict[str, int]:
        front = f"{REPLAY}{self._front}." if self._front else ""
        counts = {topic.removeprefix(front): count for topic, count in self.told.topics.items()}
        return dict(sorted({**dict.fromkeys(self._script.topics, 0), **counts}.items()))

    def _line(self, line: Line) -> None:
        self.lines += 1
        if self.first_ns is None and line.direction != lines.NOTE:
            self.first_ns = lines.at_ns(line)
        self.engine.take(line)

    def _hurt(self, damage: Damage) -> None:
        """Lines that are missing are a gap; a note of another version, or a checksum that is wrong, is only named."""
        self._damages += 1
        if len(self._damage) < DAMAGES:
            self._damage.append(f"{damage.file}, byte {damage.offset}: {damage.reason}")
        if damage.missing and lines.UNKNOWN not in damage.reason:
            self.engine.lost()

    def _unread(self) -> Iterator[str]:
        for name, count in self.engine.unnamed.items():
            yield f"connection {name!r}: {count} lines, and no note says of which exchange it is"
        for code, count in self.engine.without_card.items():
            yield f"exchange {code!r}: {count} connections, and nothing here understands it"

    def _numbering(self, exchange: str, known: Instruments, sandbox: bool) -> Numbering:
        extra = SANDBOX if sandbox else ""
        told: Onward = self.told
        return Numbering(
            exchange, self._lease, known, told, extra, self._closed_candle,  # type: ignore[arg-type]
            replay=self._front, later_ns=self._script.later_ns,
        )  # fmt: skip
