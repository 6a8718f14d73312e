"""The markets and pins as asynchronous code asks for them: from memory, and seldom from the database."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.db import Error

from exchanges.symbols import Instruments
from marketdata import instruments
from streams.pins import pinned
from streams.unlisted import failed

log = logging.getLogger(__name__)

FRESH_S = 2.0
FRESH_EMPTY_S = 0.25  # on a first start the markets come any moment
PATIENCE_S = 15.0


class Kept:
    """One value read from the database, kept for a moment, and for as long as the database does not answer."""

    def __init__(self, read: Callable[[], Any], first: Any) -> None:
        self._read = read
        self._value = first
        self._at_s = float("-inf")
        self._turn = asyncio.Lock()  # who asks during a read waits for it rather than getting what was before

    async def value(self) -> Any:
        async with self._turn:
            if time.monotonic() - self._at_s > (FRESH_S if self._value else FRESH_EMPTY_S):
                await self._refresh()
                self._at_s = time.monotonic()
        return self._value

    async def _refresh(self) -> None:
        try:
            self._value = await database_sync_to_async(self._read, thread_sensitive=False)()
        except Error as error:
            log.warning("the database is away, going on with what was read before: %s", error)


class Markets:
    """The markets of each exchange, always the same object for one exchange, which changes with the database."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._ours: dict[str, Instruments] = {}
        self._theirs: dict[str, Instruments] = {}

    async def of(self, exchange: str) -> Instruments:
        kept = self._kept.setdefault(exchange, Kept(lambda: instruments.current(exchange), Instruments()))
        ours = self._ours.setdefault(exchange, Instruments())
        theirs = await kept.value()
        if self._theirs.get(exchange) is not theirs:
            self._theirs[exchange] = theirs
            ours.become(theirs.by_symbol.values())
        return ours

    async def known(self, exchange: str) -> Instruments:
        """As `of`, but on a first start waits a while for the markets to be there; empty where they are not, at once
        where their list could not be read."""
        until_s = time.monotonic() + PATIENCE_S
        while not (found := await self.of(exchange)) and time.monotonic() < until_s:
            if await failed(exchange):
                break
            await asyncio.sleep(FRESH_EMPTY_S)
        return found


_markets: WeakKeyDictionary[asyncio.AbstractEventLoop, Markets] = WeakKeyDictionary()


def markets() -> Markets:
    """Those of the running loop."""
    return _markets.setdefault(asyncio.get_running_loop(), Markets())


def pins() -> Kept:
    """The pinned topics."""
    return Kept(pinned, set())
