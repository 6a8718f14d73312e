"""Lines of a recording in, numbered events out: each connection through the feed that it had. Pure.

Time is the recorded one: what is due between two lines happens at its own moment, in steps of a tenth of a second.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from exchanges.contract import Card
from exchanges.symbols import Instruments
from marketdata.normalize import SENT, Line
from recordings import lines
from recordings.lines import Closed, Failed, Header, Lost, Note, Opened, Silent, Speaks, Wants
from recordings.replay.connection import Connection
from recordings.replay.tellers import Tellers
from streams.numbering import Line as TopicLine
from streams.numbering import Numbering

STEP_NS = 100_000_000
LIVE_EVERY = 10  # steps
STEPS_MOST = 600  # of a pause in which nothing was recorded; the rest of it is passed over
FLUSH_NS = 1_000_000_000  # what a feed holds back for a moment is told within
SUPPORTED = lines.VERSION

Id = int | str | None
NewNumbering = Callable[[str, Instruments, bool], Numbering]  # exchange, how it spells, whether it is the sandbox's


class Engine:
    """`cards`: by exchange, without the user's keys. `exchange`: of the connections that no note names; without it
    they are not understood."""

    def __init__(
        self, cards: Mapping[str, Card], numbering: NewNumbering, exchange: str | None = None, faulty: bool = False
    ) -> None:
        self._faulty = faulty  # not all lines come, or not in order: `overhear` is told them as they were
        self._cards, self._new_numbering, self._exchange = cards, numbering, exchange
        self._connections: dict[Id, Connection] = {}
        self._gone: set[Id] = set()
        self.tellers: dict[str, Tellers] = {}
        self._sandbox = False
        self.now_ns = 0
        self.tick_ns: int | None = None  # the next
        self.steps = 0
        self.unnamed: Counter[Id] = Counter()  # lines of connections that no note names
        self.without_card: Counter[str] = Counter()  # connections, by exchange
        self.newer: set[int] = set()  # versions of files that are not known here

    def take(self, line: Line) -> None:
        """One line, in the order in which they were received."""
        at_ns = lines.at_ns(line)
        self.until(at_ns)
        connection = self._connections.get(line.connection)
        note = lines.note(line)
        if note is not None:
            self._note(line.connection, connection, note)
        elif line.direction not in SENT:
            connection = connection or self._plain(line.connection)
            if connection:
                self._act(connection, connection.hear(line, at_ns))

    def overhear(self, line: Line) -> None:
        """A line as it was recorded, before a fault may hit it."""
        connection = self._connections.get(line.connection)
        if connection and line.direction != lines.NOTE and line.direction not in SENT:
            connection.overhear(line, lines.at_ns(line))

    def until(self, now_ns: int) -> None:
        """Time passes."""
        if self.tick_ns is None:
            self.tick_ns = now_ns + STEP_NS
        if now_ns - self.tick_ns > STEPS_MOST * STEP_NS:
            self._steps_until(self.tick_ns + STEPS_MOST * STEP_NS // 2)
            self.tick_ns = now_ns - STEPS_MOST * STEP_NS // 2
        self._steps_until(now_ns)
        self.now_ns = max(self.now_ns, now_ns)

    def lost(self) -> None:
        """Lines are missing here, of any connection."""
        for connection in list(self._connections.values()):
            self.tellers[connection.exchange].lost(connection, self.now_ns)

    def end(self, detail: str) -> None:
        """There are no more lines."""
        for connection in self._connections.values():
            self._act(connection, connection.feed.tick(self.now_ns + FLUSH_NS))
        for tellers in self.tellers.values():
            tellers.stop(self.now_ns, detail)
        self._connections = {}

    def cut(self, name: Id, detail: str) -> None:
        """What the connection says is left out until `again`."""
        connection = self._connections.get(name)
        if connection and not connection.cut:
            self.tellers[connection.exchange].broken(connection, detail, self.now_ns)
            connection.cut = True

    def again(self, name: Id) -> None:
        """What the connection says counts again."""
        connection = self._connections.get(name)
        if connection and connection.cut:
            connection.cut = False
            self.tellers[connection.exchange].again(connection, self.now_ns)

    @property
    def topics(self) -> Iterable[TopicLine]:
        return (line for tellers in self.tellers.values() for line in tellers.numbering.lines)

    @property
    def rejected(self) -> Counter[str]:
        """Frames that were broken or unknown, by what is wrong."""
        return sum((tellers.rejected for tellers in self.tellers.values()), Counter())

    def _steps_until(self, now_ns: int) -> None:
        assert self.tick_ns is not None
        while self.tick_ns <= now_ns:
            self.now_ns = max(self.now_ns, self.tick_ns)
            for connection in self._connections.values():
                self._act(connection, connection.feed.tick(self.tick_ns))
            self.steps += 1
            if self.steps % LIVE_EVERY == 0:
                for tellers in self.tellers.values():
                    if self._faulty:
                        tellers.mend(self.tick_ns)
                    tellers.all_live(self.tick_ns)
            self.tick_ns += STEP_NS

    def _act(self, connection: Connection, outputs: Iterable) -> None:
        self.tellers[connection.exchange].act(connection, outputs, self.now_ns)

    def _note(self, name: Id, connection: Connection | None, note: Note) -> None:
        match note:
            case Header():
                self._sandbox = note.sandbox
                self.newer |= {note.version} if note.version > SUPPORTED else set()
            case Opened() if connection is None:
                self._open(name, note)
            case Lost() if name is None:
                self.lost()
            case _ if connection:
                self._said(name, connection, note)

    def _said(self, name: Id, connection: Connection, note: Note) -> None:
        tellers, now_ns = self.tellers[connection.exchange], self.now_ns
        match note:
            case Wants():
                before = connection.wants or frozenset()
                tellers.learn(note.instruments)
                outputs = connection.want(note.wants, now_ns)
                tellers.wants(connection, before, now_ns)
                tellers.act(connection, outputs, now_ns)
            case Speaks():
                tellers.speaks(connection, now_ns)
            case Silent():
                self._drop(name)
            case Closed():
                self._drop(name)
                waiting = [other for other in self._connections.values() if other.rehearsal]
                tellers.closed(connection, note.reason, note.detail, now_ns, waiting)
            case Failed():
                tellers.act(connection, connection.failed(note.rest, note.detail, now_ns), now_ns)
            case Lost():
                tellers.lost(connection, now_ns)

    def _open(self, name: Id, note: Opened) -> None:
        card = self._cards.get(note.exchange)
        if card is None or note.socket >= len(card.sockets):
            self.without_card[note.exchange] += 1
            return
        if note.keyed:  # what the feed would send is not sent: any keys will do
            card = replace(card, keys=dict.fromkeys(card.key_names, "recorded"))
        tellers = self._tellers(note.exchange)
        tellers.learn(note.instruments)
        about = (card, self.now_ns, tellers.instruments, tellers.truths, note.wants, note.socket, note.rehearsing)
        self._begin(name, Connection(*about), note.joined)

    def _plain(self, name: Id) -> Connection | None:
        """A connection that no note has named, as in a file of bare frames."""
        card = self._cards.get(self._exchange or "")
        if name in self._gone:  # another recording of the same connection
            return None
        if card is None:
            self.unnamed[name] += 1
            return None
        tellers = self._tellers(card.code)
        connection = Connection(card, self.now_ns, tellers.instruments, tellers.truths)
        self._begin(name, connection, joined=False)
        return connection

    def _tellers(self, exchange: str) -> Tellers:
        if exchange not in self.tellers:
            known, truths = Instruments(), Instruments() if self._faulty else None
            self.tellers[exchange] = Tellers(self._new_numbering(exchange, known, self._sandbox), known, truths)
        return self.tellers[exchange]

    def _begin(self, name: Id, connection: Connection, joined: bool) -> None:
        self._connections[name] = connection
        self.tellers[connection.exchange].opened(connection, joined, self.now_ns)
        self._act(connection, connection.begin())

    def _drop(self, name: Id) -> None:
        self._gone.add(name)
        del self._connections[name]
