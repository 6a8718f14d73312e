"""API keys over REST: how they are sent, how often they may come, and what is told."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from redis import Redis

from marketdata import keyring, locks, pace
from marketdata.models import ApiKey, Backfill, Symbol
from marketdata.pace import Pace
from tests.marketdata.test_rest import V1, token

__all__ = ["token"]
Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client, settings: Any, binance: object, clean_redis: Redis) -> Ask:
    """Asks for the symbols (reading is closed) with these headers; the status and the body."""
    settings.OPEN_READ = False

    def asked(query: dict[str, str] | None = None, **headers: str) -> tuple[int, Any]:
        answer = client.get(V1 + "symbols/", query, headers=headers)
        return answer.status_code, answer.json()

    return asked


@pytest.fixture
def key(db: None) -> str:
    return keyring.issue(ApiKey(name="collector", user=User.objects.create_user("service")))


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Api-Key": "{}"},
        {"x-api-key": " {} "},
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer  {}"},
        {"Authorization": "Bearer nonsense", "X-Api-Key": "{}"},
    ],
)
def test_a_key_reads_by_either_header(headers: dict[str, str], ask: Ask, key: str) -> None:
    status, body = ask(**{name: value.format(key) for name, value in headers.items()})
    assert (status, len(body["results"])) == (200, 2)
    assert ApiKey.objects.get().last_used_time is not None


def test_what_a_key_writes_its_user_asked_for(client: Client, key: str, btc: Symbol, clean_redis: Redis) -> None:
    body = {"symbol": "BTC-USDT", "interval": "1h", "start": "2024-03-01", "end": "2024-03-02"}
    answer = client.post(V1 + "backfills/", body, "application/json", headers={"X-Api-Key": key})
    assert answer.status_code == 202, answer.content
    assert Backfill.objects.get().asked_by.username == "service"


@pytest.mark.parametrize("name", ["X-Api-Key", "Authorization"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_wrong_key_is_refused_also_where_reading_is_open(
    ask: Ask, client: Client, key: str, settings: Any, is_open: bool, name: str
) -> None:
    settings.OPEN_READ = is_open
    wrong = f"{key[:-5]}-----"
    status, body = ask(**{name: f"Bearer {wrong}" if name == "Authorization" else wrong})
    assert (status, body["error"]["code"]) == (401, "not_authenticated")
    assert "another is made in admin or by `manage.py apikey create`" in body["error"]["message"]
    refused = client.get(V1 + "symbols/", headers={"X-Api-Key": wrong})
    assert refused["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_is_refused_from_the_next_request_on(ask: Ask, key: str) -> None:
    assert ask(**{"X-Api-Key": key})[0] == 200
    keyring.revoke(ApiKey.objects.all())
    status, body = ask(**{"X-Api-Key": key})
    assert (status, body["error"]["message"].partition(";")[0]) == (401, "the key 'collector' is revoked")


def test_access_tokens_and_nobody_are_judged_as_before(ask: Ask, token: str) -> None:
    assert ask(Authorization=f"Bearer {token}")[0] == 200
    assert ask()[0] == 401
    status, body = ask(Authorization="Bearer x.y.z")
    assert (status, body["error"]["message"]) == (401, "Given token not valid for any token type")
    assert ask(**{"X-Api-Key": token})[1]["error"]["message"].startswith(f"a key of {len(token)} characters came")


def test_a_key_has_so_many_requests_a_second_and_is_told_when_to_come_again(
    ask: Ask, client: Client, key: str, token: str
) -> None:
    ApiKey.objects.update(most_requests_s=1)
    assert [ask(**{"X-Api-Key": key})[0] for _ in range(2)] == [200, 429]
    answer = client.get(V1 + "symbols/", headers={"Authorization": f"Bearer {key}"})
    error = answer.json()["error"]
    assert (answer.status_code, answer["Retry-After"], error["code"]) == (429, "1", "rate_limited")
    assert error["message"].startswith("the key 'collector' may send 1 requests a second; try again in ")
    assert ask(Authorization=f"Bearer {token}")[0] == 200
    deadline_s = time.monotonic() + 5
    while (status := ask(**{"X-Api-Key": key})[0]) == 429 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert status == 200


def test_a_key_without_a_number_of_its_own_has_that_of_the_settings(ask: Ask, key: str, settings: Any) -> None:
    settings.MOST_REQUESTS_S = 1
    assert [ask(**{"X-Api-Key": key})[0] for _ in range(2)] == [200, 429]


def test_of_many_that_come_at_once_no_more_than_may_pass(clean_redis: Redis) -> None:
    one = Pace()
    with ThreadPoolExecutor(8) as threads:
        begun_s = time.monotonic()
        waits = list(threads.map(lambda _: one.wait_s("x", 20), range(100)))
        took_s = time.monotonic() - begun_s
    assert 20 <= waits.count(0) <= 20 + took_s * 20 + 1
    assert 0 < max(waits) <= 1


@pytest.mark.parametrize("per_s", [1, 3, 6, 7, 1_000, 2_000_000_000])
def test_any_number_a_second_may_come_at_once(clean_redis: Redis, per_s: int) -> None:
    one = Pace()
    assert [one.wait_s("x", per_s) for _ in range(min(per_s, 50))] == [0] * min(per_s, 50)


@pytest.fixture
def without_redis(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:9"
    locks.redis.cache_clear()
    yield
    locks.redis.cache_clear()


def test_without_redis_a_key_is_served_and_redis_is_asked_once(
    ask: Ask, key: str, without_redis: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pace, "pace", Pace())
    ApiKey.objects.update(most_requests_s=1)
    assert [ask(**{"X-Api-Key": key})[0] for _ in range(3)] == [200] * 3
    assert caplog.text.count("keys are not held to their requests a second") == 1


def test_a_key_in_the_wrong_place_is_not_repeated(
    ask: Ask, client: Client, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    right = {"X-Api-Key": key}
    answers = [ask({name: key}, **right) for name in ("limit", "exchange", "cursor", "status", "api_key")]
    answers += [ask({key: "1"}, **right), ask(**{"X-Api-Key": key + "x"}), ask(Authorization=f"Token {key}")]
    answers.append((404, client.get(f"/api/v1/{key}/", headers=right).json()))
    posted = client.post(V1 + "backfills/", {"symbol": key, key: 1}, "application/json", headers=right)
    answers.append((posted.status_code, posted.json()))
    assert all(400 <= status < 500 for status, _ in answers)
    assert key[-30:] not in json.dumps(answers) + caplog.text
    assert "mdp_***" in json.dumps(answers)


def test_the_description_names_both_ways_for_every_endpoint(client: Client, db: None) -> None:
    said = client.get("/api/schema/?format=json").json()
    schemes = said["components"]["securitySchemes"]
    assert (schemes["apiKey"]["in"], schemes["apiKey"]["name"]) == ("header", "X-Api-Key")
    assert schemes["apiKeyBearer"]["scheme"] == "bearer"
    for path in ("symbols", "candles", "ticker", "status", "backfills"):
        asked = said["paths"][f"/api/v1/{path}/"]["get"]["security"]
        assert {"apiKey": []} in asked and {"apiKeyBearer": []} in asked and {"jwtAuth": []} in asked
