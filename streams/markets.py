"""The markets, pins and signals as asynchronous code asks for them: from memory, and seldom from the database."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from exchanges.symbols import Instruments
from marketdata import instruments
from streams import spare
from streams.database import DatabaseAway, database
from streams.pins import lasting
from streams.spare import Spare
from streams.unlisted import failed

FRESH_S = 2.0
PINS_FRESH_S = 1.0  # who signals waits for it
FRESH_EMPTY_S = 0.25  # on a first start the markets come any moment
SLOW_S = 0.5  # a read that takes longer is not waited for where there is a value
PATIENCE_S = 15.0


class Kept:
    """One value read from the database, kept for a moment, and for as long as the database does not answer."""

    def __init__(self, read: Callable[[], Any], first: Any, spare: Spare, fresh_s: float = FRESH_S) -> None:
        self._read, self._spare, self._fresh_s = read, spare, fresh_s
        self._value = first
        self._known = False
        self._at_s = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def value(self) -> Any:
        """Who asks during a read waits for it rather than getting what was before; but not for a database that is
        slow, or away, where something was before."""
        stale = time.monotonic() - self._at_s > (self._fresh_s if self._value else FRESH_EMPTY_S)
        if stale and self._reading is None:
            self._reading = asyncio.create_task(self._refresh())
        if self._reading and not (self._known and database.away):
            done, _ = await asyncio.wait({self._reading}, timeout=SLOW_S if self._known else None)
            for reading in done:
                reading.result()
        return self._value

    async def _refresh(self) -> None:
        try:
            read = await database.ask(self._read)
            changed = read != self._value or not self._known
            if changed and (read or self._spare.may_be_empty):
                self._keeping = asyncio.create_task(self._spare.keep(read))
            self._value, self._known = read, True
        except DatabaseAway:
            spare = None if self._known else await self._spare.kept()
            if spare:
                self._value, self._known = spare, True
        finally:
            self._at_s, self._reading = time.monotonic(), None


class Markets:
    """The markets of each exchange, always the same object for one exchange, which changes with the database."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._ours: dict[str, Instruments] = {}
        self._theirs: dict[str, Instruments] = {}

    async def of(self, exchange: str) -> Instruments:
        kept = self._kept.setdefault(exchange, self._new(exchange))
        ours = self._ours.setdefault(exchange, Instruments())
        theirs = await kept.value()
        if self._theirs.get(exchange) is not theirs:
            self._theirs[exchange] = theirs
            ours.become(theirs.by_symbol.values())
        return ours

    def _new(self, exchange: str) -> Kept:
        return Kept(lambda: instruments.current(exchange), Instruments(), spare.markets(exchange))

    async def known(self, exchange: str) -> Instruments:
        """As `of`, but on a first start waits a while for the markets to be there; empty where they are not, at once
        where their list could not be read or the database is away."""
        until_s = time.monotonic() + PATIENCE_S
        while not (found := await self.of(exchange)) and time.monotonic() < until_s:
            if database.away or await failed(exchange):
                break
            await asyncio.sleep(FRESH_EMPTY_S)
        return found


_markets: WeakKeyDictionary[asyncio.AbstractEventLoop, Markets] = WeakKeyDictionary()


def markets() -> Markets:
    """Those of the running loop."""
    return _markets.setdefault(asyncio.get_running_loop(), Markets())


def pins() -> Kept:
    """The topics that run whether anybody listens or not: those of pins and of signals."""
    return Kept(lasting, set(), spare.PINS, PINS_FRESH_S)
