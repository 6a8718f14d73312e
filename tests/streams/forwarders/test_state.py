"""How an output is doing, as `status/` shows it."""

from typing import Any

from redis import Redis

from streams import keys
from streams.connection import redis
from streams.forwarders import state
from tests.streams.rest import Get

COUNTS = {"topics": 3, "sent": 70, "lag": 5, "lost": 2, "gaps": 1}


async def test_where_kafka_is_set_its_forwarder_is_shown(get: Get, clean_redis: Redis, settings: Any) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "kafka:9092"
    await state.say(redis(), "kafka", "away", "Connection refused", **COUNTS)
    _, status = await get("status/")
    assert status["outputs"] == [{"output": "kafka", "state": "away", "detail": "Connection refused", **COUNTS}]


async def test_one_that_says_nothing_any_more_is_stopped(get: Get, clean_redis: Redis, settings: Any) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "kafka:9092"
    await state.say(redis(), "kafka", "running", "", **COUNTS)
    clean_redis.hincrby(keys.output("kafka"), "at", -60)
    _, status = await get("status/")
    [row] = status["outputs"]
    assert (row["state"], row["detail"], row["lost"]) == ("stopped", state.NOBODY, 2)


async def test_where_kafka_is_not_set_there_is_no_output(get: Get, clean_redis: Redis) -> None:
    _, status = await get("status/")
    assert status["outputs"] == []
