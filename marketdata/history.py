"""Reads pages of candles, with what is known of their range."""

from typing import Any, NamedTuple

from exchanges import intervals
from marketdata import coverage, pages, pull, rows, times
from marketdata.coverage import Range
from marketdata.filters import CandleQuery
from marketdata.models import Candle, Interval, Symbol
from marketdata.problems import Problem

FURTHEST_MS = times.LATEST_MS


class Window(NamedTuple):
    """The openings asked for: [start_ms, end_ms), what is before the cursor already left out."""

    start_ms: int
    end_ms: int


class Page(NamedTuple):
    """`next_ms` is the cursor of the page that follows, None on the last one."""

    candles: list[Candle]
    coverage: list[dict[str, Any]]
    next_ms: int | None


def window(asked: CandleQuery, now_ms: int) -> Window:
    """Without `start`, the newest `limit` intervals. Problem for an empty range."""
    end_ms = min(now_ms if asked.end is None else asked.end, FURTHEST_MS)
    newest_ms = intervals.open_ms(asked.interval, end_ms) - asked.limit * intervals.length_ms(asked.interval)
    start_ms = max(0, newest_ms) if asked.start is None else asked.start
    if start_ms >= end_ms:
        came = f"start {start_ms} and end {end_ms} came"
        raise Problem("bad_request", f"start: {came}; a start before the end (and before now) would do.", "start")
    start_ms, end_ms = coverage.aligned(asked.interval, start_ms, end_ms)
    if asked.cursor is None:
        return Window(start_ms, end_ms)
    [at_ms] = pages.position(asked.cursor, int)
    return Window(max(start_ms, at_ms), end_ms) if asked.order == "asc" else Window(start_ms, min(end_ms, at_ms))


def page(symbol: Symbol, interval: Interval, of: Window, order: str, limit: int) -> Page:
    """`limit` candles from the window's start (`asc`) or end (`desc`) on."""
    stored = Candle.objects.filter(
        symbol=symbol,
        interval=interval,
        open_time__gte=times.from_ms(max(0, of.start_ms)),
        open_time__lt=times.from_ms(of.end_ms),
    )
    found = list(stored.order_by("open_time" if order == "asc" else "-open_time")[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    reach = _reach(interval.code, of, order, times.to_ms(found[-1].open_time)) if more else of
    told = _told(symbol, interval, reach, found)
    next_ms = None if not more else reach.end_ms if order == "asc" else reach.start_ms
    return Page(found, told, next_ms)


def body(symbol: Symbol, interval: Interval, of: Page, following: str | None) -> dict[str, Any]:
    """The page as REST shows it."""
    return {
        "results": [rows.candle(candle, symbol, interval.code) for candle in of.candles],
        "coverage": of.coverage,
        "next": following,
    }


def headers(of: Page, following: str | None) -> dict[str, str]:
    """What the formats without an envelope cannot say inside: the page that follows, and whether this one is whole."""
    whole = all(one["state"] != "missing" for one in of.coverage)
    link = {"Link": f'<{following}>; rel="next"'} if following else {}
    return {"X-Coverage": "complete" if whole else "missing", **link}


def _reach(interval: str, of: Window, order: str, last_ms: int) -> Window:
    """The part of the window that a full page speaks for, which ends at its last candle."""
    if order == "asc":
        return Window(of.start_ms, intervals.next_open_ms(interval, last_ms))
    return Window(last_ms, of.end_ms)


def _told(symbol: Symbol, interval: Interval, of: Window, found: list[Candle]) -> list[dict[str, Any]]:
    """Complete, empty and missing ranges, without a hole between them; the future and the running candle are none.

    A stored range that is complete may hold intervals without trades: the page's own candles show where.
    """
    end_ms = min(of.end_ms, intervals.open_ms(interval.code, times.now_ms()))
    known = pull.known(symbol, interval, of.start_ms, end_ms)
    opens_ms = [times.to_ms(candle.open_time) for candle in found]
    fine: list[Range] = []
    for one in known:
        sure = coverage.answered(interval.code, one.start_ms, one.end_ms, opens_ms, long_hole=1)
        fine += sure if one.state == "complete" else [one]
    told = [(*one[:2], one.state) for one in coverage.combined(fine)]
    told += [(*span, "missing") for span in coverage.missing(of.start_ms, end_ms, known)]
    return [{"start_time": start_ms, "end_time": end_ms, "state": state} for start_ms, end_ms, state in sorted(told)]
