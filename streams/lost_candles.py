"""The candles that closed in a gap, fetched: those that the time says there must be, and the exchange has."""

import asyncio
import time
from typing import Any

from exchanges import intervals
from exchanges.errors import BadFrame
from exchanges.events import Candle
from streams.lost_trades import After, Found, Lost

FINAL_MS = 1_000  # after its end a candle may still change
LAGS_S = (0.0, 2.0, 4.0, 8.0)  # before each time that the exchange is asked: it may publish the last one late
LATE_MS = 15_000  # some sources say so long after its end that a candle is closed


class LostCandles:
    """Fulfils streams.lost_trades.Search."""

    quiet_s = 1.0
    by_history = True
    bounded = False  # it goes on over another gap

    def __init__(self, lost: Lost, interval: str) -> None:
        self._lost = lost
        self._interval = interval
        self._before_ms = lost.line.closed_ms  # the last one that was said closed
        self._live: dict[int, bool] = {}  # opening: closed
        self._fetched: dict[int, Candle] = {}
        self._fresh = False  # a live one of the time after the gap was heard: older ones are not repeated any more

    @property
    def heard(self) -> bool:
        return bool(self._live)

    def is_new(self, event: Candle) -> bool:
        self._live[event.open_ms] = event.closed or self._live.get(event.open_ms, False)
        self._fresh = self._fresh or self._before_ms is None or event.open_ms > self._before_ms
        if not event.closed:
            return event.open_ms not in self._fetched
        if event.open_ms in self._fetched:
            return _figures(event) != _figures(self._fetched[event.open_ms])
        return self._fresh

    def restart(self, said: bool) -> None:
        self._fresh = False
        if not said:
            self._live = {}

    async def prepare(self) -> None:
        """What was said to a Redis that never took it was not said."""
        kept = await self._lost.recall.kept(self._lost.line.topic)
        self._before_ms = self._lost.line.closed_ms if kept.closed_ms is None else kept.closed_ms

    async def find(self) -> Found:
        start_ms, end_ms, whole = self._span()
        found: dict[int, Candle] = {}
        for lag_s in LAGS_S:
            if not self._missing(start_ms, end_ms, found):
                break
            await asyncio.sleep(max(lag_s, (end_ms + FINAL_MS) / 1000 - time.time()))
            for candle in await self._ask(start_ms, end_ms):
                found[candle.open_ms] = candle
        settled_ms = time.time_ns() // 1_000_000 - self._lost.card.settle_s * 1000
        lacking = self._missing(start_ms, min(end_ms, intervals.open_ms(self._interval, settled_ms)), {})
        unknown = [opened for opened in self._missing(start_ms, end_ms, found) if opened not in lacking]
        return Found([found[opened] for opened in sorted(found)], complete=whole and not unknown)

    def unsaid(self, found: Found) -> list[Candle]:
        missing = [candle for candle in found.events if not self._live.get(candle.open_ms)]
        self._fetched |= {candle.open_ms: candle for candle in missing}
        return missing

    def after(self, event: Candle) -> After:
        return "new" if self.is_new(event) else "repeated"

    @property
    def over(self) -> bool:
        """A later candle has closed."""
        last_ms = max([self._before_ms or 0, *self._fetched])
        return any(closed and opened > last_ms for opened, closed in self._live.items())

    def _span(self) -> tuple[int, int, bool]:
        """Where those that may be missing open, and whether none has closed too long ago."""
        now_ms = time.time_ns() // 1_000_000
        running_ms = intervals.open_ms(self._interval, now_ms)
        end_ms = max([running_ms, *(opened for opened, closed in self._live.items() if not closed)])
        if self._before_ms is not None:
            start_ms = intervals.next_open_ms(self._interval, self._before_ms)
        else:
            from_ms = (self._lost.line.time_us or int(self._lost.since_s * 1_000_000)) // 1000
            start_ms = intervals.open_ms(self._interval, from_ms - LATE_MS)
        oldest_ms = intervals.open_ms(self._interval, now_ms - int(self._lost.recall.age_s * 1000))
        return max(start_ms, oldest_ms), end_ms, start_ms >= oldest_ms or not self._lost.too_old

    def _missing(self, start_ms: int, end_ms: int, found: dict[int, Candle]) -> list[int]:
        """The openings of which nothing is known. A share's day opens within the day that we count."""
        known = [*found, *(opened for opened, closed in self._live.items() if closed)]
        theirs = {intervals.open_ms(self._interval, opened) for opened in known}
        return [opened for opened in intervals.opens_ms(self._interval, start_ms, end_ms) if opened not in theirs]

    async def _ask(self, start_ms: int, end_ms: int) -> list[Candle]:
        rest, per_page = self._lost.card.rest, self._lost.card.candles_per_page
        candles: list[Candle] = []
        while start_ms < end_ms:
            length_ms = intervals.length_ms(self._interval)
            until_ms = min(end_ms, intervals.open_ms(self._interval, start_ms + per_page * length_ms))
            if until_ms <= start_ms:
                raise BadFrame("a page holds no candle", "page")
            request = rest.candles_request(self._lost.instrument, self._interval, start_ms, until_ms, per_page)
            body = await self._lost.fetch(request)
            read = rest.read_candles(body, self._lost.instrument, self._interval, time.time_ns())
            candles += [candle for candle in read if candle.closed and start_ms <= candle.open_ms < until_ms]
            start_ms = until_ms
        return candles


def _figures(candle: Candle) -> tuple[Any, ...]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume
