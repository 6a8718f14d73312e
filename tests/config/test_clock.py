"""Beat asks for an endless task once, and again only when that was taken."""

from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as ConnectionLost

from config.celery import CLOCKS, app
from config.clock import ENDLESS, Clock


@pytest.fixture
def clock(transactional_db: None, clean_redis: Redis) -> Clock:
    return Clock(app=app, lazy=True)


def entry(name: str) -> Any:
    clock = CLOCKS[name]
    options = {"expires": clock["options"]["expire_seconds"]}
    return SimpleNamespace(name=name, task=clock["task"], args=[], kwargs={}, options=options)


@pytest.mark.parametrize("name", ["fill empty stream slots", "forward to Kafka", "play replays", "record"])
def test_a_message_that_nobody_has_taken_is_asked_for_once(clock: Clock, clean_redis: Redis, name: str) -> None:
    queue = app.amqp.router.route({}, CLOCKS[name]["task"])["queue"].name
    assert queue in ENDLESS
    for _ in range(3):
        clock.apply_entry(entry(name))
    assert clean_redis.llen(queue) == 1
    clean_redis.lpop(queue)
    clock.apply_entry(entry(name))
    assert clean_redis.llen(queue) == 1


def test_what_ends_is_sent_each_time(clock: Clock, clean_redis: Redis) -> None:
    for _ in range(3):
        clock.apply_entry(entry("pull candles"))
    assert clean_redis.llen("jobs") == 3


def test_a_broker_that_is_away_costs_a_tick(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise ConnectionLost("refused")

    monkeypatch.setattr("redis.connection.Connection.connect", away)
    clock.apply_entry(entry("record"))
    assert "refused" in caplog.text
