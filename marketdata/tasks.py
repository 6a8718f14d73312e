"""What the jobs worker does: metadata, candles, backfills. Wiring only."""

import logging
import time
from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from exchanges.errors import ExchangeError, Skip, Stop, verdict
from marketdata import backfills, locks, pull, refusals, wanted
from marketdata import sync as metadata
from marketdata.asker import Asker
from marketdata.cards import card
from marketdata.models import Backfill

log = logging.getLogger(__name__)

PARTS = 1000  # of the time between two lists, where these cost a quota: an attempt may cost as much
AGAIN_S = 5.0  # an exchange that was never synced has nothing to offer: it is asked again soon
PULL_S = 50.0  # one turn of the clock
RESENT_S = 300.0  # between two slices a backfill looks lost and is not: it must not be sent again at each turn


@shared_task(name="marketdata.sync")
def sync(codes: list[str] | None = None, only_new: bool = False) -> None:
    """The given exchanges, or all whose time has come; each a task of its own, so that a slow one delays no other."""
    for code in metadata.due(only_new) if codes is None else codes:
        sync_exchange.delay(code, asked=codes is not None)


@shared_task(name="marketdata.sync_exchange")
def sync_exchange(code: str, asked: bool = False) -> None:
    """Unless it is no longer due: two clocks that start together have both seen it so."""
    with locks.held(f"sync:{code}", ttl_s=120) as lock:
        if lock and (asked or code in metadata.due()):
            _sync(code)


@shared_task(name="marketdata.pull_candles")
def pull_candles() -> None:
    """Recent candles of each exchange, and the backfills whose task was lost."""
    for exchange in metadata.register():
        if exchange.enabled:
            pull_exchange.apply_async((exchange.code,), expires=PULL_S)
    for one in backfills.abandoned():
        if locks.first(f"resent:{one.pk}", ttl_s=RESENT_S):
            backfill.apply_async((one.pk,), expires=PULL_S)


@shared_task(name="marketdata.pull_exchange")
def pull_exchange(code: str) -> None:
    with locks.held(f"pull:{code}", ttl_s=PULL_S + backfills.HELD_S) as lock:
        if lock:
            _pull(code)


@shared_task(name="marketdata.backfill")
def backfill(pk: int) -> None:
    """One slice of a backfill, and the next one as a new task."""
    try:
        goes_on = backfills.run(Backfill.objects.get(pk=pk), backfills.SLICE_S)
    except backfills.Busy:
        return
    except ExchangeError as error:
        log.warning("backfill %s: %s", pk, error)
        return
    if goes_on:
        backfill.delay(pk)


@worker_ready.connect
def sync_what_was_never_synced(sender: Any, **_: Any) -> None:
    """A first start has symbols within seconds; of several jobs workers, one asks."""
    if "jobs" in sender.app.amqp.queues.consume_from and locks.first("first-sync", ttl_s=10):
        sync.delay(only_new=True)


def _sync(code: str) -> None:
    try:
        log.info("%s synced: %s new, %s changed, %s delisted", code, *metadata.sync(code))
    except metadata.SyncFailed as error:
        log.warning("%s", error)
        if code in metadata.due(only_new=True):
            sync_exchange.apply_async((code,), countdown=max(AGAIN_S, (card(code).sync_every_s or 0) / PARTS))


def _pull(code: str) -> None:
    """For one turn of the clock at most: the next one goes on with what is still missing."""
    ends_s = time.monotonic() + PULL_S
    with Asker(card(code)) as asker:
        for symbol, interval, spans in wanted.series(code):
            if time.monotonic() > ends_s:
                return
            name = pull.name(symbol, interval)
            if refusals.known(asker.card, name):
                continue
            try:
                for _ in pull.pull(asker, symbol, interval, spans):
                    pass
            except ExchangeError as error:
                log.warning("%s %s: %s", symbol, interval.code, error)
                refusals.heard(asker.card, name, error)
                if not isinstance(verdict(error), Stop | Skip):
                    return  # it is about the exchange, not about this market: the next turn tries again
