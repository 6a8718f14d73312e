"""Which connection tells each topic of one exchange, and how another takes its place. Pure."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import get_args

from exchanges.contract import Close, Fetch, Output, Send, Want
from exchanges.events import Candle, Counted, Depth, Reason, Rejected, Status, Trade
from exchanges.symbols import Instrument, Instruments
from recordings.replay.connection import LIVE_AFTER_NS, Connection
from streams.history import Kept
from streams.numbering import Line, Numbering
from streams.rehearsal import Said, identity, is_identified

REMEMBERED = 2_000  # trades and closed candles of a topic, by what names them
REPEATS_NS = 60_000_000_000  # so long after it took a topic over a connection may repeat what the other has told
REASONS = frozenset(get_args(Reason))


class Tellers:
    """Of one exchange. `instruments` are those that its connections and the numbering spell by, as far as notes have
    named them; `truths` the same where faults are to be made."""

    def __init__(self, numbering: Numbering, instruments: Instruments, truths: Instruments | None) -> None:
        self.numbering = numbering
        self.instruments, self.truths = instruments, truths
        self._tellers: dict[Want, Connection] = {}
        self._told: dict[Want, deque[str]] = {}
        self.rejected: Counter[str] = Counter()  # frames, by what is wrong

    def teller(self, line: Line) -> Connection | None:
        """Who tells the topic now."""
        return self._tellers.get((line.stream, line.symbol))

    def book(self, line: Line, now_ns: int) -> Depth | None:
        """The order book of a topic as it stands."""
        teller = self.teller(line)
        return teller.feed.book(line.symbol, now_ns) if teller and not teller.cut else None

    def overflowed(self, now_ns: int) -> None:
        """What was said last never arrived: every topic has a gap, and each book begins anew."""
        for line in list(self.numbering.lines):
            self.numbering.gap(line, "recovery", now_ns)
            book = self.book(line, now_ns) if line.stream == "depth" else None
            if book:
                self.numbering.take(book)

    def act(self, connection: Connection, outputs: Iterable[Output], now_ns: int) -> None:
        """What a feed gave. What it would send or ask for was sent and asked for when the recording was made."""
        for output in outputs:
            if isinstance(output, Send | Fetch | Close):
                continue
            if isinstance(output, Rejected):
                self.rejected[output.kind] += 1
            elif isinstance(output, Status):
                self._tell(connection, output)
            else:
                self._hear(connection, output, now_ns)

    def learn(self, instruments: Iterable[Instrument]) -> None:
        """A note has named them."""
        new = {one.symbol: one for one in instruments}
        for known in (self.instruments, self.truths):
            if known is not None:
                known.become({**known.by_symbol, **new}.values())

    def opened(self, connection: Connection, joined: bool, now_ns: int) -> None:
        """It tells its topics from now on; those that another tells not before it speaks."""
        for want in sorted(connection.wants or ()):
            if want not in self._tellers:
                self._tells(want, connection, now_ns)
            elif connection.rehearsal is None:
                if not joined:
                    self._lost(want, "failover", now_ns)
                self._goes_on(want, connection, now_ns)

    def wants(self, connection: Connection, before: frozenset[Want], now_ns: int) -> None:
        """It was told to carry other topics than `before`."""
        wants = connection.wants or frozenset()
        for want in sorted(before - wants):
            if self._tellers.get(want) is connection:
                self.numbering.close(want, now_ns, "stopped", "nobody wanted it any more when it was recorded")
                del self._tellers[want]
        for want in sorted(wants - before):
            if self._tellers.get(want) not in (None, connection) and connection.rehearsal is None:
                self._lost(want, "failover", now_ns)
            if want not in self._tellers or connection.rehearsal is None:
                self._tells(want, connection, now_ns)

    def speaks(self, connection: Connection, now_ns: int) -> None:
        """It was rehearsing beside another, whose place it takes."""
        if connection.rehearsal is None:
            return
        others = [want for want in sorted(connection.wants or ()) if self._tellers.get(want) is not connection]
        told = {want: Said(frozenset(self._told.get(want, ()))) for want in others}
        follows = connection.rehearsal.follows(told)
        for want in others:
            self._goes_on(want, connection, now_ns, follows)
        connection.rehearsal = None

    def closed(self, connection: Connection, reason: str, detail: str, now_ns: int, waiting: list[Connection]) -> None:
        """The connection has ended; a topic that one of those `waiting` carries too is told by it."""
        why: Reason = reason if reason in REASONS else "disconnect"  # type: ignore[assignment]
        for want in [want for want, teller in self._tellers.items() if teller is connection]:
            line = self.numbering.line(want)
            if line:
                self._lost(want, why, now_ns)
                self.numbering.status(line, "reconnecting", now_ns, detail or "the connection ended")
            del self._tellers[want]
            for other in waiting:
                if other.exchange == connection.exchange and other.wants and want in other.wants:
                    self._goes_on(want, other, now_ns)
                    break

    def lost(self, connection: Connection, now_ns: int) -> None:
        """Lines of the connection are missing from here."""
        if connection.rehearsal:
            connection.rehearsal.broken = True
        for want, teller in self._tellers.items():
            if teller is connection:
                self._lost(want, "recovery", now_ns)
        self.act(connection, connection.begin_anew(), now_ns)

    def all_live(self, now_ns: int) -> None:
        """What the exchange refused stays refused; the rest is quiet, and lives."""
        for line in [line for line in self.numbering.lines if line.status != "live"]:
            teller = self.teller(line)
            if teller is None or teller.polled or teller.cut or now_ns - teller.since_ns < LIVE_AFTER_NS:
                continue
            bookless = line.stream.startswith("depth") and line.symbol in teller.feed.waiting()
            if (line.stream, line.symbol) not in teller.said and not bookless:
                self.numbering.status(line, "live", now_ns)

    def mend(self, now_ns: int) -> None:
        """Books that a fault broke, and that stand again."""
        books: dict[Connection, list[str]] = {}
        for want, teller in self._tellers.items():
            if want[0].startswith("depth") and not teller.cut:
                books.setdefault(teller, []).append(want[1])
        for connection, symbols in books.items():
            if connection.mend(symbols, now_ns):
                self._whole_again(connection, now_ns)

    def _whole_again(self, connection: Connection, now_ns: int) -> None:
        for want, teller in self._tellers.items():
            book = connection.feed.book(want[1], now_ns) if teller is connection and want[0] == "depth" else None
            if book:
                self.numbering.take(book)

    def stop(self, now_ns: int, detail: str) -> None:
        """The replay is over."""
        for line in list(self.numbering.lines):
            self.numbering.close((line.stream, line.symbol), now_ns, "stopped", detail)
        self._tellers = {}

    def again(self, connection: Connection, now_ns: int) -> None:
        """What it said was left out for a while: its topics have had a gap, each book begins anew."""
        self._whole_again(connection, now_ns)

    def broken(self, connection: Connection, detail: str, now_ns: int) -> None:
        """What it says is left out from now on."""
        for want, teller in self._tellers.items():
            line = self.numbering.line(want)
            if teller is connection and line:
                self._lost(want, "disconnect", now_ns)
                self.numbering.status(line, "reconnecting", now_ns, detail)

    def _hear(self, connection: Connection, event: Counted, now_ns: int) -> None:
        want = event.stream, event.symbol
        teller = self._tellers.get(want)
        if teller is None and connection.wants is None:
            self._unnamed(want, connection, event)
        elif teller is not connection:
            if connection.rehearsal:
                connection.rehearsal.take(event)
            return
        if connection.cut:
            return
        name = identity(event) if type(event) is Trade or type(event) is Candle else None
        if name is not None and self._is_known(want, connection, name, now_ns):
            return
        if connection.polled and type(event) is Candle and self.numbering.was_closed(event):
            return  # each new feed of a polled source begins with it
        if name is not None:
            self._told[want].append(name)
        self.numbering.take(event)

    def _unnamed(self, want: Want, connection: Connection, event: Counted) -> None:
        """A topic that no note has named."""
        self._tells(want, connection, event.received_ns)
        line = self.numbering.line(want)
        if line:
            line.venue_symbol = event.venue_symbol

    def _is_known(self, want: Want, connection: Connection, name: str, now_ns: int) -> bool:
        known = connection.known.get(want)
        if known is None:
            return False
        if now_ns - connection.since_ns > REPEATS_NS:
            connection.known = {}
            return False
        return name in known

    def _tell(self, connection: Connection, said: Status) -> None:
        want = said.stream, said.symbol
        if said.status == "live":
            connection.said.pop(want, None)
        else:
            connection.said[want] = said
        line = self.numbering.line(want)
        if line and self._tellers.get(want) is connection and not connection.cut:
            self.numbering.status(line, said.status, said.received_ns, said.detail)

    def _tells(self, want: Want, connection: Connection, now_ns: int) -> None:
        """From now on; a topic that is new begins."""
        self._tellers[want] = connection
        self._told.setdefault(want, deque(maxlen=REMEMBERED))
        if self.numbering.line(want) is None:
            self.numbering.status(self.numbering.open(want, Kept(), now_ns), "starting", now_ns)

    def _lost(self, want: Want, reason: Reason, now_ns: int) -> None:
        line = self.numbering.line(want)
        if line and (line.status == "live" or (line.status == "stale" and line.seq > 1)):
            self.numbering.gap(line, reason, now_ns)

    def _goes_on(self, want: Want, connection: Connection, now_ns: int, follows: bool = True) -> None:
        """In another's place, with what that one has not told. `follows`: what it heard is known to go on from that."""
        before, told = self._tellers.get(want), frozenset(self._told.get(want, ()))
        self._tells(want, connection, now_ns)
        connection.since_ns, connection.known[want] = now_ns, told
        line = self.numbering.line(want)
        if line is None:
            return
        if want[0] == "depth":
            self._book(line, before, connection, now_ns)
            return
        unsaid = (
            connection.rehearsal.unsaid(want, Said(told, whole=False), line.time_us) if connection.rehearsal else []
        )
        if is_identified(want) and unsaid and told and not follows:
            self._lost(want, "failover", now_ns)
        for event in unsaid:
            self._hear(connection, event, now_ns)

    def _book(self, line: Line, before: Connection | None, connection: Connection, now_ns: int) -> None:
        """A snapshot where the new connection's book is not the same as the one that was told."""
        book = connection.feed.book(line.symbol, now_ns)
        told = before.feed.book(line.symbol, now_ns) if before else None
        if book is None:
            self._lost((line.stream, line.symbol), "failover", now_ns)
        elif told is None or not _same(book, told):
            self.numbering.take(book)


def _same(one: Depth, other: Depth) -> bool:
    return one.bids == other.bids and one.asks == other.asks
