"""The trades that a gap swallowed, fetched: from an id on where ids run without a hole, else around what is known.

Each search hears the live trades since the gap, says which of them are repetitions, and finds what lies between the
last trade that was said and the first of these.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from exchanges.contract import Card, Request
from exchanges.errors import ExchangeError
from exchanges.events import Trade
from exchanges.symbols import Instrument
from streams.history import Told
from streams.numbering import Line
from streams.recall import Recall

log = logging.getLogger(__name__)

PAGES = 100
LAGS_S = (0.3, 0.7)  # an exchange's REST may be behind its own live trades: it is asked again after these
REMEMBERED = 20_000  # live trades since a gap; what is fetched ends at the first that it has
SECOND_US = 1_000_000  # some exchanges give the time of past trades in whole seconds
AFTER_S = 30.0  # so long after a repair a fetched trade may still come live

After = Literal["new", "repeated", "lost"]


@dataclass(frozen=True)
class Found:
    """Oldest first; `complete` where it is proven that nothing else is missing."""

    events: list[Any] = field(default_factory=list)
    complete: bool = False


class Search(Protocol):
    """What was lost of one topic."""

    quiet_s: float  # without any live event the search begins so long after the connection
    by_history: bool  # what was said has to be in the history before it is prepared

    @property
    def heard(self) -> bool:
        """A live event came since the gap."""

    @property
    def bounded(self) -> bool:
        """It is known where the missing events end: a live one says so, and another gap changes nothing."""

    def is_new(self, event: Any) -> bool:
        """Hears a live event; False where it was said before."""

    def restart(self, said: bool) -> None:
        """Another gap came; `said`: the live events that were heard have been said."""

    async def prepare(self) -> None:
        """What has to be known before any live event is said. RedisError where it cannot be."""

    async def find(self) -> Found:
        """Raises ExchangeError."""

    def unsaid(self, found: Found) -> list[Any]:
        """Those of what was found that no live event was or will be."""

    def after(self, event: Any) -> After:
        """What a live event after the repair is."""

    @property
    def over(self) -> bool:
        """Nothing that comes can be a repetition any more."""


@dataclass
class Lost:
    """What every search needs: the line that has a gap, since when (seconds, our clock), and whom to ask."""

    card: Card
    recall: Recall
    instrument: Instrument
    line: Line
    since_s: float
    resumed: bool = False  # another loop said what came before, maybe with a gap that it never repaired
    until_s: float = 0.0  # (time.monotonic) what could not be fetched by then is given up

    def __post_init__(self) -> None:
        self.until_s = time.monotonic() + self.recall.age_s

    async def fetch(self, request: Request) -> bytes:
        return await self.recall.fetch(request, self.until_s)

    async def page(self, request: Request) -> list[Trade] | None:
        """None where the exchange does not say them; what is known by then is all there is."""
        try:
            return list(self.card.rest.read_trades(await self.fetch(request), self.instrument, time.time_ns()))
        except ExchangeError as error:
            log.warning("%s: a gap could not be repaired: %s", self.line.topic, error)
            return None

    @property
    def too_old(self) -> bool:
        return time.time() - self.since_s > self.recall.age_s


class ById:
    """By the exchange's own ids (or count), which run without a hole."""

    quiet_s = 1.0

    def __init__(self, lost: Lost) -> None:
        self._lost = lost
        self._last = self._reached = int(lost.line.trade_id or 0)
        self._from_us = lost.line.time_us
        self._until: int | None = None
        self._told = Told()
        self._proven = True
        self._followed = False
        self.by_history = lost.resumed

    @property
    def heard(self) -> bool:
        return self._until is not None

    bounded = heard

    def is_new(self, event: Trade) -> bool:
        place = int(event.place)
        if place <= self._last:
            return False
        self._until = place if self._until is None else self._until
        return place > self._reached

    def restart(self, said: bool) -> None:
        self._until = None

    async def prepare(self) -> None:
        """Where the loop before left a gap unrepaired, from before that one on; ids that are names tell no place."""
        if not self._lost.resumed:
            return
        self._told = await self._lost.recall.told(self._lost.line, each=True)
        if self._told.unrepaired:
            self._proven = bool(self._told.last_id and self._told.last_id.isdigit())
            if self._proven and int(self._told.last_id) <= self._last:
                self._last = self._reached = int(self._told.last_id)
                self._from_us = (self._told.last_ms or 0) * 1000 or self._from_us

    async def find(self) -> Found:
        """All after the last place."""
        lags, trades, whole = list(LAGS_S), [], self._proven
        if self._lost.too_old:
            return Found()
        last = self._last
        for _ in range(PAGES):
            rest = self._lost.card.rest
            request = rest.trades_request(self._lost.instrument, from_id=str(last + 1), from_us=self._from_us)
            page = await self._lost.page(request)
            if page is None:
                return Found(trades)
            new = [trade for trade in page if int(trade.place) > last]
            if new:
                before, last = last, int(new[-1].place)
                self._from_us = new[-1].trade_us or self._from_us
                trades, whole = trades + new, whole and last - before == len(new)
            if self._until is not None and last >= self._until - 1:
                return Found(trades, whole)
            if not new and (self._until is None or not lags):  # a live trade beyond the last says that more were lost
                return Found(trades, whole and self._until is None)
            if not new:
                await asyncio.sleep(lags.pop(0))
        return Found(trades)

    def unsaid(self, found: Found) -> list[Trade]:
        until = self._until
        missing = [trade for trade in found.events if until is None or int(trade.place) < until]
        self._reached = max([self._reached, *(int(trade.place) for trade in missing)])
        self._proven = found.complete
        return [trade for trade in missing if trade.trade_id not in self._told.ids]

    def after(self, event: Trade) -> After:
        """The first live trade after a repair that had none says whether that had found them all."""
        place = int(event.place)
        if place <= self._reached:
            return "repeated"
        self._followed = True
        return "lost" if self._until is None and self._proven and place > self._reached + 1 else "new"

    @property
    def over(self) -> bool:
        return self._until is not None or self._followed


class ByOverlap:
    """By what is known: pages that reach back to the last trade that was said, and forward to the first live one."""

    quiet_s = 5.0  # so long after the connection a page that has no live trade shows that none came
    by_history = True
    bounded = False  # it goes on over another gap

    def __init__(self, lost: Lost) -> None:
        self._lost = lost
        self._told: Told | None = None
        self._live: dict[str, int | None] = {}  # id: when it happened
        self._fetched: set[str] = set()
        self._since_us = 0
        self._ended_s = 0.0

    @property
    def heard(self) -> bool:
        return bool(self._live)

    def is_new(self, event: Trade) -> bool:
        if len(self._live) < REMEMBERED:
            self._live.setdefault(event.trade_id, event.trade_us)
        said = self._told is not None and event.trade_id in self._told.ids
        return not said and event.trade_id not in self._fetched

    def restart(self, said: bool) -> None:
        self._live = {}

    async def prepare(self) -> None:
        self._told = await self._lost.recall.told(self._lost.line, each=False)

    async def find(self) -> Found:
        told = self._told or Told()
        if told.last_ms is None:
            return Found()
        if self._live.keys() & told.before:  # the exchange itself has repeated all since then
            return Found([], complete=True)
        too_old, oldest_us = self._lost.too_old, int((time.time() - self._lost.recall.age_s) * SECOND_US)
        self._since_us = max(told.last_ms * 1000, oldest_us) if too_old else told.last_ms * 1000
        page = await (self._from(self._since_us) if self._lost.card.trades_from_time else self._newest())
        found = sorted(page, key=lambda trade: trade.trade_us or 0)
        ids = {trade.trade_id for trade in found}
        forward = not self._live or not ids.isdisjoint(self._live)
        return Found(found, complete=forward and not too_old and not ids.isdisjoint(told.before))

    async def _from(self, since_us: int) -> list[Trade]:
        """Page by page, the time being the only place there is."""
        lags, known = list(LAGS_S), dict[str, Trade]()
        for _ in range(PAGES):
            request = self._lost.card.rest.trades_request(self._lost.instrument, from_us=since_us)
            page = await self._lost.page(request)
            if page is None:
                break
            new = [trade for trade in page if trade.trade_id not in known]
            known.update((trade.trade_id, trade) for trade in new)
            if not known.keys().isdisjoint(self._live) or (not new and (not self._live or not lags)):
                break
            if new:
                since_us = max(since_us, *(trade.trade_us or 0 for trade in new))
            else:
                await asyncio.sleep(lags.pop(0))
        return list(known.values())

    async def _newest(self) -> list[Trade]:
        """The newest page; once more where it does not yet have the first live trade."""
        request = self._lost.card.rest.trades_request(self._lost.instrument)
        page = await self._lost.page(request) or []
        for lag_s in LAGS_S:
            first_us = next(iter(self._live.values()), None)
            if first_us is None or any(trade.trade_id in self._live for trade in page):
                break
            if page and first_us < (page[0].trade_us or 0):  # live trades cover all of it
                break
            await asyncio.sleep(lag_s)
            page = await self._lost.page(request) or page
        return page

    def unsaid(self, found: Found) -> list[Trade]:
        """Not those from the first live one on: these come live; nor any before all that is known to have been said."""
        told, page, first_us = self._told or Told(), found.events, next(iter(self._live.values()), None)
        ends = next((index for index, trade in enumerate(page) if trade.trade_id in self._live), len(page))
        if ends == len(page) and page and first_us is not None and first_us < (page[0].trade_us or 0):
            ends = 0
        begins = next((index for index, trade in enumerate(page) if trade.trade_id in told.before), 0)
        since_us = self._since_us // SECOND_US * SECOND_US
        missing = [
            trade
            for trade in page[begins:ends]
            if (trade.trade_us or 0) >= since_us and trade.trade_id not in told.ids and trade.trade_id not in self._live
        ]
        self._fetched |= {trade.trade_id for trade in missing}
        self._ended_s = time.monotonic()
        return missing

    def after(self, event: Trade) -> After:
        return "new" if self.is_new(event) else "repeated"

    @property
    def over(self) -> bool:
        return time.monotonic() > self._ended_s + AFTER_S
