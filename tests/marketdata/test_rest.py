"""REST: what is served, what is refused and how, and who may read."""

import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from redis import Redis

from marketdata import ingest, locks, rows, serializers, times
from marketdata.models import Backfill, Exchange, Interval, Symbol
from tests.marketdata.conftest import instrument
from tests.sandbox_server import SandboxServer

V1 = "/api/v1/"
LONG = "123456789012345678901234.123456789012345678"
Get = Callable[..., Any]


@pytest.fixture
def get(client: Client, settings: object) -> Get:
    """The JSON of a GET below /api/v1/, numbers exact; reading is open."""
    settings.OPEN_READ = True

    def asked(path: str, expected: int = 200, **query: Any) -> Any:
        answer = client.get(path if path.startswith(("/", "http")) else V1 + path, query)
        assert answer.status_code == expected, answer.content
        return json.loads(answer.content, parse_float=Decimal)

    return asked


@pytest.fixture
def token(client: Client, db: None, settings: object) -> str:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
    User.objects.create_user("ann", password="correct horse")
    words = {"username": "ann", "password": "correct horse"}
    return client.post(V1 + "token/", words, "application/json").json()["access"]


def test_an_exchange_says_what_its_card_says_and_how_it_stands(get: Get, binance: Exchange, clean_redis: Redis) -> None:
    said = {"connections": 2, "connected": 1, "rejected": 0}
    clean_redis.hset("state:binance", "loop", json.dumps(said | {"at": int(time.time())}))
    one = get("exchanges/binance/")
    assert get("exchanges/")["results"] == [one]
    assert {"trade", "ticker", "depth", "candle_1m"} <= set(one["streams"])
    assert (one["title"], one["live_status"], one["last_sync_time"]) == ("Binance Spot", said, None)
    assert {"scope": "weight", "amount": 6000, "window_s": 60} in one["limits"]


def test_intervals_are_ours_beside_the_exchanges(get: Get, binance: Exchange) -> None:
    rows = get("intervals/", exchange="binance")["results"]
    assert {"exchange": "binance", "interval": "1M", "venue_interval": "1M", "length_ms": 31 * 86_400_000} in rows


def test_a_long_number_is_exact_in_json_and_as_text(get: Get, binance: Exchange) -> None:
    ingest.instruments("binance", [instrument("BTC", price_increment=LONG)], times.now())
    [row] = get("symbols/", status="trading")["results"]
    assert row["price_increment"] == Decimal(LONG)
    [row] = get("symbols/", status="trading", numbers="text")["results"]
    assert row["price_increment"] == LONG


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"base": "btc"}, ["BTC-USDT"]),
        ({"quote": "EUR"}, ["SOL-EUR"]),
        ({"search": "usdt"}, ["BTC-USDT", "ETH-USDT"]),
        ({"status": "delisted"}, ["ETH-USDT"]),
        ({"kind": "option"}, []),
    ],
)
def test_symbols_are_filtered(query: dict[str, str], found: list[str], get: Get, binance: Exchange) -> None:
    ingest.instruments("binance", [instrument("BTC"), instrument("SOL", "EUR")], times.now())
    assert [row["symbol"] for row in get("symbols/", **query)["results"]] == found


def test_pages_of_symbols_stay_whole_while_others_come_and_go(get: Get, binance: Exchange) -> None:
    names = [f"C{number:03d}" for number in range(25)]
    ingest.instruments("binance", [instrument(name) for name in names], times.now())
    page = get("symbols/", limit=10, status="trading")
    seen = [row["base"] for row in page["results"]]
    ingest.instruments("binance", [instrument(name) for name in ["A", *names[3:], "Z"]], times.now())
    while page["next"]:
        page = get(page["next"])
        seen += [row["base"] for row in page["results"]]
    assert seen == [*names, "Z"]


@pytest.mark.parametrize(
    ("path", "query", "status", "code", "field", "sentence"),
    [
        ("symbols/", {"qoute": "USDT"}, 400, "bad_request", "qoute", "qoute is not known here; quote"),
        ("symbols/", {"kind": "sport"}, 400, "bad_request", "kind", "'sport' came; spot, perpetual"),
        ("symbols/", {"limit": "0"}, 400, "bad_request", "limit", "'0' came; a whole number from 1 to 1000"),
        ("symbols/", {"limit": ["1", "2"]}, 400, "bad_request", "limit", "2 values came; one would do"),
        ("symbols/", {"cursor": "zzz"}, 400, "bad_request", "cursor", "the `next` of a page"),
        ("symbols/", {"exchange": "binanc"}, 404, "unknown_exchange", "exchange", "'binanc' came; binance would do"),
        ("symbols/", {"format": "csv"}, 400, "bad_request", "format", "'csv' came; json would do"),
        ("exchanges/nyse/", {}, 404, "unknown_exchange", "exchange", "'nyse' came"),
        ("candles/", {"symbol": "BTCUSDT"}, 400, "bad_request", "interval", "interval is missing; an interval such as"),
        ("candles/", {"symbol": "BTCUSD", "interval": "1m"}, 404, "unknown_pair", "symbol", "BTC-USDT"),
        ("candles/", {"symbol": "BTCUSDT", "interval": "7m"}, 400, "not_supported", "interval", "offers 1s, 1m, 3m"),
        (
            "candles/",
            {"symbol": "BTCUSDT", "interval": "1m", "start": "yesterday"},
            400,
            "bad_request",
            "start",
            "'yesterday' came; milliseconds since 1970",
        ),
        (
            "candles/",
            {"symbol": "BTCUSDT", "interval": "1m", "start": "2024-01-02", "end": "2024-01-01"},
            400,
            "bad_request",
            "start",
            "a start before the end",
        ),
        ("backfills/99/", {}, 404, "not_found", "id", "99 came"),
        ("backfills/", {"state": "lost"}, 400, "bad_request", "state", "'lost' came; waiting, running"),
    ],
)
def test_a_refusal_names_the_field_what_came_and_what_would_do(
    path: str, query: Any, status: int, code: str, field: str, sentence: str, get: Get, binance: Exchange
) -> None:
    error = get(path, status, **query)["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert sentence in error["message"]


def test_a_format_that_is_not_offered_is_refused_as_json(get: Get, client: Client, binance: Exchange) -> None:
    answer = client.get(V1 + "symbols/", headers={"Accept": "image/png"})
    assert (answer.status_code, answer["Content-Type"]) == (406, "application/json")
    assert answer.json()["error"]["code"] == "not_acceptable"


def test_an_error_nobody_foresaw_has_the_same_shape_and_tells_no_detail(
    get: Get, binance: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "symbol", lambda row: 1 / 0)
    error = get("symbols/", 500)["error"]
    assert error == {"code": "internal_error", "message": "Something went wrong on our side; it has been logged."}


def test_reading_is_closed_without_a_token_and_open_with_one_or_when_set(
    client: Client, settings: object, binance: Exchange, token: str
) -> None:
    refused = client.get(V1 + "symbols/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "not_authenticated")
    assert refused["WWW-Authenticate"].startswith("Bearer")
    assert client.get(V1 + "symbols/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    settings.OPEN_READ = True
    assert client.get(V1 + "symbols/").status_code == 200


def test_a_session_reads_as_well(client: Client, binance: Exchange) -> None:
    client.force_login(User.objects.create_user("ann"))
    assert client.get(V1 + "symbols/").status_code == 200


def test_tokens_are_made_renewed_and_verified(client: Client, token: str) -> None:
    words = {"username": "ann", "password": "correct horse"}
    refresh = client.post(V1 + "token/", words, "application/json").json()["refresh"]
    renewed = client.post(V1 + "token/refresh/", {"refresh": refresh}, "application/json").json()["access"]
    assert client.post(V1 + "token/verify/", {"token": renewed}, "application/json").status_code == 200
    forged = client.post(V1 + "token/verify/", {"token": renewed[:-3] + "abc"}, "application/json")
    assert (forged.status_code, forged.json()["error"]["code"]) == (401, "not_authenticated")
    wrong = client.post(V1 + "token/", words | {"password": "x"}, "application/json")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "not_authenticated")
    empty = client.post(V1 + "token/", {"username": "ann"}, "application/json")
    assert (empty.status_code, empty.json()["error"]["field"]) == (400, "password")
    broken = client.post(V1 + "token/", "{", "application/json")
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "bad_request")


def test_a_backfill_is_asked_for_followed_and_listed(
    get: Get, client: Client, token: str, exchange: SandboxServer, btc: Symbol, clean_redis: Redis
) -> None:
    body = {"symbol": "btc/usdt", "interval": "1h", "start": "2024-03-01", "end": "2024-03-02"}
    assert client.post(V1 + "backfills/", body, "application/json").status_code == 401
    bearer = {"Authorization": f"Bearer {token}"}
    answer = client.post(V1 + "backfills/", body, "application/json", headers=bearer)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert get(answer["Location"]) == answer.json()
    assert get("backfills/", state="waiting")["results"] == [answer.json()]
    assert get("backfills/", state="done")["results"] == []
    assert clean_redis.llen("jobs") == 1
    assert Backfill.objects.get().asked_by.username == "ann"
    wrong = client.post(V1 + "backfills/", body | {"symbl": 1}, "application/json", headers=bearer)
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "symbl")
    listed = client.post(V1 + "backfills/", [body], "application/json", headers=bearer)
    assert (listed.status_code, listed.json()["error"]["code"]) == (400, "bad_request")


def test_an_interval_that_is_newer_than_the_last_sync_is_served(get: Get, exchange: SandboxServer, btc: Symbol) -> None:
    Interval.objects.filter(code="1h").delete()
    assert get("candles/", symbol="BTC-USDT", interval="1h", start="2024-03-01", end="2024-03-02")["results"]


def test_pages_of_backfills_go_back_in_time(get: Get, btc: Symbol) -> None:
    interval = Interval.objects.get(exchange="binance", code="1m")
    start = times.from_ms(0)
    made = [Backfill(symbol=btc, interval=interval, start_time=start, end_time=times.from_ms(n)) for n in range(1, 6)]
    Backfill.objects.bulk_create(made)
    page = get("backfills/", limit=2)
    seen = [row["end_time"] for row in page["results"]]
    while page["next"]:
        page = get(page["next"])
        seen += [row["end_time"] for row in page["results"]]
    assert seen == [5, 4, 3, 2, 1]


@pytest.fixture
def without_redis(settings: object) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:9"
    locks.redis.cache_clear()
    yield
    locks.redis.cache_clear()


def test_without_redis_what_is_stored_is_served_and_the_rest_is_unavailable(
    get: Get, client: Client, btc: Symbol, without_redis: None
) -> None:
    assert get("exchanges/binance/")["live_status"] is None
    assert get("symbols/")["results"]
    error = get("candles/", 503, symbol="BTC-USDT", interval="1h")["error"]
    assert (error["code"], "try again" in error["message"]) == ("unavailable", True)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["redis"], answer.json()["database"]) == (503, "unavailable", "ok")


def test_health_is_open(client: Client, db: None) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready", "database": "ok", "redis": "ok"}


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("exchanges/", serializers.ExchangeRow),
        ("symbols/", serializers.SymbolRow),
        ("intervals/", serializers.IntervalRow),
    ],
)
def test_rows_have_the_fields_that_the_description_says(path: str, shape: Any, get: Get, binance: Exchange) -> None:
    assert set(get(path)["results"][0]) == set(shape().fields)
