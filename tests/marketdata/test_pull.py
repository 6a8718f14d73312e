"""Candles from the exchange, page by page."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from exchanges import intervals, registry
from exchanges.errors import UnknownMarket
from exchanges.events import Candle as CandleEvent
from exchanges.symbols import Instrument
from marketdata import coverage, ingest, markets, pull, tasks, times, wanted
from marketdata.asker import Asker
from marketdata.cards import card
from marketdata.models import Candle, Coverage, Interval, Symbol
from tests.sandbox_server import SandboxServer

MINUTE_MS, DAY_MS = intervals.MINUTE_MS, intervals.DAY_MS
FIRST_MS = times.parsed_ms("2024-01-01")  # the sandbox's history begins here


@pytest.fixture
def minute(btc: Symbol) -> Interval:
    return markets.interval(card("binance"), "1m")


def pulled(symbol: Symbol, interval: Interval, *spans: tuple[int, int]) -> Sequence[pull.Page]:
    with Asker(card("binance")) as asker:
        return list(pull.pull(asker, symbol, interval, spans))


def test_what_is_stored_is_what_the_exchange_says(exchange: SandboxServer, btc: Symbol, minute: Interval) -> None:
    start_ms = FIRST_MS + DAY_MS
    pages = pulled(btc, minute, (start_ms, start_ms + 1500 * MINUTE_MS))
    assert [page.candles for page in pages] == [1000, 500]
    theirs = exchange.get(f"/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={start_ms}&limit=3")
    ours = Candle.objects.order_by("open_time")[:3]
    assert [(times.to_ms(c.open_time), c.open, c.high, c.low, c.close, c.volume, c.trades) for c in ours] == [
        (row[0], *map(Decimal, row[1:6]), row[8]) for row in theirs
    ]


def test_what_is_known_is_not_missing_any_more(exchange: SandboxServer, btc: Symbol, minute: Interval) -> None:
    span = (FIRST_MS, FIRST_MS + 10 * MINUTE_MS)
    assert pull.missing(btc, minute, *span) == [span]
    pulled(btc, minute, span)
    assert pull.missing(btc, minute, *span) == []
    assert pull.missing(btc, minute, span[0], span[1] + MINUTE_MS) == [(span[1], span[1] + MINUTE_MS)]


def test_what_the_source_no_longer_has_is_not_asked_for(binance: object) -> None:
    kept = registry.card("kraken").candles_kept
    assert kept is not None
    ingest.exchange(registry.card("kraken"))
    market = Instrument(symbol="BTC-USD", venue_symbol="BTC/USD", base="BTC", quote="USD", kind="spot")
    ingest.instruments("kraken", [market], times.now())
    symbol = Symbol.objects.get(exchange="kraken", symbol="BTC-USD")
    minute = Interval.objects.get(exchange="kraken", code="1m")
    now_ms = times.now_ms() // MINUTE_MS * MINUTE_MS
    assert pull.missing(symbol, minute, now_ms - DAY_MS, now_ms - 13 * 60 * MINUTE_MS) == []
    [(start_ms, _)] = pull.missing(symbol, minute, now_ms - DAY_MS, now_ms)
    assert start_ms in {now_ms - (kept - 1) * MINUTE_MS, now_ms - (kept - 2) * MINUTE_MS}


def test_the_running_candle_is_never_stored_nor_taken_for_known(
    exchange: SandboxServer, btc: Symbol, minute: Interval
) -> None:
    now_ms = times.now_ms()
    pulled(btc, minute, (now_ms // MINUTE_MS * MINUTE_MS - 5 * MINUTE_MS, now_ms + 60 * MINUTE_MS))
    assert all(times.to_ms(stored.close_time) < times.now_ms() for stored in Candle.objects.all())
    assert Candle.objects.count() >= 5
    assert Coverage.objects.get().end_time <= times.now()


def test_years_without_trading_are_passed_over_in_a_few_requests(
    exchange: SandboxServer, btc: Symbol, minute: Interval, asked: Callable[[], int]
) -> None:
    pulled(btc, minute, (FIRST_MS - 900 * DAY_MS, FIRST_MS + 10 * MINUTE_MS))
    assert asked() <= 4
    known = pull.known(btc, minute, FIRST_MS - 900 * DAY_MS, FIRST_MS + 10 * MINUTE_MS)
    assert [(one.state, one.end_ms) for one in known] == [
        ("empty", FIRST_MS),
        ("complete", FIRST_MS + 10 * MINUTE_MS),
    ]
    assert Candle.objects.count() == 10


def test_a_market_that_the_exchange_does_not_know_leaves_nothing_known(
    exchange: SandboxServer, btc: Symbol, minute: Interval
) -> None:
    Symbol.objects.filter(pk=btc.pk).update(venue_symbol="NOSUCH")
    btc.refresh_from_db()
    with pytest.raises(UnknownMarket):
        pulled(btc, minute, (FIRST_MS, FIRST_MS + MINUTE_MS))
    assert not Coverage.objects.exists()


def test_the_clock_repairs_the_holes_of_a_series_that_is_near_the_present(
    exchange: SandboxServer, btc: Symbol, minute: Interval, candle: Callable[..., CandleEvent]
) -> None:
    settled_ms = coverage.settled_ms("1m", times.now_ms())
    near = [settled_ms - 30 * MINUTE_MS, settled_ms - 10 * MINUTE_MS]
    for open_ms in near:
        heard = candle(0, open_ms=open_ms, close_ms=open_ms + MINUTE_MS - 1)
        ingest.closed_candles("binance", [heard])
    tasks.pull_exchange("binance")
    known = pull.known(btc, minute, near[0], settled_ms)
    assert known == [coverage.Range(near[0], settled_ms, "complete")]
    assert list(wanted.series("binance")) == [] or times.now_ms() > settled_ms + 2 * MINUTE_MS


def test_what_others_name_is_kept_too(
    exchange: SandboxServer, btc: Symbol, minute: Interval, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(wanted.series("binance")) == []
    monkeypatch.setattr(wanted, "also", [lambda: [("binance", "BTC-USDT", "1m"), ("okx", "BTC-USDT", "1m")]])
    [(symbol, interval, [(start_ms, end_ms)])] = wanted.series("binance")
    assert (symbol, interval) == (btc, minute)
    assert end_ms - start_ms >= (wanted.NEAR - 2) * MINUTE_MS
