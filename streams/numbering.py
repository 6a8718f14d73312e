"""Topic, epoch and seq for what a feed says; each event becomes JSON here, once, for every reader."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from exchanges import encoder
from exchanges.contract import Want
from exchanges.events import Candle, Counted, Depth, Event, Gap, Reason, Repaired, State, Status, Ticker, Trade
from exchanges.symbols import Instruments, Topic
from streams.history import Kept
from streams.lease import Lease
from streams.position import Position, next_epoch
from streams.publishers.redis import Publisher
from streams.rehearsal import Rehearsal

NOW = ""  # of the field `beat`: Redis sets the time (publishers/flush.lua)
REFUSED: tuple[State, ...] = ("not_listed", "not_authenticated", "quota_spent", "stopped")


@dataclass(slots=True)
class Line:
    """One topic as its holder knows it."""

    topic: str
    stream: str
    symbol: str
    venue_symbol: str
    epoch: int
    seq: int = 0
    time_us: int | None = None  # the exchange's clock at the last event
    lag_us: int | None = None  # from the exchange's clock to ours, at the last event that carried its time
    trade_id: str | None = None  # the last trade's place
    closed_ms: int | None = None  # the opening of the last candle that was said closed
    status: State | None = None
    detail: str = ""
    said: bytes | None = None  # the last status event
    event: bytes | None = None  # the last picture
    gaps: int = 0
    count: int = 0  # events since the last heartbeat
    heads: dict[str, str] = field(default_factory=dict)  # event name -> the members that never change

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.seq)

    def beat(self, seconds: float) -> dict[str, str]:
        """What the status page shows, and a new count of the rate."""
        lag_ms = "" if self.lag_us is None else str(max(0, self.lag_us) // 1000)
        said = {"rate": f"{self.count / seconds:.1f}", "lag_ms": lag_ms, "gaps": str(self.gaps)}
        self.count = 0
        return {**said, "beat": NOW}


class Numbering:
    """The lines of one shard. What was never opened here is dropped: nobody wants it (any more)."""

    def __init__(
        self,
        exchange: str,
        lease: Lease,
        instruments: Instruments,
        publisher: Publisher,
        extra: str,
        closed_candle: Callable[[str, Candle], None],
        replay: str | None = None,
        later_ns: int = 0,
    ) -> None:
        """`extra` is what every event of this installation carries (`,"sandbox":true`).

        `replay`: where it is not None, what is said is a replay's: to topics with that id in front, or to the original
        ones where it is empty; epochs are by the recorded time, and `later_ns` above it.
        """
        self._replay, self._later_ns = replay or "", later_ns
        self._source = "live" if replay is None else "replay"
        self._closed_candle = closed_candle
        self._exchange = exchange
        self._lease = lease
        self._instruments = instruments
        self._publisher = publisher
        self._extra = extra
        self._lines: dict[Want, Line] = {}
        self._rehearsal: Rehearsal | None = None

    @property
    def lines(self) -> Iterable[Line]:
        return self._lines.values()

    def line(self, want: Want) -> Line | None:
        return self._lines.get(want)

    def was_closed(self, candle: Candle) -> bool:
        """Whether it, or a later one, was said closed."""
        line = self._lines.get((candle.stream, candle.symbol))
        return line is not None and line.closed_ms is not None and candle.open_ms <= line.closed_ms

    def rehearse(self, wants: Collection[Want]) -> Rehearsal:
        """Another loop carries the shard: what is taken from now on waits, until `go_on` of each line and `speak`."""
        self._rehearsal = Rehearsal(wants)
        self._lines = {want: self._new(want, 0) for want in wants}
        return self._rehearsal

    def speak(self) -> None:
        """What is taken from now on is said."""
        self._rehearsal = None

    def go_on(self, want: Want, kept: Kept) -> Line:
        """The line where another loop handed it over: in the same epoch, after the last event."""
        line = self._lines[want]
        line.epoch, line.seq = kept.position
        line.gaps, line.time_us, line.trade_id, line.status = kept.gaps, kept.time_us, kept.trade_id, kept.state
        line.said, line.event, line.closed_ms = kept.status, kept.event, kept.closed_ms
        return line

    @property
    def rehearsing(self) -> bool:
        """What is taken is not said yet."""
        return self._rehearsal is not None

    async def written(self) -> None:
        """Returns when all that was said till now is in the history."""
        await self._publisher.drained()

    def leave(self) -> None:
        """Another loop goes on; nothing more is said here."""
        self._lines = {}

    def open(self, want: Want, kept: Kept, now_ns: int) -> Line:
        """A new epoch of the topic, above all that was ever written of it. What a topic that did not run has kept is
        no longer its newest state."""
        line = self._new(want, next_epoch(kept.position.epoch, now_ns + self._later_ns))
        line.gaps, line.time_us = kept.gaps, kept.time_us
        line.trade_id, line.closed_ms = kept.trade_id, kept.closed_ms
        self._lines[want] = line
        stale = {} if kept.fresh else {"event": "", "book": ""}
        self._publisher.fields(self._lease, line, stopped="0", beat=NOW, position=str(line.position), **stale)
        return line

    def _new(self, want: Want, epoch: int) -> Line:
        topic = str(Topic(self._exchange, *want, replay=self._replay))
        return Line(topic, *want, self._instruments.venue_symbol(want[1]), epoch)

    def close(self, want: Want, now_ns: int, status: State, detail: str) -> None:
        """The topic is no longer carried here, on purpose."""
        line = self._lines.get(want)
        if line:
            self.status(line, status, now_ns, detail)
            self._publisher.fields(self._lease, line, stopped="1")
            del self._lines[want]

    def take(self, event: Counted, source: str = "live", late: bool = False) -> None:
        """Numbers one event and hands it to the publisher. One that comes `late` is not the newest of its line."""
        if self._rehearsal is not None:
            self._rehearsal.take(event)
            return
        line = self._lines.get((event.stream, event.symbol))
        if line is None:
            return
        kind = type(event)
        if kind is Gap:
            line.epoch, line.seq = next_epoch(line.epoch, event.received_ns + self._later_ns), 0
            line.gaps += 1
        elif line.status != "live" and source == "live" and kind is not Repaired:
            self.status(line, "live", event.received_ns)
        line.seq += 1
        line.count += 1
        if event.event_us is not None and not late:
            line.time_us, line.lag_us = event.event_us, event.received_ns // 1000 - event.event_us
        if kind is Trade and not late:
            line.trade_id = event.place
        data = self._text(line, event, line.seq, self._source if source == "live" else source)
        self._publisher.add(self._lease, line, data)
        if kind is not Trade:
            self._keep(line, event, data, late)

    def _keep(self, line: Line, event: Counted, data: bytes, late: bool) -> None:
        """What of the event is the topic's newest state."""
        match event:
            case Depth(stream="depth", type="snapshot"):
                self._publisher.fields(self._lease, line, book=data, book_position=str(line.position))
            case Ticker() | Candle() | Depth(type="snapshot") if not late:
                line.event = data
                self._publisher.fields(self._lease, line, event=data)
        if type(event) is Candle and event.closed:
            line.closed_ms = max(line.closed_ms or 0, event.open_ms)
            self._publisher.fields(self._lease, line, closed_ms=str(line.closed_ms))
            self._closed_candle(self._exchange, event)

    def gap(self, line: Line, reason: Reason, now_ns: int, repair: Literal["pending", "none"] = "none") -> None:
        """Continuity of the line was lost just now."""
        self.take(
            Gap(
                symbol=line.symbol,
                venue_symbol=line.venue_symbol,
                received_ns=now_ns,
                stream=line.stream,
                reason=reason,
                from_us=line.time_us,
                repair=repair,
            )
        )

    def status(self, line: Line, status: State, now_ns: int, detail: str = "") -> None:
        """Says how the line is doing, where that is news; of a refusal also other words for it."""
        if self._rehearsal is not None:
            return
        if line.status == status and (line.detail == detail or status not in REFUSED):
            return
        line.status, line.detail = status, detail
        event = Status(
            symbol=line.symbol,
            venue_symbol=line.venue_symbol,
            received_ns=now_ns,
            stream=line.stream,
            status=status,
            detail=detail,
        )
        line.said = self._text(line, event, None, self._source)
        self._publisher.note(self._lease, line, line.said)

    def say_again(self) -> None:
        """The last status of each line: Pub/Sub may have lost it."""
        for line in self._lines.values():
            if line.said and self._rehearsal is None:
                self._publisher.note(self._lease, line, line.said)

    def keep_again(self) -> None:
        """What is kept of each line, in a Redis that has lost it."""
        for line in self._lines.values():
            if self._rehearsal is None:
                known = {"time_us": str(line.time_us or 0), "trade_id": line.trade_id, "event": line.event}
                known["closed_ms"] = None if line.closed_ms is None else str(line.closed_ms)
                there = {name: value for name, value in known.items() if value is not None}
                self._publisher.fields(self._lease, line, stopped="0", position=str(line.position), **there)
        self.say_again()

    def store_book(self, book: Depth) -> None:
        """Keeps the whole book at the line's position, for those who join late."""
        line = self._lines.get(("depth", book.symbol))
        if line and self._rehearsal is None:
            data = self._text(line, book, line.seq, self._source)
            self._publisher.fields(self._lease, line, book=data, book_position=str(line.position))

    def _text(self, line: Line, event: Event, seq: int | None, source: str) -> bytes:
        name: str = event.name  # type: ignore[attr-defined]
        head = line.heads.get(name)
        if head is None:
            head = encoder.head(name, self._exchange, line.symbol, line.venue_symbol, line.topic)
            line.heads[name] = head
        counted = "null" if seq is None else seq
        return (
            f'{head}{encoder.times(event)},"epoch":{line.epoch},"seq":{counted},"source":"{source}"'
            f"{self._extra}{encoder.body(event)}}}"
        ).encode()
