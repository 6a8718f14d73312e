"""The repairs of one session: what a gap swallowed is fetched and sent as `backfill` before the live events, which wait
for it a moment."""

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from exchanges.contract import Card, Want
from exchanges.errors import ExchangeError
from exchanges.events import Candle, Event, Gap, Reason, Repaired, Trade
from exchanges.symbols import Instruments
from streams.lost_candles import LostCandles
from streams.lost_trades import ById, ByOverlap, Found, Lost, Search
from streams.numbering import Line, Numbering
from streams.recall import Recall

log = logging.getLogger(__name__)

WAIT_S = 2.0  # live events wait no longer than this for the repair
HELD = 20_000
AGAIN_S = 0.2  # a history that does not answer is asked again after so long


@dataclass
class Wound:
    """One topic's gap, and the live events that wait."""

    line: Line
    search: Search
    from_us: int | None
    held: list[Any] = field(default_factory=list)
    released: bool = False
    over: bool = False  # repaired; what comes may still be a repetition
    task: asyncio.Task[None] | None = None

    @property
    def want(self) -> Want:
        return self.line.stream, self.line.symbol


class Repairs:
    """The wounds of one session."""

    def __init__(self, card: Card, instruments: Instruments, numbering: Numbering, recall: Recall) -> None:
        self._card = card
        self._instruments = instruments
        self._numbering = numbering
        self._recall = recall
        self._wounds: dict[Want, Wound] = {}
        self._late: list[Wound] = []  # another gap came while they were repaired

    @property
    def open(self) -> bool:
        """Something waits to be repaired."""
        return bool(self._late) or any(not wound.over for wound in self._wounds.values())

    def gap(self, event: Gap) -> None:
        """A gap that the feed has found."""
        line = self._numbering.line((event.stream, event.symbol))
        if line and (line.stream == "trade" or line.stream.startswith("candle")):
            self.lost(line, event.reason, event.received_ns)
        else:
            self._numbering.take(event)

    def lost(self, line: Line, reason: Reason, now_ns: int, since_s: float | None = None) -> None:
        """The line lost continuity now; what the exchange serves of the past is fetched once it speaks again.

        `since_s`: when another loop last carried it, where this one goes on.
        """
        wound = self._wounds.get((line.stream, line.symbol))
        if wound and not wound.over and not (wound.released and wound.search.bounded):
            self._restart(wound)  # it goes on, and covers both gaps
            self._numbering.gap(line, reason, now_ns, repair="pending")
            return
        if wound and not wound.over:
            self._late.append(wound)
        self._wounds.pop((line.stream, line.symbol), None)
        search = self._search(line, since_s or now_ns / 1e9, since_s is not None)
        served = search is not None and self._served(line)
        if search:  # also what cannot be fetched may be repeated by the exchange
            self._wounds[line.stream, line.symbol] = Wound(line, search, line.time_us, over=not served)
        self._numbering.gap(line, reason, now_ns, repair="pending" if served else "none")

    def take(self, event: Event) -> bool:
        """True where the event waits for a repair, or was said before."""
        kind = type(event)
        if not self._wounds or not (kind is Trade or kind is Candle):
            return False
        wound = self._wounds.get((event.stream, event.symbol))  # type: ignore[attr-defined]
        if wound is None:
            return False
        if wound.over:
            return self._after(wound, event)
        if not wound.search.is_new(event):
            self._begin(wound)
            return True
        if wound.released:
            return False
        wound.held.append(event)
        if len(wound.held) > HELD:
            self._release(wound)
        self._begin(wound)
        return True

    def tick(self, open_s: float) -> None:
        """`open_s`: how long the connection has been open, and all that is wanted was asked for."""
        for wound in list(self._wounds.values()):
            if wound.over and wound.search.over:
                del self._wounds[wound.want]
            elif not wound.over and open_s > wound.search.quiet_s:
                self._begin(wound)

    def cancel(self) -> None:
        """The connection is gone. What is known to the end is fetched all the same."""
        for wound in self._wounds.values():
            if not wound.over and not (wound.released and wound.search.bounded):
                self._restart(wound)

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None:
        """Nothing more is said here."""
        for wound in [*self._wounds.values(), *self._late]:
            if wound.task:
                wound.task.cancel()
        self._wounds, self._late = {}, []

    def keep(self, wants: Collection[Want]) -> None:
        """Nobody wants the other topics any more."""
        for wound in [one for one in [*self._wounds.values(), *self._late] if one.want not in wants]:
            if wound.task:
                wound.task.cancel()
        self._wounds = {want: wound for want, wound in self._wounds.items() if want in wants}
        self._late = [wound for wound in self._late if wound.want in wants]

    def _search(self, line: Line, since_s: float, resumed: bool) -> Search | None:
        """How what was lost can be told from what was not; None where nothing was said before, or newer replaces it."""
        instrument = self._instruments.by_symbol.get(line.symbol)
        if instrument is None or self._numbering.rehearsing:
            return None
        lost = Lost(self._card, self._recall, instrument, line, since_s, resumed)
        if line.stream == "trade" and line.trade_id is not None:
            if self._card.numbers_trades(instrument) and line.trade_id.isdigit():
                return None if lost.too_old else ById(lost)
            return ByOverlap(lost)
        interval = line.stream.removeprefix("candle_")
        return LostCandles(lost, interval) if interval in self._card.intervals else None

    def _served(self, line: Line) -> bool:
        """Whether the exchange can be asked for what was lost. A quota is not spent on it."""
        if line.stream == "trade":
            return hasattr(self._card.rest, "trades_request")
        return hasattr(self._card.rest, "candles_request") and not self._card.has_quota

    def _restart(self, wound: Wound) -> None:
        """Continuity is lost again: the live events that waited are fetched too."""
        if wound.task:
            wound.task.cancel()
        wound.search.restart(wound.released)
        wound.task, wound.held, wound.released = None, [], False

    def _begin(self, wound: Wound) -> None:
        if wound.task is None:
            wound.task = asyncio.create_task(self._repair(wound))

    async def _repair(self, wound: Wound) -> None:
        found = Found()
        try:
            await self._prepare(wound)
            timer = asyncio.get_running_loop().call_later(WAIT_S, self._release, wound, wound.task)
            try:
                found = await wound.search.find()
            finally:
                timer.cancel()
        except ExchangeError as error:
            log.warning("%s: a gap could not be repaired: %s", wound.line.topic, error)
        except Exception:  # live events must not wait for ever for a repair that ended by an error of ours
            log.exception("%s: a gap could not be repaired", wound.line.topic)
        self._say(wound, found)

    async def _prepare(self, wound: Wound) -> None:
        if wound.search.by_history:
            await self._numbering.written()
        while True:
            try:
                await wound.search.prepare()
                return
            except (RedisError, OSError) as error:
                log.warning("%s: what was said before a gap is not known yet: %s", wound.line.topic, error)
                await asyncio.sleep(AGAIN_S)

    def _say(self, wound: Wound, found: Found) -> None:
        """What was found, and that it was; after live events that could not wait it comes late."""
        missing = wound.search.unsaid(found)
        for event in missing:
            self._numbering.take(event, source="backfill", late=wound.released and wound.search.heard)
        self._numbering.take(self._repaired(wound, missing, found.complete))
        self._release(wound)
        wound.over = True
        if wound in self._late:
            self._late.remove(wound)
        elif wound.search.over and self._wounds.get(wound.want) is wound:
            del self._wounds[wound.want]

    def _repaired(self, wound: Wound, events: list[Any], complete: bool) -> Repaired:
        line = wound.line
        return Repaired(
            symbol=line.symbol,
            venue_symbol=line.venue_symbol,
            received_ns=time.time_ns(),
            stream=line.stream,
            from_us=wound.from_us,
            to_us=_time_us(events[-1]) if events else wound.from_us,
            count=len(events),
            complete=complete,
        )

    def _release(self, wound: Wound, of: asyncio.Task[None] | None = None) -> None:
        """What waited is said; `of`: where this repair of it is still the one that goes on."""
        if wound.released or (of and wound.task is not of):
            return
        wound.released = True
        held, wound.held = wound.held, []
        for event in held:
            if wound.search.is_new(event):
                self._numbering.take(event)

    def _after(self, wound: Wound, event: Event) -> bool:
        what = wound.search.after(event)
        if wound.search.over:
            self._wounds.pop(wound.want, None)
        if what == "lost":  # the exchange's answer was behind its own live trades
            self.lost(wound.line, "sequence", event.received_ns)
            return self.take(event)
        return what == "repeated"


def _time_us(event: Trade | Candle) -> int | None:
    return event.trade_us if isinstance(event, Trade) else event.close_ms * 1000
