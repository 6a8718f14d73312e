"""History that a source refuses: what REST says, and that neither readers nor the clock ask again while it lasts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from redis import Redis

from exchanges.intervals import DAY_MS
from marketdata import ingest, instruments, markets, sync, tasks, times
from marketdata.cards import card
from marketdata.coverage import Range
from marketdata.models import Backfill, Exchange, Symbol
from tests.sandbox_server import SandboxServer

CANDLES = "/api/v1/candles/"
MARKED = "k3y-that-nobody-may-see"
Ask = Callable[..., Any]


@pytest.fixture
def installed(db: None, settings: Any, exchange: SandboxServer) -> Any:
    """An installation of one source with its markets; then with the keys given."""

    def install(code: str, first: dict[str, str], **keys: str) -> SandboxServer:
        settings.EXCHANGES, settings.OPEN_READ, settings.KEYS = (code,), True, {code: first}
        sync.sync(code)
        settings.KEYS = {code: keys}
        return exchange

    yield install
    exchange.clear()


@pytest.fixture
def alphavantage(installed: Any) -> SandboxServer:
    """With a premium key, whose quota has no end but the fault's."""
    key = {"ALPHAVANTAGE_KEY": f"premium-{MARKED}"}
    return installed("alphavantage", key, **key)


@pytest.fixture
def ask(client: Client) -> Ask:
    return lambda **query: client.get(CANDLES, {"interval": "1d", "limit": 5} | query)


def requests(server: SandboxServer, code: str) -> int:
    return server.get("/seen")[code]["requests"]


def error_of(answer: Any, status: int) -> dict[str, str]:
    assert answer.status_code == status, answer.content
    assert MARKED not in answer.content.decode()
    return answer.json()["error"]


def test_a_spent_quota_is_429_with_its_end_and_one_request(
    ask: Ask, alphavantage: SandboxServer, clean_redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    alphavantage.fault("quota", exchange="alphavantage", seconds=600)
    before = requests(alphavantage, "alphavantage")
    for symbol in ("AAPL", "AAPL", "MSFT"):
        answer = ask(exchange="alphavantage", symbol=symbol)
        error = error_of(answer, 429)
        assert (error["code"], error["field"]) == ("rate_limited", "exchange")
        assert error["message"].startswith("exchange: 'alphavantage' came; Alpha Vantage takes no more requests now")
        assert 5.9 * 3600 < int(answer["Retry-After"]) <= 6 * 3600
    tasks.pull_exchange("alphavantage")
    Exchange.objects.update(last_sync_time=None)
    assert sync.due() == []
    with pytest.raises(sync.SyncFailed, match="quota"):
        sync.sync("alphavantage")
    assert requests(alphavantage, "alphavantage") == before + 1
    assert MARKED not in caplog.text
    alphavantage.clear()
    clean_redis.flushdb()  # as when the six hours are over
    assert ask(exchange="alphavantage", symbol="AAPL").status_code == 200


def test_a_wrong_key_names_the_setting_and_is_not_tried_again(ask: Ask, installed: Any) -> None:
    right = {"ALPACA_KEY_ID": "right", "ALPACA_SECRET_KEY": "right"}
    server = installed("alpaca", right, ALPACA_KEY_ID=MARKED, ALPACA_SECRET_KEY="wrong")
    before = requests(server, "alpaca")
    for _ in range(3):
        error = error_of(ask(exchange="alpaca", symbol="AAPL"), 503)
        assert (error["code"], error["field"]) == ("unavailable", "exchange")
        would = "ALPACA_KEY_ID and ALPACA_SECRET_KEY in the environment and a restart would do."
        assert error["message"].endswith(would)
    assert requests(server, "alpaca") == before + 1


def test_a_list_that_a_wrong_key_does_not_get_is_asked_for_once_and_is_the_reason(
    ask: Ask, db: None, settings: Any, exchange: SandboxServer
) -> None:
    settings.EXCHANGES = ("alpaca",)
    settings.KEYS = {"alpaca": {"ALPACA_KEY_ID": MARKED, "ALPACA_SECRET_KEY": "wrong"}}
    assert sync.due() == ["alpaca"]
    before = requests(exchange, "alpaca")
    for _ in range(3):  # as where the clock and the start of a worker fall together
        tasks.sync_exchange("alpaca")
    assert requests(exchange, "alpaca") == before + 1
    error = error_of(ask(exchange="alpaca", symbol="BTC-USD"), 503)
    assert error["message"].startswith("exchange: 'alpaca' came, whose list of markets could not be read (Alpaca: ")


def test_a_mended_key_is_tried_at_once(ask: Ask, installed: Any, settings: Any) -> None:
    right = {"ALPACA_KEY_ID": "right", "ALPACA_SECRET_KEY": "right"}
    installed("alpaca", right, ALPACA_KEY_ID="wrong", ALPACA_SECRET_KEY="wrong")
    error_of(ask(exchange="alpaca", symbol="BTC-USD"), 503)
    settings.KEYS = {"alpaca": right}  # as after a restart
    assert ask(exchange="alpaca", symbol="BTC-USD").status_code == 200


def test_the_clock_asks_for_a_refused_series_once(installed: Any) -> None:
    right = {"ALPACA_KEY_ID": "right", "ALPACA_SECRET_KEY": "right"}
    server = installed("alpaca", right, ALPACA_KEY_ID="wrong", ALPACA_SECRET_KEY="wrong")
    series = followed("alpaca", "BTC-USD", "1h"), followed("alpaca", "ETH-USD", "1h")
    before = requests(server, "alpaca")
    for _ in range(3):
        tasks.pull_exchange("alpaca")
    assert requests(server, "alpaca") == before + len(series)


def test_a_backfill_that_a_source_refuses_fails_with_its_words_and_readers_hear_them(ask: Ask, installed: Any) -> None:
    right = {"ALPACA_KEY_ID": "right", "ALPACA_SECRET_KEY": "right"}
    server = installed("alpaca", right, ALPACA_KEY_ID="wrong", ALPACA_SECRET_KEY="wrong")
    range_ = {"exchange": "alpaca", "symbol": "BTC-USD", "interval": "1m", "start": "2024-02-01", "end": "2024-05-01"}
    assert ask(**range_).status_code == 202
    before = requests(server, "alpaca")
    tasks.backfill(Backfill.objects.get().pk)
    failed = Backfill.objects.get()
    assert (failed.state, failed.error) == ("failed", "Alpaca: unauthorized (HTTP 401)")
    assert error_of(ask(**range_), 503)["code"] == "unavailable"
    assert (Backfill.objects.count(), requests(server, "alpaca")) == (1, before + 1)


def test_a_plan_that_an_interval_needs_is_told_and_other_intervals_go_on(ask: Ask, installed: Any) -> None:
    server = installed("alphavantage", {"ALPHAVANTAGE_KEY": "premium"}, ALPHAVANTAGE_KEY="free-of-this-test")
    before = requests(server, "alphavantage")
    for _ in range(2):
        error = error_of(ask(exchange="alphavantage", symbol="AAPL", interval="1m"), 400)
        assert error["code"] == "not_supported" and "premium plan" in error["message"]
    assert requests(server, "alphavantage") == before + 1


def test_an_interval_that_a_source_does_not_have_is_refused_with_those_it_has(ask: Ask, alphavantage: Any) -> None:
    error = error_of(ask(exchange="alphavantage", symbol="AAPL", interval="1s"), 400)
    assert (error["code"], error["field"]) == ("not_supported", "interval")
    assert error["message"].startswith("interval: '1s' came; Alpha Vantage offers ")


def test_a_delisted_market_serves_what_is_stored_and_refuses_the_rest(ask: Ask, btc: Symbol, minutes: Any) -> None:
    start_ms = times.parsed_ms("2024-02-01")
    ingest.candles(minutes, [], "backfill", [Range(start_ms, start_ms + DAY_MS, "empty")])
    Symbol.objects.filter(pk=btc.pk).update(status="delisted", delisted_time=times.from_ms(start_ms + DAY_MS))
    known = ask(symbol="BTC-USDT", interval="1m", start=start_ms, end=start_ms + DAY_MS)
    assert (known.status_code, known.json()["results"]) == (200, [])  # asked when it was listed: no trades
    error = error_of(ask(symbol="btcusdt", interval="1m", start=start_ms + DAY_MS, end=start_ms + 2 * DAY_MS), 404)
    assert (error["code"], error["field"]) == ("unknown_pair", "symbol")
    assert error["message"].startswith("symbol: 'BTC-USDT' came, which Binance Spot no longer lists since 2024-02-02")


@pytest.fixture(autouse=True)
def reading_is_open(settings: Any) -> Iterator[None]:
    settings.OPEN_READ = True
    instruments._kept.clear()
    yield
    instruments._kept.clear()  # a version of the markets that the next test does not have


def test_an_exchange_that_was_never_reached_costs_none_of_its_quota(
    installed: Any, settings: Any, clean_redis: Redis
) -> None:
    installed("alphavantage", {"ALPHAVANTAGE_KEY": "premium"}, ALPHAVANTAGE_KEY="premium")
    clean_redis.flushdb()
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    with pytest.raises(sync.SyncFailed):
        sync.sync("alphavantage")
    spent = [int(clean_redis.get(key) or 0) for key in clean_redis.keys("budget:*:weight:86400:*")]
    assert sum(spent) == 0


def followed(code: str, symbol: str, interval: str) -> Symbol:
    """A series that is stored up to near the present, which the clock keeps whole."""
    market = markets.market(card(code), symbol)
    series = ingest.series(market, markets.interval(card(code), interval))
    end_ms = times.now_ms() // 3_600_000 * 3_600_000 - 10 * 3_600_000
    ingest.candles(series, [], "backfill", [Range(end_ms - 3_600_000, end_ms, "empty")])
    return market
