"""Brings the metadata of exchanges up to date."""

import logging
from datetime import timedelta

from exchanges.contract import Card
from exchanges.errors import ExchangeError, NotAuthenticated, RateLimited, Stop, verdict
from exchanges.events import Rejected
from exchanges.symbols import distinct
from marketdata import ingest, refusals, times
from marketdata.asker import Asker
from marketdata.cards import card, cards
from marketdata.ingest import Counts
from marketdata.listing import listed
from marketdata.models import Exchange

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)  # exchanges publish changes of their markets nowhere else
NAME = "sync"  # of what is remembered where it was refused
SLACK = timedelta(minutes=1)  # the clock's tick must not come a moment too early


class SyncFailed(Exception):
    """One sentence about an exchange whose metadata could not be brought up to date."""


def register() -> list[Exchange]:
    """The rows of all exchanges in use."""
    return [ingest.exchange(one) for one in cards().values()]


def due(only_new: bool = False) -> list[str]:
    """The codes of the enabled exchanges that were never synced, or so long ago that it is time again; none that
    refused it lately, or whose quota is spent."""
    enabled = [row for row in register() if row.enabled and not _is_refused(row.code)]
    return [row.code for row in enabled if row.last_sync_time is None or (not only_new and _is_time(row))]


def _is_refused(code: str) -> bool:
    error = refusals.known(card(code), NAME)
    return isinstance(error, RateLimited) or isinstance(error and verdict(error), Stop)


def _is_time(row: Exchange) -> bool:
    """Whether the last sync is old enough, by the card where its lists cost a quota."""
    every_s = card(row.code).sync_every_s
    every = EVERY if every_s is None else timedelta(seconds=every_s)
    return row.last_sync_time < times.now() - every + SLACK


def sync(code: str) -> Counts:
    """Asks the exchange for all its markets and stores what changed; what happened is kept on its row. SyncFailed."""
    ingest.exchange(card(code))
    try:
        counts, missed = _sync(card(code))
    except (ExchangeError, ValueError) as error:
        ingest.sync_failed(code, str(error), times.now())
        if isinstance(error, ExchangeError):
            refusals.heard(card(code), NAME, error)
        raise SyncFailed(f"{card(code).title} could not be synced: {error}") from error
    ingest.sync_succeeded(code, times.now())
    if missed:
        ingest.sync_failed(code, f"{len(missed)} of its lists, the first: {missed[0]}", times.now())
    return counts


def _sync(of: Card) -> tuple[Counts, list[ExchangeError]]:
    """What was done, and why some of the lists could not be had."""
    rejected: list[Rejected] = []
    with Asker(of) as asker:
        try:
            (found, missed), whole = listed(asker, of.rest.instruments_requests(), rejected), True
        except NotAuthenticated:
            if of.keyed or not of.open_lists:
                raise
            (found, missed), whole = listed(asker, of.open_lists, rejected), False
    if rejected:
        log.warning("%s: %d markets could not be read, the first: %s", of.code, len(rejected), rejected[0].reason)
    if missed:
        log.warning("%s: %d lists could not be had, the first: %s", of.code, len(missed), missed[0])
    complete = whole and not rejected and not missed
    return ingest.instruments(of.code, distinct(found), times.now(), complete), missed
