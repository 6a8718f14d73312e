"""Requests for history: made, run in slices, resumed. What is done is in Coverage, so nothing is fetched twice."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F
from redis.lock import Lock

from exchanges import intervals
from exchanges.errors import ExchangeError, Skip, Stop, verdict
from marketdata import coverage, locks, pull, refusals, times
from marketdata.asker import Asker
from marketdata.cards import card
from marketdata.coverage import Span
from marketdata.models import Backfill, Interval, Symbol

SLICE_S = 20.0  # a task's turn: two long backfills must not keep every other task of the jobs worker waiting
HELD_S = 150.0  # longer than one page can take with its retries; after a kill nobody goes on for so long
PARTS = 10_000  # the unit of `Backfill.covered`

State = Backfill.State
Told = Callable[[Backfill], object]


class Busy(Exception):
    """Another process is at this backfill."""


def begin(
    symbol: Symbol, interval: Interval, start_ms: int, end_ms: int, through: str, asked_by: Any = None
) -> Backfill:
    """A backfill of the range up to now; the open one of the same range where there is one. Raises as span() does."""
    start_ms, end_ms = span(interval, start_ms, end_ms)
    asked = {
        "symbol": symbol,
        "interval": interval,
        "start_time": times.from_ms(start_ms),
        "end_time": times.from_ms(end_ms),
    }
    same = Backfill.objects.filter(**asked, state__in=Backfill.OPEN).first()
    return same or Backfill.objects.create(**asked, asked_through=through, asked_by=asked_by)


def span(interval: Interval, start_ms: int, end_ms: int) -> Span:
    """The range, on openings and up to now; ValueError where no candle of it has ended yet."""
    start_ms, end_ms = coverage.aligned(interval.code, start_ms, end_ms)
    end_ms = min(end_ms, intervals.open_ms(interval.code, times.now_ms()))
    if end_ms <= start_ms:
        raise ValueError("no candle of this range has ended yet")
    return start_ms, end_ms


def run(backfill: Backfill, slice_s: float | None = None, told: Told = lambda _: None) -> bool:
    """Fetches what is missing of the range, for `slice_s` at most; whether another turn is needed.

    `told` is called at the start and after each page. An error that can pass leaves it open, with the error in its
    row; another ends it as failed; Ctrl-C as stopped; all are raised. Raises Busy.
    """
    with locks.held(name(backfill), HELD_S) as lock:
        if lock is None:
            raise Busy(f"another process is at {backfill}")
        try:
            return _run(backfill, lock, slice_s, told)
        except ExchangeError as error:
            lasting = isinstance(verdict(error), Stop | Skip)
            refusals.heard(card(backfill.symbol.exchange_id), pull.name(backfill.symbol, backfill.interval), error)
            _end(backfill, State.FAILED if lasting else State.WAITING, str(error))
            raise
        except KeyboardInterrupt:
            _end(backfill, State.STOPPED)
            raise


def reopen(backfill: Backfill) -> None:
    """Opens it again, whatever became of it."""
    Backfill.objects.filter(pk=backfill.pk).update(state=State.WAITING, error="", finished_time=None)


def stop(backfill: Backfill) -> None:
    """Ends it at the next page."""
    if backfill.state in Backfill.OPEN:
        _end(backfill, State.STOPPED)


def abandoned() -> list[Backfill]:
    """Open ones that no process is at: their task was lost, or never sent."""
    return [one for one in Backfill.objects.filter(state__in=Backfill.OPEN) if not locks.is_held(name(one))]


def name(backfill: Backfill) -> str:
    """Of its lock."""
    return f"backfill:{backfill.pk}"


def _run(backfill: Backfill, lock: Lock, slice_s: float | None, told: Told) -> bool:
    ends_s = None if slice_s is None else time.monotonic() + slice_s
    spans = _missing(backfill)
    goes_on = _progress(backfill, spans, told, started_time=backfill.started_time or times.now(), error="")
    if goes_on and spans:
        with Asker(card(backfill.symbol.exchange_id)) as asker:
            for page in pull.pull(asker, backfill.symbol, backfill.interval, spans):
                lock.reacquire()
                left = [(max(start_ms, page.reached_ms), end_ms) for start_ms, end_ms in spans]
                counts = {"pages": F("pages") + 1, "candles": F("candles") + page.candles}
                goes_on = _progress(backfill, left, told, **counts)
                late = ends_s is not None and time.monotonic() > ends_s
                if not goes_on or (late and page.reached_ms < spans[-1][1]):
                    return goes_on
    if goes_on:
        _finish(backfill, told)
    return False


def _missing(backfill: Backfill) -> list[Span]:
    start_ms, end_ms = times.to_ms(backfill.start_time), times.to_ms(backfill.end_time)
    return pull.missing(backfill.symbol, backfill.interval, start_ms, end_ms)


def _progress(backfill: Backfill, left: Sequence[Span], told: Told, **changes: Any) -> bool:
    """Writes how far it is; whether it may go on (an operator can stop it)."""
    total_ms = times.to_ms(backfill.end_time) - times.to_ms(backfill.start_time)
    left_ms = sum(max(0, end_ms - start_ms) for start_ms, end_ms in left)
    covered = PARTS - -(-PARTS * left_ms // total_ms)
    open_one = Backfill.objects.filter(pk=backfill.pk, state__in=Backfill.OPEN)
    goes_on = bool(open_one.update(state=State.RUNNING, covered=covered, **changes))
    backfill.refresh_from_db()
    told(backfill)
    return goes_on


def _finish(backfill: Backfill, told: Told) -> None:
    """What is not settled yet does not count: the clock fetches it."""
    settled_ms = pull.settled_ms(backfill.symbol, backfill.interval)
    unread = [span for span in _missing(backfill) if span[0] < settled_ms]
    if unread:
        _end(backfill, State.FAILED, f"{len(unread)} ranges could not be read from the exchange's answers")
    else:
        Backfill.objects.filter(pk=backfill.pk).update(covered=PARTS)
        _end(backfill, State.DONE)
    told(backfill)


def _end(backfill: Backfill, state: State, error: str = "") -> None:
    finished = None if state in Backfill.OPEN else times.now()
    Backfill.objects.filter(pk=backfill.pk, state__in=Backfill.OPEN).update(
        state=state, error=error, finished_time=finished
    )
    backfill.refresh_from_db()
