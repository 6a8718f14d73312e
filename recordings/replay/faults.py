"""What can be made to go wrong in a replay: frames dropped, delayed, doubled, swapped, connections cut. Pure.

The same seed hits the same frames of the same recording.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Literal, NamedTuple, get_args

from msgspec.structs import replace

from marketdata.zstd_frames import Damage
from recordings import lines
from recordings.lines import Line

Kind = Literal["drop", "delay", "duplicate", "reorder", "disconnect"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LASTS_MS = {"delay": 500, "disconnect": 1000}  # where nothing else is said
MS_MOST = 60_000
SHOWN = 20  # frames of each kind that are named
WOULD_DO = f"<{'|'.join(KINDS)}>:<rate above 0, at most 1>, and behind delay and disconnect :<milliseconds>"
MS_NS = 1_000_000


class Fault(NamedTuple):
    """`rate` of all frames are hit; `ms` is how long a delay or a disconnection lasts."""

    fault: Kind
    rate: float
    ms: int = 0

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """From `drop:0.01` or `delay:0.01:250`. ValueError with what would do."""
        fault, _, rest = text.partition(":")
        rate, _, ms = rest.partition(":")
        try:
            return cls.of(fault, float(rate), int(ms) if ms else None)
        except ValueError:
            raise ValueError(f"{text[:80]!r} came; {WOULD_DO} would do") from None

    @classmethod
    def of(cls, fault: str, rate: float, ms: int | None = None) -> "Fault":
        """ValueError where that is none."""
        lasts = fault in LASTS_MS
        if fault not in KINDS or not 0 < rate <= 1 or (ms is not None and not (lasts and 0 < ms <= MS_MOST)):
            raise ValueError(WOULD_DO)
        return cls(fault, rate, LASTS_MS.get(fault, 0) if ms is None else ms)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.fault}:{self.rate:g}" + (f":{self.ms}" if self.ms else "")


class Cut(NamedTuple):
    """What the connection says from here on is left out, until `Again`."""

    connection: int | str | None
    at_ns: int
    detail: str


class Again(NamedTuple):
    """The connection counts again."""

    connection: int | str | None
    at_ns: int


Item = Line | Damage | Cut | Again


class Faults:
    """`hits` counts the frames that were hit, `where` has the first of them by the number of their line (from 1)."""

    def __init__(self, faults: Sequence[Fault], seed: int = 0) -> None:
        self._chances = [(fault, Random(f"{seed} {place} {fault.fault}")) for place, fault in enumerate(faults)]
        self.hits: Counter[Kind] = Counter()
        self.where: dict[Kind, list[int]] = {}
        self._number = 0
        self._held: list[tuple[int, int, Item]] = []  # until when, in which order
        self._order = 0
        self._behind: dict[int | str | None, int] = {}  # connection -> until when its lines wait
        self._swapped: dict[int | str | None, Line] = {}
        self._cut: set[int | str | None] = set()

    def through(self, items: Iterable[Line | Damage]) -> Iterator[Item]:
        """The items as they come out, in the order of their time."""
        if not self._chances:
            yield from items
            return
        for item in items:
            if isinstance(item, Damage):
                yield item
                continue
            self._number += 1
            at_ns = lines.at_ns(item)
            yield from self._due(at_ns)
            yield from self._line(item, at_ns)
        yield from self._due(None)
        yield from self._swapped.values()

    def _line(self, line: Line, at_ns: int) -> Iterator[Item]:
        name = line.connection
        if not lines.is_frame(line):
            if name in self._swapped:
                yield from self._behind_others(self._swapped.pop(name), at_ns)
            yield from self._behind_others(line, at_ns)
            return
        hit = self._hit(name)
        if hit is None:
            yield from self._swap(line, at_ns)
            return
        self.hits[hit.fault] += 1
        if len(self.where.setdefault(hit.fault, [])) < SHOWN:
            self.where[hit.fault].append(self._number)
        match hit.fault:
            case "drop":
                return
            case "duplicate":
                yield from self._swap(line, at_ns)
            case "delay":
                self._behind[name] = max(self._behind.get(name, 0), at_ns + hit.ms * MS_NS)
            case "reorder" if name not in self._swapped:
                self._swapped[name] = line
                return
            case "disconnect":
                self._cut.add(name)
                yield Cut(name, at_ns, f"a fault of the replay, for {hit.ms} ms")
                self._hold(Again(name, at_ns + hit.ms * MS_NS), at_ns + hit.ms * MS_NS)
        yield from self._swap(line, at_ns)

    def _hit(self, name: int | str | None) -> Fault | None:
        """Each kind has its own chance at each frame; the first that hits counts."""
        hits = [fault for fault, chance in self._chances if chance.random() < fault.rate]
        return next((fault for fault in hits if fault.fault != "disconnect" or name not in self._cut), None)

    def _swap(self, line: Line, at_ns: int) -> Iterator[Item]:
        yield from self._behind_others(line, at_ns)
        swapped = self._swapped.pop(line.connection, None)
        if swapped:
            yield from self._behind_others(replace(swapped, received_ns=at_ns), at_ns)

    def _behind_others(self, line: Line, at_ns: int) -> Iterator[Item]:
        """A connection's lines stay in their order: behind one that is delayed the others wait."""
        until_ns = self._behind.get(line.connection, 0)
        if until_ns > at_ns:
            self._hold(replace(line, received_ns=until_ns), until_ns)
        else:
            yield line

    def _hold(self, item: Item, until_ns: int) -> None:
        self._order += 1
        heappush(self._held, (until_ns, self._order, item))

    def _due(self, now_ns: int | None) -> Iterator[Item]:
        while self._held and (now_ns is None or self._held[0][0] <= now_ns):
            item = heappop(self._held)[2]
            if isinstance(item, Again):
                self._cut.discard(item.connection)
            yield item
