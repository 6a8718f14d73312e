"""The only holder of exchange sockets: reads, stamps with the time, hands over to the feed, and connects again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Collection, Iterable, Mapping

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from exchanges.budget import Budget
from exchanges.client import Client
from exchanges.contract import Card, Close, Feed, Fetch, Output, Send, Want
from exchanges.errors import ExchangeError, RateLimited
from exchanges.events import Candle, Depth, Gap, Reason, Rejected, Status, Ticker, Trade
from exchanges.symbols import Instruments
from streams.door import Door
from streams.ending import Ended, first_of
from streams.fetches import Fetches
from streams.history import Kept
from streams.kept_books import KeptBooks
from streams.numbering import REFUSED, Line, Numbering
from streams.probe import Probes
from streams.pulse import DEAD_S, Pulse
from streams.recall import Recall
from streams.reconnect import again_at, delay_s, next_attempt
from streams.rehearsal import Rehearsal, Said
from streams.rejections import Rejections
from streams.repair import Repairs
from streams.silence import Silence
from streams.succession import Succession
from streams.takeover import TakeOver
from streams.tape import SILENT, Track
from streams.wire import Wire, opened

log = logging.getLogger(__name__)
# At DEBUG it writes each frame, and some hold the user's keys.
logging.getLogger("websockets.client").setLevel(logging.INFO)

TICK_S = 0.1
PING = ""  # among the texts to be sent: a ping, at the same pace, since exchanges count it as a message
YIELD_EVERY = 16  # frames that wait already, before leases, flushes and other connections have their turn
MARKET = (Trade, Ticker, Depth, Candle)
TOLD_S = 10.0  # from so long a pause on it is told when it ends
UNPROVEN_S = 8.0  # so long a rehearsal waits for books
POLLED = "asked for by turns, as the source's quota allows"
LIVE_AFTER_S = 2.0  # a quiet market counts as live when its connection has been open for so long


class Session:
    """One shard's connection to an exchange, kept for as long as `run` is not cancelled."""

    def __init__(
        self,
        card: Card,
        socket: int,
        instruments: Instruments,
        numbering: Numbering,
        client: Client,
        rejections: Rejections,
        connects: Budget,
        recall: Recall,
        track: Track,
    ) -> None:
        self._card = card
        self._socket = card.sockets[socket]
        self._instruments = instruments
        self._numbering = numbering
        self._client = client
        self._rejections = rejections
        self.door = Door(card, connects)
        self._repairs = Repairs(card, instruments, numbering, recall)
        self._wants: frozenset[Want] = frozenset()
        self._feed: Feed | None = None
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._ending: asyncio.Future[None] | None = None
        self._track, self._taping = track, SILENT
        self._kept_books = KeptBooks()
        self._opened_s = 0.0
        self._asked_s = 0.0  # when a stream was asked for anew
        self._silence, self._pulse = Silence(0), Pulse(0)
        self._probes = Probes(card, instruments, numbering, client, self._tell, self._missed)
        self._said: dict[Want, Status] = {}  # what keeps a stream from being live, by this connection's feed
        self.succession = Succession(0.0, None)
        self._rehearsal = Rehearsal(())

    @property
    def connected(self) -> bool:
        return self._feed is not None

    def open(self, want: Want, kept: Kept, now_ns: int) -> None:
        """Opens the line of a stream that is new here; what ran elsewhere till now has a gap."""
        line = self._numbering.open(want, kept, now_ns)
        self._said.pop(want, None)
        if kept.carried:
            heard_s = now_ns / 1e9 if kept.beat_s is None else kept.beat_s
            self._repairs.lost(line, "failover" if kept.fresh else "recovery", now_ns, heard_s)
        self._numbering.status(line, "starting", now_ns, "" if self._socket.url else POLLED)

    def rehearse(self, wants: frozenset[Want]) -> None:
        """Another loop carries the shard: what is heard waits for `take_over`."""
        self._wants = wants
        self._rehearsal = self._numbering.rehearse(wants)

    @property
    def ready(self) -> bool:
        """This loop could go on from where the other stops. A book in which nothing happens may stay unproven."""
        if not self._socket.url:
            return True
        if self._feed is None or self._rehearsal.broken or not self._outgoing.empty():
            return False
        open_s = time.monotonic() - self._opened_s
        return open_s > (LIVE_AFTER_S if self._rehearsal.proven else UNPROVEN_S)

    @property
    def repairing(self) -> bool:
        """Trades wait for a repair: this is no moment to hand over."""
        return self._repairs.open

    def take_over(self, known: Mapping[Want, Kept], said: Mapping[Want, Said]) -> None:
        """Goes on where the other loop has stopped: with the trades and closed candles that it has not said, the newest
        pictures, and each book by what has changed. What cannot go on has a gap."""
        feed, now_ns, refused = self._feed, time.time_ns(), list(self._said.values())
        rehearsal, self._rehearsal = self._rehearsal, Rehearsal(())
        self._numbering.speak()
        self._taping.note("speaks")
        TakeOver(
            self._numbering,
            self._repairs,
            rehearsal,
            book=lambda symbol: feed.book(symbol, now_ns) if feed else None,
            away=bool(self._socket.url) and feed is None,
            polled=not self._socket.url,
            open=lambda want, kept: self.open(want, kept, now_ns),
        ).all(known, said)
        for status in refused:
            self._tell(status)

    def hand_over(self) -> None:
        """The last word of this loop about the shard: its books as they stand."""
        for line in self._numbering.lines:
            if book := self._book(line):
                self._numbering.store_book(book)
        self._numbering.leave()
        self._taping.note("silent")

    def want(self, wants: frozenset[Want]) -> None:
        """The shard's streams from now on; their lines are open already."""
        self._wants = wants
        self._opened_s = time.monotonic()
        self._repairs.keep(wants)
        if self._feed is None:
            return
        self._taping.want(wants)
        try:
            self._act(self._feed.wanted(wants))
        except Exception as error:  # the next connection starts with what is wanted then
            log.exception("%s: the feed did not take what is wanted", self._card.code)
            self._end(error)

    def record(self) -> None:
        """A recording holds connections from their beginning; it joins where a source takes one alone, or is polled."""
        wanted = self._track.recordings(self._wants)
        self._taping.only(wanted)
        if self._feed is None or wanted <= self._taping.recordings:
            return
        if self._socket.url and self._socket.most_connections != 1:
            self.succession.invite("a recording begins")
            return
        self._taping = self._track.join(self._wants, self._taping)
        depths = {want for want in self._wants if want[0].startswith("depth")}
        if self._socket.url and depths:  # which it would not understand without what came before
            self._ask_anew(depths)

    def _book(self, line: Line) -> Depth | None:
        return self._feed.book(line.symbol, time.time_ns()) if self._feed and line.stream == "depth" else None

    def lost(self, reason: Reason) -> None:
        """What was said since the last flush never arrived: each topic says so, and a depth topic starts anew."""
        now_ns = time.time_ns()
        for line in list(self._numbering.lines):
            self._repairs.lost(line, reason, now_ns)
            if book := self._book(line):
                self._numbering.take(book)

    async def run(self) -> None:
        """Connects, converses, connects again, until cancelled."""
        attempt = 0
        with self._repairs:
            while True:
                started_s = time.monotonic()
                ended = await self._one_connection()
                attempt = next_attempt(attempt, time.monotonic() - started_s)
                pause_s = delay_s(attempt - 1, ended.after_s)
                self._broken(ended, pause_s)
                await asyncio.sleep(pause_s)

    async def _one_connection(self) -> Ended:
        try:
            await self._converse()
        except asyncio.CancelledError:
            self._taping.note("silent")
            raise
        except Ended as ended:
            return ended
        except InvalidStatus as refused:
            return await self.door.refused(refused.response)
        except ConnectionClosed as error:
            return Ended("disconnect", f"the exchange closed the connection: {error}")
        except (OSError, WebSocketException) as error:
            return Ended("disconnect", f"{self._socket.url}: {error or type(error).__name__}", after_s=0.2)
        except Exception as error:  # the loop must live, whatever one connection brings
            log.exception("%s: a connection ended by an error of ours", self._card.code)
            return Ended("disconnect", f"internal error: {error!r}", after_s=1.0)
        return Ended("disconnect", "the connection ended")

    def _broken(self, ended: Ended, pause_s: float) -> None:
        """What the exchange said of a single stream stands until the next connection."""
        now_ns = time.time_ns()
        again = again_at(now_ns, pause_s) if pause_s >= TOLD_S else ""
        self.door.turned_away = str(ended) + again if ended.status == "quota_spent" else ""
        log.warning("%s: reconnecting in %.1f s: %s", self._card.code, pause_s, ended)
        self._rehearsal.broken = True
        self._taping.note("closed", reason=ended.reason, detail=str(ended))
        self._taping = SILENT
        for line in list(self._numbering.lines):
            if line.status == "live" or (line.status == "stale" and line.seq > 1):
                self._repairs.lost(line, ended.reason, now_ns)
            said = self._said.get((line.stream, line.symbol))
            if said and line.status == said.status and said.status in REFUSED:
                self._numbering.status(line, said.status, now_ns, said.detail + again)
            else:
                self._numbering.status(line, ended.status, now_ns, str(ended) + again)

    async def _converse(self) -> None:
        if not self._socket.url:
            self._begin()
            await self._until_first(self._clock(), self._until_ended())
            return
        await self.door.pass_through()
        async with opened(self._socket) as wire:
            self._begin()
            await self._until_first(self._read(wire), self._write(wire), self._clock(wire), self._until_ended())

    def _begin(self) -> None:
        """A new connection: a new feed, told what is wanted."""
        self._feed = self._card.feed(self._instruments)
        self._outgoing = asyncio.Queue()
        self._ending = asyncio.get_running_loop().create_future()
        self._opened_s = time.monotonic()
        self.succession = Succession(self._opened_s, self._socket.lifetime_s)
        self._taping = self._track.begin(self._wants, rehearsing=self._numbering.rehearsing)
        self._fetches = Fetches(self._client, self._feed, lambda: self._taping, self._act, self._bookless, self._end)
        self._silence, self._pulse = Silence(time.time_ns()), Pulse(self._opened_s)
        self._probes.begin(self._opened_s)
        self._said = {}
        self.door.opened()
        self._act(self._feed.opening())
        self._act(self._feed.wanted(self._wants))

    async def _until_first(self, *conversations: Awaitable[None]) -> None:
        try:
            await first_of(*conversations)
        finally:
            self._feed = None
            self._repairs.cancel()
            self._probes.cancel()
            self._fetches.cancel()

    async def _read(self, wire: Wire) -> None:
        feed, numbering, silence = self._feed, self._numbering, self._silence
        frames = 0
        async for frame in wire:
            received_ns = time.time_ns()
            silence.heard(received_ns)
            if self._taping:
                self._taping.heard(frame, received_ns)
            for output in feed.receive(frame, received_ns):
                if isinstance(output, MARKET):
                    self._repairs.take(output) or numbering.take(output)
                elif isinstance(output, Rejected):
                    self._rejections.add(output, frame)
                else:
                    self._act((output,))
            frames += 1
            if frames % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        why = f"{wire.close_code} {wire.close_reason}".rstrip()
        raise Ended("disconnect", f"the exchange closed the connection: {why}")

    async def _write(self, wire: Wire) -> None:
        while True:
            text = await self._outgoing.get()
            if text == PING:
                await wire.ping()
            else:
                await wire.send(text)
                self._taping.said(text)
                self._silence.said(time.time_ns())
            await asyncio.sleep(1 / self._socket.messages_per_s)

    async def _clock(self, wire: Wire | None = None) -> None:
        opened_s = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now_s, now_ns = time.monotonic(), time.time_ns()
            self._act(self._feed.tick(now_ns))
            self._repairs.tick(now_s - max(opened_s, self._asked_s) if self._outgoing.empty() else 0.0)
            if now_s - self._opened_s > LIVE_AFTER_S:
                self._all_live(now_ns)
            self._kept_books.store(self._numbering, self._feed, now_s, now_ns)
            if wire:
                self._listen(wire, now_s, now_ns)
            if self.succession.over(now_s):
                raise Ended("disconnect", self.succession.reason)

    def _listen(self, wire: Wire, now_s: float, now_ns: int) -> None:
        """Whether the connection still lives, and each of its streams."""
        if self._pulse.look(now_s, wire.heard_s):
            self._outgoing.put_nowait(PING)
        if self._pulse.dead:
            wire.dead = True
            raise Ended("disconnect", f"nothing comes any more, not even the answer to a ping, for {DEAD_S:.0f} s")
        if silent := self._silence.stale(now_ns):
            raise Ended("stale", silent)
        if not self._numbering.rehearsing:
            self._probes.tick(now_s, self._feed.waiting)

    def _missed(self, lost: frozenset[Want], outlived: str) -> None:
        """The market moved on without these streams, which are asked for anew. `outlived`: that has not helped."""
        for line in filter(None, map(self._numbering.line, sorted(lost))):
            self._repairs.lost(line, "stale", time.time_ns())
        self._asked_s = time.monotonic()
        self._ask_anew(lost)
        if outlived:
            self.succession.ask(outlived, time.monotonic())

    def _ask_anew(self, wants: Collection[Want]) -> None:
        self._act(self._feed.wanted(self._wants.difference(wants)))
        self._act(self._feed.wanted(self._wants))

    async def _until_ended(self) -> None:
        await self._ending

    def _act(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            match output:
                case Candle() if not self._socket.url and self._numbering.was_closed(output):
                    pass  # each new feed of a polled source begins with it
                case Trade() | Ticker() | Depth() | Candle():
                    self._repairs.take(output) or self._numbering.take(output)
                case Gap():
                    self._repairs.gap(output)
                case Status():
                    self._tell(output)
                case Send(text):
                    self._outgoing.put_nowait(text)
                case Fetch(request, patient):
                    self._fetches.start(request, patient)
                case Rejected():
                    self._rejections.add(output, "")
                case Close(reason, planned=True) if self._socket.most_connections != 1:
                    self.succession.ask(reason, time.monotonic())
                case Close(reason, after_s):
                    self._end(Ended("disconnect", reason, after_s))

    def _tell(self, said: Status) -> None:
        want = (said.stream, said.symbol)
        if said.status == "live":
            self._said.pop(want, None)
        else:
            self._said[want] = said
        if said.status == "not_authenticated":
            self.door.keys_refused = said.detail
        line = self._numbering.line(want)
        if line:
            self._numbering.status(line, said.status, said.received_ns, said.detail)

    def _end(self, error: BaseException) -> None:
        if not self._ending.done():
            self._ending.set_exception(error)

    def _bookless(self, error: ExchangeError) -> None:
        """Books that wait for a snapshot which cannot be had now are not live."""
        limited, now_ns = isinstance(error, RateLimited), time.time_ns()
        again = again_at(now_ns, error.retry_after_s) if limited else ""
        status, waiting = "quota_spent" if limited else "stale", self._feed.waiting()
        for line in self._numbering.lines:
            if line.stream.startswith("depth") and line.symbol in waiting:
                self._numbering.status(line, status, now_ns, f"no snapshot of the order book: {error}{again}")

    def _all_live(self, now_ns: int) -> None:
        """What the exchange refused stays refused; the rest is quiet, and lives. A source that is polled answers."""
        if not self._socket.url:
            return
        coming = [line for line in self._numbering.lines if line.status != "live"]
        waiting = self._feed.waiting() if coming else {}
        for line in coming:
            want, is_bookless = (line.stream, line.symbol), line.stream.startswith("depth") and line.symbol in waiting
            if want in self._wants and want not in self._said and not is_bookless:
                self._numbering.status(line, "live", now_ns, "")
