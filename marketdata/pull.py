"""Fetches candles of one series, page by page: ask, read, store with what is then known."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from exchanges import intervals, registry
from exchanges.events import Candle, Rejected
from marketdata import coverage, ingest, instruments, times
from marketdata.asker import Asker
from marketdata.coverage import Range, Span
from marketdata.models import Coverage, Interval, Symbol

log = logging.getLogger(__name__)

# Where a page is empty, one page of long candles tells where trading begins: it covers years.
SCOUT = "1d"


class Page(NamedTuple):
    """One answer: candles that open in [start_ms, reached_ms) are known now."""

    start_ms: int
    reached_ms: int
    candles: int


def name(symbol: Symbol, interval: Interval) -> str:
    """Of the series, where something is remembered about it."""
    return f"{symbol.pk}:{interval.pk}"


def known(symbol: Symbol, interval: Interval, start_ms: int, end_ms: int) -> list[Range]:
    """What is stored about candles that open in [start_ms, end_ms)."""
    rows = Coverage.objects.filter(
        symbol=symbol,
        interval=interval,
        start_time__lt=times.from_ms(end_ms),
        end_time__gt=times.from_ms(start_ms),
    )
    stored = (Range(times.to_ms(row.start_time), times.to_ms(row.end_time), row.state) for row in rows)
    return coverage.clipped(start_ms, end_ms, stored)


def missing(symbol: Symbol, interval: Interval, start_ms: int, end_ms: int) -> list[Span]:
    """The parts of [start_ms, end_ms) to ask for. Candles that are not closed by now are none of them, and neither are
    those that the source no longer has: no answer about them would mean that there were no trades."""
    start_ms = max(start_ms, _kept_from_ms(symbol, interval))
    start_ms, end_ms = coverage.aligned(interval.code, start_ms, end_ms)
    end_ms = min(end_ms, intervals.open_ms(interval.code, times.now_ms()))
    return coverage.missing(start_ms, end_ms, known(symbol, interval, start_ms, end_ms)) if start_ms < end_ms else []


def settled_ms(symbol: Symbol, interval: Interval) -> int:
    """Candles of the series that open before this moment have ended so long ago that the source must have them."""
    settle_ms = registry.card(symbol.exchange_id).settle_s * 1000
    return coverage.settled_ms(interval.code, times.now_ms(), settle_ms)


def _kept_from_ms(symbol: Symbol, interval: Interval) -> int:
    """From when on the source still has candles of the interval; 0 where it keeps them all."""
    kept = registry.card(symbol.exchange_id).candles_kept
    if kept is None:
        return 0
    return intervals.open_ms(interval.code, times.now_ms()) - (kept - 1) * intervals.length_ms(interval.code)


def page_count(interval: str, spans: Sequence[Span], per_page: int) -> int:
    """How many requests the spans take at most."""
    page_ms = per_page * intervals.length_ms(interval)
    return sum(-((start_ms - end_ms) // page_ms) for start_ms, end_ms in spans)


def pull(asker: Asker, symbol: Symbol, interval: Interval, spans: Sequence[Span]) -> Iterator[Page]:
    """Fetches and stores the spans, oldest first; stopping between two pages loses nothing. Raises ExchangeError."""
    for start_ms, end_ms in spans:
        at_ms = start_ms
        while at_ms < end_ms:
            page = _page(asker, symbol, interval, at_ms, end_ms)
            yield page
            if page.reached_ms <= at_ms:
                break  # the newest candles are not published yet
            at_ms = page.reached_ms
            if not page.candles and at_ms < end_ms:
                at_ms = _trading_from(asker, symbol, interval, at_ms, end_ms)


def _page(asker: Asker, symbol: Symbol, interval: Interval, start_ms: int, end_ms: int) -> Page:
    """Asks for no more than one page holds, so that the answer speaks for all that was asked."""
    length_ms = intervals.length_ms(interval.code)
    asked_ms = min(end_ms, intervals.open_ms(interval.code, start_ms + asker.card.candles_per_page * length_ms))
    rejected: list[Rejected] = []
    candles = _ask(asker, symbol, interval.code, start_ms, asked_ms, rejected)
    opens_ms = [candle.open_ms for candle in candles]
    # The newest candles may come late: what is absent counts as known only when it is settled.
    proven_ms = [intervals.next_open_ms(interval.code, open_ms) for open_ms in opens_ms[-1:]]
    reached_ms = min(asked_ms, max([start_ms, settled_ms(symbol, interval), *proven_ms]))
    told = coverage.answered(interval.code, start_ms, reached_ms, opens_ms) if reached_ms > start_ms else []
    if rejected:
        log.warning("%s: %d candles could not be read, the first: %s", symbol, len(rejected), rejected[0].reason)
        told = coverage.around(interval.code, opens_ms)
    ingest.candles(ingest.series(symbol, interval), candles, "backfill", told)
    return Page(start_ms, reached_ms, len(candles))


def _trading_from(asker: Asker, symbol: Symbol, interval: Interval, start_ms: int, end_ms: int) -> int:
    """Where, from `start_ms` on, the first candle can be; what lies before is stored as empty."""
    per_page, scout_ms = asker.card.candles_per_page, intervals.length_ms(SCOUT)
    if SCOUT not in asker.card.intervals or intervals.length_ms(interval.code) >= scout_ms:
        return start_ms
    asked_ms = min(end_ms, settled_ms(symbol, interval), intervals.open_ms(SCOUT, start_ms + (per_page - 1) * scout_ms))
    if page_count(interval.code, [(start_ms, asked_ms)], per_page) < 3:
        return start_ms
    found = _ask(asker, symbol, SCOUT, intervals.open_ms(SCOUT, start_ms), asked_ms, [], closed_only=False)
    first_ms = max(start_ms, found[0].open_ms) if found else asked_ms
    if first_ms > start_ms:
        ingest.candles(ingest.series(symbol, interval), [], "backfill", [Range(start_ms, first_ms, "empty")])
    return first_ms


def _ask(
    asker: Asker,
    symbol: Symbol,
    interval: str,
    start_ms: int,
    end_ms: int,
    rejected: list[Rejected],
    closed_only: bool = True,
) -> list[Candle]:
    """Oldest first, those that open in [start_ms, end_ms)."""
    rest, instrument = asker.card.rest, instruments.instrument(symbol)
    request = rest.candles_request(instrument, interval, start_ms, end_ms, asker.card.candles_per_page)
    read = rest.read_candles(asker.ask(request), instrument, interval, time.time_ns(), rejected=rejected)
    inside = (candle for candle in read if start_ms <= candle.open_ms < end_ms and (candle.closed or not closed_only))
    return sorted(inside, key=lambda candle: candle.open_ms)
