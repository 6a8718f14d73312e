"""REST of replays: begun, listed, changed, stopped, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from redis import Redis

import config.celery  # noqa: F401  (tasks that are sent go to the Redis of the tests)
from recordings.models import Recording, Replay
from streams import keys
from tests.recordings.replay.frames import opened, trade
from tests.recordings.written import write, writer

PATH = "/api/v1/replays/"
Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def installation(settings: Any, db: None, clean_redis: Redis, tmp_path: Path) -> None:
    settings.OPEN_READ, settings.RECORDINGS_DIR = True, tmp_path


@pytest.fixture
def recording(tmp_path: Path) -> str:
    row = Recording.objects.create(topics=["binance.trade.BTC-USDT"], state="done")
    to = writer(tmp_path / row.id)
    write(to, [opened(0), trade(5, 1), trade(1005, 2)])
    to.close()
    return row.id


@pytest.fixture
def ask(client: Client) -> Ask:
    """`body = ask("post", {...}, 201)`; the path is that of replays/ where no other is given."""

    def asked(method: str, body: Any = None, expected: int = 200, path: str = "", query: str = "") -> Any:
        given = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        answer = getattr(client, method)(PATH + path + query, **given)
        assert answer.status_code == expected, answer.content
        return answer.json()

    return asked


def test_a_replay_is_begun_and_says_where_to_listen(ask: Ask, recording: str, clean_redis: Redis) -> None:
    faults = [{"fault": "drop", "rate": "0.01"}, {"fault": "delay", "rate": 0.5, "ms": 20}]
    begun = ask("post", {"recordings": [recording], "speed": 10, "paused": True, "faults": faults, "seed": 7}, 201)
    assert begun["topics"] == [{"topic": f"replay-{begun['id']}.binance.trade.BTC-USDT", "events": 0}]
    assert (begun["state"], begun["speed"], begun["faults"]) == ("waiting", "10", ["drop:0.01", "delay:0.5:20"])
    assert begun["last_time"] - begun["first_time"] == 1000 and begun["position_time"] is None
    assert ask("get", path=f"{begun['id']}/") == begun and ask("get")["results"] == [begun]
    assert clean_redis.hexists(keys.REPLAYS, begun["id"]) and clean_redis.llen("replays") == 1


def test_it_is_paused_goes_on_at_another_speed_and_is_stopped(ask: Ask, recording: str, clean_redis: Redis) -> None:
    path = f"{ask('post', {'recordings': [recording]}, 201)['id']}/"
    assert ask("patch", {"paused": True}, path=path)["paused"] is True
    now = ask("patch", {"speed": "max", "paused": False}, path=path)
    assert (now["speed"], now["paused"]) == ("max", False)
    assert ask("delete", path=path)["state"] == "stopped" == ask("delete", path=path)["state"]
    assert clean_redis.hlen(keys.REPLAYS) == 0
    assert "one that runs would do" in ask("patch", {"paused": True}, 400, path)["error"]["message"]


def test_pages_of_replays_follow_each_other(ask: Ask, recording: str) -> None:
    ids = {ask("post", {"recordings": [recording]}, 201)["id"] for _ in range(3)}
    first = ask("get", query="?limit=2")
    rest = ask("get", query="?" + first["next"].partition("?")[2])
    assert len(first["results"]) == 2 and {row["id"] for row in first["results"] + rest["results"]} == ids
    assert ask("get", query="?state=done")["results"] == [] and rest["next"] is None


REFUSED = {
    "nothing": ({}, "recordings", "recordings is missing"),
    "an empty list": ({"recordings": []}, "recordings", "a list of 1 to 20 ids"),
    "one that is unknown": ({"recordings": ["none"]}, "recordings", "'none' came"),
    "a path": ({"recordings": ["../../etc"]}, "recordings", "'../../etc' came"),
    "a field that is unknown": ({"recordings": ["x"], "sped": 1}, "sped", "speed"),
    "a speed": ({"recordings": ["*"], "speed": 0}, "speed", "from 0.01 to 1000"),
    "a rate": ({"recordings": ["*"], "faults": [{"fault": "drop", "rate": "2"}]}, "faults", "faults.0"),
    "a rate that is none": ({"recordings": ["*"], "faults": [{"fault": "drop", "rate": "x"}]}, "faults", "rate above"),
    "a speed beyond all numbers": ({"recordings": ["*"], "speed": 10**400}, "speed", "from 0.01 to 1000"),
    "a rate beyond all": (
        {"recordings": ["*"], "faults": [{"fault": "drop", "rate": 10**400}]},
        "faults",
        "rate above",
    ),
    "an id with a zero byte": ({"recordings": ["a\0"]}, "recordings", "a list of 1 to 20 ids"),
    "a seed": ({"recordings": ["*"], "seed": -1}, "seed", "a whole number from 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_replayed_is_refused(case: str, ask: Ask, recording: str) -> None:
    body, field, words = REFUSED[case]
    body = {**body, "recordings": [recording]} if body.get("recordings") == ["*"] else body
    error = ask("post", body, 404 if "came" in words else 400)["error"]
    assert error["field"] == field and words in error["message"] and Replay.objects.count() == 0


def test_a_speed_is_kept_as_a_number_is_written(ask: Ask, recording: str) -> None:
    for given, kept in (("0000000000000000000001", "1"), ("1e1", "10"), (0.5, "0.5"), ("max", "max")):
        assert ask("post", {"recordings": [recording], "speed": given}, 201)["speed"] == kept


def test_a_recording_without_a_line_is_refused(ask: Ask) -> None:
    row = Recording.objects.create(topics=[])
    assert "nothing was written yet" in ask("post", {"recordings": [row.id]}, 400)["error"]["message"]


def test_one_that_is_not_there_is_not_found(ask: Ask) -> None:
    assert ask("get", expected=404, path="none/")["error"]["code"] == "not_found"


def test_from_elsewhere_a_replay_is_begun_by_those_with_a_name_alone(client: Client, recording: str) -> None:
    given = {"data": json.dumps({"recordings": [recording]}), "content_type": "application/json"}
    assert client.post(PATH, REMOTE_ADDR="203.0.113.5", **given).status_code == 401
    client.force_login(User.objects.create_user("someone"))
    assert client.post(PATH, REMOTE_ADDR="203.0.113.5", **given).status_code == 201


def test_an_operator_pauses_and_stops_replays_in_admin(ask: Ask, recording: str, admin_client: Client) -> None:
    id_ = ask("post", {"recordings": [recording]}, 201)["id"]
    where = reverse("admin:recordings_replay_changelist")
    assert id_ in admin_client.get(where).content.decode()
    for action, paused, state in (("pause", True, "waiting"), ("go_on", False, "waiting"), ("stop", False, "stopped")):
        admin_client.post(where, {"action": action, "_selected_action": [id_]})
        row = Replay.objects.get(pk=id_)
        assert (row.paused, row.state) == (paused, state)
