"""Admin: what an operator finds, and what he can do there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from redis import Redis

from exchanges.events import Candle as CandleEvent
from marketdata import backfills, ingest, live_state, times
from marketdata.coverage import Range
from marketdata.models import Backfill, Candle, Exchange, Interval, Symbol
from tests.marketdata.conftest import MINUTE_MS, START_MS


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


@pytest.fixture
def candles(minutes: ingest.Series, candle: Callable[..., CandleEvent]) -> ingest.Series:
    """Minutes 0 to 2 and 5, and ten minutes that were asked and empty."""
    ingest.candles(minutes, [candle(number) for number in (0, 1, 2, 5)], "live")
    empty = Range(START_MS + 10 * MINUTE_MS, START_MS + 20 * MINUTE_MS, "empty")
    ingest.candles(minutes, [], "backfill", [empty])
    return minutes


def page(client: Client, name: str, *of: Any, **query: Any) -> str:
    answer = client.get(reverse(f"admin:marketdata_{name}", args=of), query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("name", ["exchange", "symbol", "interval", "candle", "coverage", "backfill"])
def test_every_table_has_a_list(name: str, operator: Client, candles: ingest.Series, clean_redis: Redis) -> None:
    assert "Market data platform" in page(operator, f"{name}_changelist")


def test_exchanges_show_how_they_stand(operator: Client, binance: Exchange, clean_redis: Redis) -> None:
    ingest.sync_failed("binance", "HTTP 451: not from here", times.now())
    listed = page(operator, "exchange_changelist")
    assert "HTTP 451: not from here" in listed and "failed" in listed
    assert ">2</a>" in listed
    assert live_state.of("binance") == {}
    assert "none" in page(operator, "exchange_change", "binance")


def test_an_exchange_is_switched_off_and_synced_on_demand(
    operator: Client, binance: Exchange, clean_redis: Redis
) -> None:
    where = reverse("admin:marketdata_exchange_changelist")
    operator.post(where, {"action": "sync_now", "_selected_action": "binance"})
    assert clean_redis.llen("jobs") == 1
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-code": "binance", "_save": "Save"}
    operator.post(where, form)
    binance.refresh_from_db()
    assert not binance.enabled


def test_a_symbol_shows_which_candles_are_stored_where_holes_are_and_the_last_one(
    operator: Client, candles: ingest.Series, btc: Symbol
) -> None:
    shown = page(operator, "symbol_change", btc.pk)
    assert "<td>1m</td>" in shown
    assert f"complete {times.from_ms(START_MS):%Y-%m-%d %H:%M}" in shown
    assert "<td>2</td>" in shown
    assert f"{times.from_ms(START_MS + 5 * MINUTE_MS):%Y-%m-%d %H:%M:%S}" in shown
    assert "none stored" in page(operator, "symbol_change", Symbol.objects.get(symbol="ETH-USDT").pk)


@pytest.mark.parametrize(
    ("query", "found"), [({"q": "btc"}, 1), ({"q": "ETHUSDT"}, 1), ({"status__exact": "halted"}, 0)]
)
def test_symbols_are_searched_and_filtered(
    query: dict[str, str], found: int, operator: Client, binance: Exchange
) -> None:
    assert page(operator, "symbol_changelist", **query).count('class="field-venue_symbol') == found


def test_what_only_the_platform_writes_cannot_be_changed_by_hand(operator: Client, candles: ingest.Series) -> None:
    for name, row in (("candle", Candle.objects.first()), ("symbol", Symbol.objects.first())):
        assert operator.get(reverse(f"admin:marketdata_{name}_add")).status_code == 403
        assert operator.get(reverse(f"admin:marketdata_{name}_delete", args=[row.pk])).status_code == 403
        assert (
            operator.post(reverse(f"admin:marketdata_{name}_change", args=[row.pk]), {"open": "1"}).status_code == 403
        )


@pytest.mark.parametrize("query", [{}, {"q": "btc/usdt"}])
def test_the_list_of_candles_counts_and_sorts_no_whole_table(
    query: dict[str, str], operator: Client, candles: ingest.Series
) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert page(operator, "candle_changelist", **query).count('class="field-open_time') == 4
    counts = [one["sql"] for one in asked if "COUNT(" in one["sql"] and "marketdata_candle" in one["sql"]]
    assert counts and all("LIMIT 10000" in sql for sql in counts)


def test_a_backfill_is_begun_by_form_stopped_and_started_again(
    operator: Client, btc: Symbol, clean_redis: Redis
) -> None:
    interval = Interval.objects.get(exchange="binance", code="1h")
    form = {"symbol": btc.pk, "interval": interval.pk}
    form |= {"start_time_0": "2024-03-01", "start_time_1": "00:00", "end_time_0": "2024-03-02", "end_time_1": "00:00"}
    assert operator.post(reverse("admin:marketdata_backfill_add"), form).status_code == 302
    begun = Backfill.objects.get()
    assert (begun.asked_by.username, begun.asked_through, clean_redis.llen("jobs")) == ("operator", "admin", 1)
    where = reverse("admin:marketdata_backfill_changelist")
    operator.post(where, {"action": "stop", "_selected_action": begun.pk})
    begun.refresh_from_db()
    assert begun.state == "stopped"
    operator.post(where, {"action": "start", "_selected_action": begun.pk})
    begun.refresh_from_db()
    assert (begun.state, clean_redis.llen("jobs")) == ("waiting", 2)
    assert backfills.abandoned() == [begun]


def test_a_backfill_that_makes_no_sense_is_refused_in_the_form(operator: Client, btc: Symbol) -> None:
    interval = Interval.objects.get(exchange="binance", code="1h")
    form = {"symbol": btc.pk, "interval": interval.pk}
    form |= {"start_time_0": "2024-03-02", "start_time_1": "00:00", "end_time_0": "2024-03-01", "end_time_1": "00:00"}
    answer = operator.post(reverse("admin:marketdata_backfill_add"), form)
    assert "no candle of this range has ended yet" in answer.content.decode()
    assert not Backfill.objects.exists()
