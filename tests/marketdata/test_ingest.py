"""The one door for writes: idempotent, exact, and true about what is known."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from exchanges import registry
from exchanges.events import Candle as CandleEvent
from marketdata import ingest, instruments, times
from marketdata.coverage import Range, combined
from marketdata.ingest.candles import COPY_FROM
from marketdata.models import Candle, Coverage, Exchange, Interval, Symbol
from tests.marketdata.conftest import MINUTE_MS, START_MS, instrument

LONG = "1234567890123456789012.123456789012345678"  # 40 digits: neither a float nor decimal128 holds it
LATER = datetime(2030, 1, 1, tzinfo=UTC)
Made = Callable[..., CandleEvent]


def known() -> list[Range]:
    rows = Coverage.objects.order_by("start_time")
    return [Range(times.to_ms(row.start_time), times.to_ms(row.end_time), row.state) for row in rows]


def minute(first: int, last: int, state: str = "complete") -> Range:
    return Range(START_MS + first * MINUTE_MS, START_MS + last * MINUTE_MS, state)


def test_the_card_becomes_an_exchange_with_its_intervals(binance: Exchange) -> None:
    card = registry.card("binance")
    assert dict(Interval.objects.filter(exchange=binance).values_list("code", "venue_code")) == dict(card.intervals)
    assert ingest.exchange(card) == binance


def test_the_same_markets_again_change_nothing(binance: Exchange) -> None:
    before = instruments.version("binance")
    assert ingest.instruments("binance", [instrument("ETH"), instrument("BTC")], LATER) == (0, 0, 0)
    assert instruments.version("binance") == before
    assert not Symbol.objects.filter(changed_time=LATER).exists()


def test_new_changed_and_delisted_markets_are_counted(binance: Exchange) -> None:
    before = instruments.version("binance")
    listed = [instrument("BTC", price_increment="0.010"), instrument("SOL")]
    assert ingest.instruments("binance", listed, LATER) == ingest.Counts(new=1, changed=1, delisted=1)
    eth = Symbol.objects.get(symbol="ETH-USDT")
    assert (eth.status, eth.delisted_time) == ("delisted", LATER)
    assert instruments.version("binance") == before + 1
    assert set(instruments.load("binance").by_symbol) == {"BTC-USDT", "SOL-USDT"}


def test_a_market_that_comes_back_keeps_its_row(binance: Exchange, btc: Symbol) -> None:
    ingest.instruments("binance", [instrument("ETH")], LATER)
    ingest.instruments("binance", [instrument("ETH"), instrument("BTC")], LATER)
    back = Symbol.objects.get(symbol="BTC-USDT")
    assert (back.pk, back.status, back.delisted_time) == (btc.pk, "trading", None)


def test_an_empty_list_delists_nothing(binance: Exchange) -> None:
    with pytest.raises(ValueError, match="no market at all"):
        ingest.instruments("binance", [], LATER)
    assert not Symbol.objects.filter(status="delisted").exists()


def test_every_fact_of_an_instrument_comes_back_as_it_was(binance: Exchange) -> None:
    option = instrument("BTC", "USD", settle="BTC", price_increment="0.00000001", quantity_increment=LONG)
    numbers = {
        "min_quantity": "1",
        "max_quantity": "9000",
        "min_notional": "5",
        "max_notional": "7",
        "contract_size": "0.1",
    }
    facts = {name: getattr(option, name) for name in option.__struct_fields__}
    facts |= numbers | {"kind": "option", "strike": "50000", "option_type": "call", "expiry_us": 1_700_000_000_123_456}
    option = type(option)(**facts)
    ingest.instruments("binance", [option], LATER)
    assert instruments.load("binance").find("btcusd") == option


def test_current_reads_the_markets_again_only_after_a_change(binance: Exchange) -> None:
    first = instruments.current("binance")
    assert instruments.current("binance") is first
    ingest.instruments("binance", [instrument("BTC"), instrument("ETH"), instrument("SOL")], LATER)
    assert instruments.current("binance").find("SOLUSDT")


def test_a_number_of_forty_digits_is_stored_as_it_is(minutes: ingest.Series, candle: Made) -> None:
    ingest.candles(minutes, [candle(0, open=LONG, low="-0.00000000000000000001", volume=None)], "backfill")
    stored = Candle.objects.get()
    assert (stored.open, stored.low, stored.volume) == (Decimal(LONG), Decimal("-1e-20"), None)


@pytest.mark.parametrize("amount", [3, COPY_FROM + 1])
def test_the_same_candles_again_write_no_row(amount: int, minutes: ingest.Series, candle: Made) -> None:
    page = [candle(number) for number in range(amount)]
    assert ingest.candles(minutes, page, "backfill") == amount
    assert ingest.candles(minutes, page, "backfill") == 0
    assert Candle.objects.count() == amount
    assert known() == [minute(0, amount)]


def test_a_candle_twice_in_one_page_is_stored_once_and_the_last_wins(minutes: ingest.Series, candle: Made) -> None:
    ingest.candles(minutes, [candle(0, close="1"), candle(0, close="2")], "backfill")
    assert Candle.objects.get().close == 2


def test_a_running_candle_is_not_stored_and_covers_nothing(minutes: ingest.Series, candle: Made) -> None:
    ingest.candles(minutes, [candle(0)], "live")
    ingest.candles(minutes, [candle(0, close="99", closed=False), candle(1, closed=False)], "backfill")
    assert [stored.close for stored in Candle.objects.all()] == [11]
    assert known() == [minute(0, 1)]


def test_history_corrects_what_was_heard_live_and_not_the_reverse(minutes: ingest.Series, candle: Made) -> None:
    ingest.candles(minutes, [candle(0, close="1")], "live")
    ingest.candles(minutes, [candle(0, close="2")], "backfill")
    assert ingest.candles(minutes, [candle(0, close="3")], "live") == 0
    assert Candle.objects.get().close == 2


@pytest.mark.parametrize("source", ["live", "backfill"])
def test_an_absent_figure_never_replaces_a_known_one(source: str, minutes: ingest.Series, candle: Made) -> None:
    ingest.candles(minutes, [candle(0, trades=None)], "live")
    ingest.candles(minutes, [candle(0, quote_volume=None)], source)
    stored = Candle.objects.get()
    assert (stored.trades, stored.quote_volume) == (7, 50)


def test_live_candles_of_many_markets_go_in_at_once(binance: Exchange, candle: Made) -> None:
    one, other = candle(0), candle(1)
    fields = {name: getattr(other, name) for name in other.__struct_fields__} | {"symbol": "ETH-USDT"}
    unknown = fields | {"symbol": "NOSUCH-USDT"}
    assert ingest.closed_candles("binance", [one, other, CandleEvent(**fields), CandleEvent(**unknown)]) == 3
    assert list(Candle.objects.values_list("symbol__symbol", flat=True).order_by("id")) == ["BTC-USDT"] * 2 + [
        "ETH-USDT"
    ]


def test_touching_ranges_grow_together_and_others_stay_apart(minutes: ingest.Series, candle: Made) -> None:
    for number in (0, 1, 5, 2):
        ingest.candles(minutes, [candle(number)], "live")
    assert known() == [minute(0, 3), minute(5, 6)]
    ingest.candles(minutes, [], "backfill", [minute(3, 5, "empty")])
    assert known() == [minute(0, 3), minute(3, 5, "empty"), minute(5, 6)]
    ingest.candles(minutes, [candle(4)], "backfill")
    assert known() == [minute(0, 3), minute(3, 4, "empty"), minute(4, 6)]


def test_candles_and_coverage_are_written_together_or_not_at_all(minutes: ingest.Series, candle: Made) -> None:
    with pytest.raises(OverflowError):
        ingest.candles(minutes, [candle(0)], "backfill", [Range(0, 10**18, "complete")])
    assert not Candle.objects.exists()


def test_many_writes_in_any_order_leave_the_same_knowledge(minutes: ingest.Series) -> None:
    chance = random.Random(7)
    told: list[Range] = []
    for _ in range(60):
        first = chance.randrange(100)
        told.append(minute(first, first + chance.randint(1, 8), chance.choice(["complete", "complete", "empty"])))
        ingest.candles(minutes, [], "backfill", told[-1:])
    assert known() == combined(told)


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_lose_nothing_of_each_other(minutes: ingest.Series, candle: Made) -> None:
    def writer(number: int) -> None:
        try:
            for step in range(10):
                ingest.candles(minutes, [candle(step * 4 + number)], "live")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(writer, range(4)))
    assert known() == [minute(0, 40)]
    assert Candle.objects.count() == 40
