"""Candles that are asked for and not stored: fetched once, whoever asks at the same moment, or left to a backfill."""

import logging
from typing import Any

from kombu.exceptions import OperationalError

from exchanges.errors import ExchangeError
from marketdata import backfills, locks, pull, refusals, tasks
from marketdata.asker import Asker
from marketdata.cards import card
from marketdata.coverage import Span
from marketdata.history import Page
from marketdata.models import Backfill, Interval, Symbol
from marketdata.problems import Problem

log = logging.getLogger(__name__)

MOST_PAGES = 10  # requests that one reader may wait for
MOST_OPEN = 100  # backfills, so that readers cannot queue work without end
PATIENCE_S = 10.0  # for one request, and for another reader who fetches the same
RECENT_S = 5.0  # so often is an exchange asked for a candle that it has not published yet


def fetched(symbol: Symbol, interval: Interval, start_ms: int, end_ms: int, asked_by: Any) -> Backfill | None:
    """Makes the range complete as far as the exchange can; the backfill that was started where that takes too long.

    Where the exchange does not answer, the range stays as it is: refuse_nothing() and `coverage` say so.
    """
    spans = _worth_asking(symbol, interval, start_ms, end_ms)
    if not spans:
        return None
    of = card(symbol.exchange_id)
    if pull.page_count(interval.code, spans, of.candles_per_page) > MOST_PAGES:
        return started(symbol, interval, start_ms, end_ms, asked_by, "candles")
    with locks.held(f"cold:{pull.name(symbol, interval)}", ttl_s=6 * PATIENCE_S, wait_s=PATIENCE_S) as lock:
        if lock is None:
            raise Problem("unavailable", "These candles are being fetched for another reader; try again soon.")
        _pull(symbol, interval, _worth_asking(symbol, interval, start_ms, end_ms))
    return None


def refuse_nothing(symbol: Symbol, interval: Interval, page: Page) -> None:
    """Problem where nothing can be served because the exchange failed, refuses, or no longer has the market: an empty
    page would look like an answer."""
    if page.candles or all(one["state"] != "missing" for one in page.coverage):
        return
    of = card(symbol.exchange_id)
    if symbol.status == "delisted":
        since = f" since {symbol.delisted_time:%Y-%m-%d %H:%M} UTC" if symbol.delisted_time else ""
        came = f"symbol: {symbol.symbol!r} came, which {of.title} no longer lists{since}"
        would = f"a range that is, or one of symbols/?exchange={of.code}&status=trading, would do"
        raise Problem("unknown_pair", f"{came}; nothing of this range is stored; {would}.", "symbol")
    refused = refusals.known(of, pull.name(symbol, interval))
    if refused:
        raise refusals.problem(of, symbol, refused)


def started(
    symbol: Symbol, interval: Interval, start_ms: int, end_ms: int, asked_by: Any, through: str = "api"
) -> Backfill:
    """A backfill of the range, handed to the jobs worker; where that cannot be done now, the clock does it later."""
    check_room()
    try:
        backfill = backfills.begin(symbol, interval, start_ms, end_ms, through, asked_by)
    except ValueError as error:
        came = f"start {start_ms} and end {end_ms} came"
        raise Problem("bad_request", f"start: {came}, but {error}; a start before the end would do.", "start") from None
    send(backfill)
    return backfill


def check_room() -> None:
    """Problem where no further backfill may be begun now."""
    if Backfill.objects.filter(state__in=Backfill.OPEN).count() >= MOST_OPEN:
        raise Problem("rate_limited", f"{MOST_OPEN} backfills are open already; ask again when one is done.")


def send(backfill: Backfill) -> None:
    """To the jobs worker, now or by the clock."""
    try:
        tasks.backfill.delay(backfill.pk)
    except OperationalError as error:
        log.warning("%s waits for the clock: %s", backfill, error)


def _worth_asking(symbol: Symbol, interval: Interval, start_ms: int, end_ms: int) -> list[Span]:
    """What is missing, unless the exchange just failed, or just said that it does not have it yet."""
    spans = [] if symbol.status == "delisted" else pull.missing(symbol, interval, start_ms, end_ms)
    if not spans or refusals.known(card(symbol.exchange_id), pull.name(symbol, interval)):
        return []
    recent = spans[0][0] >= pull.settled_ms(symbol, interval)
    return [] if recent and locks.is_held(f"recent:{pull.name(symbol, interval)}") else spans


def _pull(symbol: Symbol, interval: Interval, spans: list[Span]) -> None:
    if not spans:
        return
    try:
        with Asker(card(symbol.exchange_id), PATIENCE_S) as asker:
            for _ in pull.pull(asker, symbol, interval, spans):
                pass
    except ExchangeError as error:
        log.warning("%s %s: %s", symbol, interval.code, error)
        refusals.heard(card(symbol.exchange_id), pull.name(symbol, interval), error)
    locks.first(f"recent:{pull.name(symbol, interval)}", RECENT_S)
