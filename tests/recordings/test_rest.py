"""REST and admin of recordings: begun, listed, stopped, removed, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from redis import Redis

import config.celery  # noqa: F401  (tasks that are sent go to the Redis of the tests)
from exchanges import registry
from exchanges.symbols import Instrument
from marketdata import ingest, instruments, times
from recordings import starting, wishes
from recordings.models import Recording
from streams import keys
from tests.recordings.written import frame, opened, write, writer

PATH = "/api/v1/recordings/"
Ask = Callable[..., Any]


def market(base: str) -> Instrument:
    return Instrument(symbol=f"{base}-USDT", venue_symbol=f"{base}USDT", base=base, quote="USDT", kind="spot")


@pytest.fixture(autouse=True)
def installation(settings: Any, db: None, clean_redis: Redis, tmp_path: Path) -> None:
    settings.EXCHANGES, settings.OPEN_READ = ("binance",), True
    settings.RECORDINGS_DIR = tmp_path / "recordings"
    ingest.exchange(registry.card("binance"))
    ingest.instruments("binance", [market("BTC"), market("ETH")], times.now())
    instruments._kept.clear()


@pytest.fixture
def ask(client: Client) -> Ask:
    """`body = ask("post", {...}, 201)`; the path is that of recordings/ where no other is given."""

    def asked(method: str, body: Any = None, expected: int = 200, path: str = "", query: str = "") -> Any:
        given = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        answer = getattr(client, method)(PATH + path + query, **given)
        assert answer.status_code == expected, answer.content
        return answer.json() if answer.content else None

    return asked


def running(clean_redis: Redis, *topics: str) -> None:
    now_s, _ = clean_redis.time()
    clean_redis.zadd(keys.RUNNING, dict.fromkeys(topics, now_s))
    clean_redis.zadd(keys.RUNNING, {"binance.trade.LONG-GONE": now_s - 600, "kraken.trade.BTC-USD": now_s})


def test_a_recording_is_begun_and_listed(ask: Ask, clean_redis: Redis) -> None:
    body = {"exchange": "binance", "symbols": ["btcusdt", "ETH/USDT"], "streams": ["trade", "depth"], "duration_s": 60}
    made = ask("post", {**body, "name": "morning"}, 201)
    assert made["topics"] == [f"binance.{what}" for what in (
        "depth.BTC-USDT", "depth.ETH-USDT", "trade.BTC-USDT", "trade.ETH-USDT"
    )]  # fmt: skip
    assert (made["state"], made["duration_s"], made["name"]) == ("waiting", 60, "morning")
    assert ask("get")["results"] == [made]
    assert ask("get", path=f"{made['id']}/") == {**made, "files": None}
    assert clean_redis.llen("recorder") == 1  # the recorder is told at once


@pytest.mark.parametrize(
    ("body", "topics"),
    [
        ({"exchange": "binance"}, ["depth.ETH-USDT", "trade.BTC-USDT", "trade.ETH-USDT"]),
        ({"exchange": "binance", "symbols": ["eth-usdt"]}, ["depth.ETH-USDT", "trade.ETH-USDT"]),
        ({"exchange": "binance", "streams": ["trade"]}, ["trade.BTC-USDT", "trade.ETH-USDT"]),
        ({"topics": ["binance.ticker.btcusdt"]}, ["ticker.BTC-USDT"]),
        (
            {"topics": ["binance.ticker.*", "*.trade.BTC-USDT"]},
            ["ticker.BTC-USDT", "ticker.ETH-USDT", "trade.BTC-USDT"],
        ),
    ],
)
def test_what_is_not_named_is_what_runs(ask: Ask, clean_redis: Redis, body: Any, topics: list[str]) -> None:
    running(clean_redis, "binance.trade.BTC-USDT", "binance.trade.ETH-USDT", "binance.depth.ETH-USDT")
    assert ask("post", body, 201)["topics"] == [f"binance.{topic}" for topic in topics]


@pytest.mark.parametrize(
    ("body", "status", "code", "field", "words"),
    [
        ([], 400, "bad_request", None, "a JSON object would do"),
        ({}, 400, "bad_request", "exchange", "is missing"),
        ({"exchange": "binanec"}, 404, "unknown_exchange", "exchange", "binance"),
        ({"exchange": "binance"}, 400, "bad_request", "symbols", "nothing of binance runs"),
        ({"exchange": "binance", "symbols": ["BTC-USDT"]}, 400, "bad_request", "streams", "nothing of binance runs"),
        ({"exchange": "binance", "symbols": ["BTC-USDD"]}, 404, "unknown_pair", "symbols", "BTC-USDT"),
        ({"exchange": "binance", "streams": ["trades"]}, 400, "unknown_stream", "streams", "trade"),
        ({"exchange": "binance", "symbols": ["BTCX"], "streams": ["trade"]}, 404, "unknown_pair", "symbols", "BTC"),
        ({"exchange": "binance", "symbols": ["BTC-USDT"], "streams": ["x"]}, 400, "unknown_stream", "streams", "trade"),
        ({"topics": ["binance.trade.BTC-USDT"], "exchange": "binance"}, 400, "bad_request", "topics", "beside"),
        ({"topics": ["trade.BTC-USDT"]}, 400, "bad_request", "topics", "<exchange>.<stream>.<symbol>"),
        ({"topics": ["binance.trade.*X"]}, 404, "unknown_pair", "topics", "binance"),
        ({"topics": ["binance.trade.BTC-USDT"], "duration_s": 0}, 400, "bad_request", "duration_s", "0 came"),
        ({"topics": ["binance.trade.BTC-USDT"], "duration_s": "9"}, 400, "bad_request", "duration_s", "'9' came"),
        ({"topics": ["binance.trade.BTC-USDT"], "until": 9}, 400, "bad_request", "until", "is not known here"),
        ({"topics": ["binance.trade.BTC-USDT"], "name": "x" * 101}, 400, "bad_request", "name", "100 characters"),
    ],
)  # fmt: skip
def test_a_refusal_names_what_came_and_what_would_do(
    ask: Ask, body: Any, status: int, code: str, field: str | None, words: str
) -> None:
    error = ask("post", body, status)["error"]
    assert (error["code"], error.get("field")) == (code, field)
    assert words in error["message"]
    assert not Recording.objects.exists()


def test_more_topics_than_one_recording_takes_are_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "MOST_TOPICS", 3)
    body = {"exchange": "binance", "symbols": ["BTC-USDT", "ETH-USDT"], "streams": ["trade", "depth"]}
    assert "at most 3" in ask("post", body, 409)["error"]["message"]
    assert "at most 3" in ask("post", {"topics": ["binance.*.*"]}, 409)["error"]["message"]


def test_more_recordings_than_run_at_once_are_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "MOST_ACTIVE", 1)
    ask("post", {"topics": ["binance.trade.BTC-USDT"]}, 201)
    assert "1 recordings run" in ask("post", {"topics": ["binance.trade.BTC-USDT"]}, 409)["error"]["message"]


def test_nothing_is_begun_on_a_full_disk(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "FREE_BYTES_MIN", 2**62)
    assert "MB left" in ask("post", {"topics": ["binance.trade.BTC-USDT"]}, 503)["error"]["message"]


def test_a_recording_is_stopped_once_and_stays(ask: Ask) -> None:
    made = ask("post", {"topics": ["binance.trade.BTC-USDT"]}, 201)
    stopped = ask("delete", path=f"{made['id']}/")
    assert (stopped["state"], stopped["finished_time"] is None) == ("stopped", False)
    assert ask("delete", path=f"{made['id']}/") == stopped
    assert ask("get", query="?state=stopped")["results"] == [stopped]


def test_a_removed_recording_goes_with_its_files(ask: Ask, settings: Any) -> None:
    row = Recording.objects.create(topics=["binance.trade.BTC-USDT"], state="done")
    kept = Recording.objects.create(topics=[], state="done")
    for one in (row, kept):
        to = writer(settings.RECORDINGS_DIR / one.id)
        write(to, [opened("c"), frame("c", 1)])
        to.close()
    whole = ask("get", path=f"{row.id}/")
    assert [(one["frames"], one["topics"]) for one in whole["files"]] == [(1, ["binance.trade.BTC-USDT"])]
    ask("delete", expected=204, path=f"{row.id}/", query="?remove=true")
    assert [path.name for path in settings.RECORDINGS_DIR.iterdir()] == [kept.id]
    assert ask("get", expected=404, path=f"{row.id}/")["error"]["field"] == "id"


def test_the_recording_of_pins_is_ended_by_its_setting(ask: Ask, settings: Any) -> None:
    settings.RECORD_PINS = True
    row = Recording.objects.create(pinned=True)
    assert "RECORD_PINS" in ask("delete", expected=400, path=f"{row.id}/")["error"]["message"]


def test_pages_go_from_the_newest_to_the_oldest(ask: Ask) -> None:
    made = [Recording.objects.create().id for _ in range(5)]
    first = ask("get", query="?limit=2")
    second = ask("get", query="?" + first["next"].partition("?")[2])
    third = ask("get", query="?" + second["next"].partition("?")[2])
    found = [row["id"] for page in (first, second, third) for row in page["results"]]
    assert (found, third["next"]) == (made[::-1], None)
    assert ask("get", expected=400, query="?cursor=xyz")["error"]["field"] == "cursor"
    assert ask("get", expected=400, query="?state=odd")["error"]["field"] == "state"


def test_who_may_not_write_records_nothing(client: Client, settings: Any) -> None:
    settings.OPEN_READ = False
    for answer in (client.get(PATH), client.post(PATH, "{}", "application/json"), client.delete(f"{PATH}x/")):
        assert answer.status_code == 401


def test_admin_lists_stops_and_removes(client: Client, settings: Any) -> None:
    client.force_login(User.objects.create_superuser("operator"))
    row = Recording.objects.create(name="morning")
    path = reverse("admin:recordings_recording_changelist")
    assert "morning" in client.get(path).content.decode()
    client.post(path, {"action": "stop", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.state == "stopped"
    client.post(path, {"action": "remove", "_selected_action": [row.pk]})
    assert not Recording.objects.exists()


def test_a_viewer_of_admin_stops_nothing(client: Client, django_user_model: Any) -> None:
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_recording"))
    client.force_login(viewer)
    row = Recording.objects.create()
    client.post(reverse("admin:recordings_recording_changelist"), {"action": "stop", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.state == "waiting"
