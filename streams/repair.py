"""Trades that a gap swallowed: fetched by id, sent as `backfill` before the live ones that wait for them a moment."""

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from exchanges.client import Client
from exchanges.contract import Card
from exchanges.errors import ExchangeError
from exchanges.events import Event, Gap, Reason, Repaired, Trade
from exchanges.symbols import Instruments
from streams.numbering import Line, Numbering

log = logging.getLogger(__name__)

WAIT_S = 2.0  # live trades wait no longer than this for the repair
QUIET_S = 1.0  # without any live trade the repair begins so long after the gap's end
PAGES = 20
AGE_S = 600.0  # what is older is history, not a gap
HELD = 20_000


@dataclass
class Wound:
    """One symbol's gap: the last trade before it, and the live ones that wait."""

    line: Line
    last_id: str
    from_us: int | None
    held: list[Trade] = field(default_factory=list)
    until_id: str | None = None  # of the first live trade since; what the repair fetches ends before it
    released: bool = False
    task: asyncio.Task[None] | None = None


class Repairs:
    """The wounds of one session."""

    def __init__(self, card: Card, instruments: Instruments, numbering: Numbering, client: Client) -> None:
        self._card = card
        self._instruments = instruments
        self._numbering = numbering
        self._client = client
        self._wounds: dict[str, Wound] = {}

    @property
    def open(self) -> bool:
        """Something waits to be repaired."""
        return bool(self._wounds)

    def gap(self, event: Gap) -> None:
        """A gap that the feed has found."""
        line = self._numbering.line((event.stream, event.symbol))
        if line and line.stream == "trade":
            self.lost(line, event.reason, event.received_ns)
        else:
            self._numbering.take(event)

    def lost(self, line: Line, reason: Reason, now_ns: int) -> None:
        """The line lost continuity now; trades that the exchange serves by id are fetched once it speaks again."""
        if line.stream != "trade" or not self._card.trades_from_id:
            self._numbering.gap(line, reason, now_ns)
            return
        if line.symbol in self._wounds:
            self._restart(self._wounds[line.symbol])
        if line.symbol not in self._wounds:  # one whose trades still waited goes on, and covers both gaps
            fresh = line.time_us is not None and now_ns / 1000 - line.time_us < AGE_S * 1e6
            if line.trade_id is None or not line.trade_id.isdigit() or not fresh:  # a name has no place to go on from
                self._numbering.gap(line, reason, now_ns)
                return
            self._wounds[line.symbol] = Wound(line, line.trade_id, line.time_us)
        self._numbering.gap(line, reason, now_ns, repair="pending")

    def take(self, event: Event) -> bool:
        """True where the event waits for a repair."""
        wound = self._wounds.get(event.symbol) if self._wounds and type(event) is Trade else None
        if wound is None:
            return False
        wound.until_id = wound.until_id or event.place
        if wound.released:
            return False
        wound.held.append(event)
        if len(wound.held) > HELD:
            self._release(wound)
        elif wound.task is None:
            self._begin(wound)
        return True

    def tick(self, open_s: float) -> None:
        """`open_s`: how long the connection has been open."""
        for wound in self._wounds.values():
            if wound.task is None and open_s > QUIET_S:
                self._begin(wound)

    def cancel(self) -> None:
        """The connection is gone."""
        for wound in list(self._wounds.values()):
            self._restart(wound)

    def keep(self, symbols: Collection[str]) -> None:
        """Nobody wants the trades of the other symbols any more."""
        for symbol in self._wounds.keys() - symbols:
            wound = self._wounds.pop(symbol)
            if wound.task:
                wound.task.cancel()

    def _restart(self, wound: Wound) -> None:
        """Continuity is lost again. A repair whose live trades still waited begins anew with the next live trade and
        fetches those too; one that came late is given up."""
        if wound.task:
            wound.task.cancel()
        if wound.released:
            self._numbering.take(self._repaired(wound, [], complete=False))
            del self._wounds[wound.line.symbol]
        else:
            wound.task, wound.held, wound.until_id = None, [], None

    def _begin(self, wound: Wound) -> None:
        wound.task = asyncio.create_task(self._repair(wound))

    async def _repair(self, wound: Wound) -> None:
        fetching = asyncio.ensure_future(self._fetch(wound))
        try:
            await asyncio.wait({fetching}, timeout=WAIT_S)
            if not fetching.done():
                self._release(wound)
            trades, complete = await fetching
        except Exception:  # live trades must not wait for ever for a repair that ended by an error of ours
            log.exception("%s: a gap could not be repaired", wound.line.topic)
            trades, complete = [], False
        finally:
            fetching.cancel()
        until = int(wound.until_id) if wound.until_id else None
        missing = [trade for trade in trades if until is None or int(trade.place) < until]
        newest = wound.line.trade_id, wound.line.time_us
        for trade in missing:
            self._numbering.take(trade, source="backfill")
        if wound.released and wound.until_id:  # later trades were said already: the next repair starts from those
            wound.line.trade_id, wound.line.time_us = newest
        self._numbering.take(self._repaired(wound, missing, complete))
        self._release(wound)
        if self._wounds.get(wound.line.symbol) is wound:
            del self._wounds[wound.line.symbol]

    async def _fetch(self, wound: Wound) -> tuple[list[Trade], bool]:
        """What the exchange still has after the last place, oldest first, and whether that is all without a hole."""
        instrument = self._instruments.by_symbol[wound.line.symbol]
        trades: list[Trade] = []
        last, whole = int(wound.last_id), True
        for _ in range(PAGES):
            request = self._card.rest.trades_request(instrument, from_id=str(last + 1))
            try:
                body = await self._client.fetch(request)
                page = self._card.rest.read_trades(body, instrument, time.time_ns())
            except ExchangeError as error:
                log.warning("%s: a gap could not be repaired: %s", wound.line.topic, error)
                return trades, False
            new = [trade for trade in page if int(trade.place) > last]
            if new:
                before, last = last, int(new[-1].place)
                trades, whole = trades + new, whole and last - before == len(new)
            if wound.until_id and last >= int(wound.until_id) - 1:
                return trades, whole
            if not new:  # a live trade beyond the last one here says that more were lost
                return trades, whole and wound.until_id is None
        return trades, False

    def _repaired(self, wound: Wound, trades: list[Trade], complete: bool) -> Repaired:
        line = wound.line
        return Repaired(
            symbol=line.symbol,
            venue_symbol=line.venue_symbol,
            received_ns=time.time_ns(),
            stream=line.stream,
            from_us=wound.from_us,
            to_us=trades[-1].trade_us if trades else wound.from_us,
            count=len(trades),
            complete=complete,
        )

    def _release(self, wound: Wound) -> None:
        if wound.released:
            return
        wound.released = True
        last = int(wound.line.trade_id or 0)
        for trade in wound.held:
            if int(trade.place) > last:
                self._numbering.take(trade)
