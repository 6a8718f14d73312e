"""What the history loses before Kafka has it is declared there, each event that is missing exactly once."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from redis import Redis

from streams import keys
from streams.position import Position
from tests.streams.forwarders.mock_kafka import MockKafka
from tests.streams.forwarders.written import (
    TRADE,
    Message,
    Writer,
    end_of,
    events_of,
    forwarding,
    in_kafka,
    said,
    stored,
    unique,
)

KAFKA_TOPIC = "marketdata.binance"


def position(message: dict[str, Any]) -> Position:
    return Position(message["epoch"], message["seq"])


def gaps(messages: Sequence[Message]) -> list[dict[str, Any]]:
    said = [json.loads(message.value) for message in messages]
    return [event for event in said if event["event"] == "gap" and event["reason"] == "overflow"]


async def forwarded(kafka: MockKafka) -> list[Message]:
    return unique(await asyncio.to_thread(in_kafka, kafka.servers, KAFKA_TOPIC))


async def before_and(kafka: MockKafka, client: Redis, writer: Writer) -> Position:
    """Ten events arrive, and the forwarder stops."""
    async with forwarding(kafka.servers, TRADE):
        await writer.trades("BTC-USDT", 10)
        await stored(TRADE, end_of(client, TRADE))
    return end_of(client, TRADE)


async def test_what_the_bounded_history_no_longer_has(clean_redis: Redis, kafka: MockKafka) -> None:
    async with Writer("BTC-USDT") as writer:
        at = await before_and(kafka, clean_redis, writer)
        await writer.trades("BTC-USDT", 90)
        clean_redis.xtrim(keys.history(TRADE), maxlen=3, approximate=False)
        async with forwarding(kafka.servers, TRADE):
            await stored(TRADE, end_of(clean_redis, TRADE))
            told = await said(lambda known: known["gaps"] == "1" and known["lag"] == "0")
    found = await forwarded(kafka)
    [gap] = gaps(found)
    assert (gap["from"], position(gap)) == ({"epoch": at.epoch, "seq": 10}, Position(at.epoch, 70))
    assert (gap["dropped"], told["lost"]) == (60, "60")
    assert [json.loads(message.value)["seq"] for message in found] == [*range(1, 11), *range(70, 101)]
    assert [message.value for message in found[11:]] == events_of(clean_redis, TRADE)


async def test_a_whole_epoch_that_is_gone(clean_redis: Redis, kafka: MockKafka) -> None:
    async with Writer("BTC-USDT") as writer:
        at = await before_and(kafka, clean_redis, writer)
        await writer.trades("BTC-USDT", 10)
        writer.gap("BTC-USDT")
        await writer.trades("BTC-USDT", 9)
        new = end_of(clean_redis, TRADE).epoch
        clean_redis.xtrim(keys.history(TRADE), minid=f"{new}-0", approximate=False)
        async with forwarding(kafka.servers, TRADE):
            await stored(TRADE, end_of(clean_redis, TRADE))
    [gap] = gaps(await forwarded(kafka))
    assert (gap["from"], position(gap), gap["dropped"]) == ({"epoch": at.epoch, "seq": 10}, Position(new, 0), None)


async def test_a_history_that_is_gone_with_nothing_after_it(clean_redis: Redis, kafka: MockKafka) -> None:
    async with Writer("BTC-USDT") as writer:
        at = await before_and(kafka, clean_redis, writer)
        await writer.trades("BTC-USDT", 10)
        clean_redis.delete(keys.history(TRADE))
        async with forwarding(kafka.servers, TRADE):
            await stored(TRADE, Position(at.epoch, 20))
    [gap] = gaps(await forwarded(kafka))
    assert (gap["from"]["seq"], gap["seq"], gap["dropped"]) == (10, 20, 10)
    assert gap["venue_symbol"] == "BTC-USDT"


async def test_a_new_epoch_after_which_nothing_is_missing_is_no_loss(clean_redis: Redis, kafka: MockKafka) -> None:
    async with Writer("BTC-USDT") as writer:
        await before_and(kafka, clean_redis, writer)
        writer.gap("BTC-USDT")
        await writer.trades("BTC-USDT", 9)
        async with forwarding(kafka.servers, TRADE):
            await stored(TRADE, end_of(clean_redis, TRADE))
    found = await forwarded(kafka)
    assert gaps(found) == []
    assert [message.value for message in found] == events_of(clean_redis, TRADE)


async def test_what_left_the_history_after_it_was_forwarded_is_no_loss(clean_redis: Redis, kafka: MockKafka) -> None:
    async with Writer("BTC-USDT") as writer, forwarding(kafka.servers, TRADE):
        await writer.trades("BTC-USDT", 10)
        await stored(TRADE, end_of(clean_redis, TRADE))
        await said(lambda known: known["sent"] == "10" and known["lag"] == "0")
        clean_redis.delete(keys.history(TRADE))
        await writer.open("BTC-USDT")
        writer.gap("BTC-USDT")
        await writer.trades("BTC-USDT", 9)
        await stored(TRADE, end_of(clean_redis, TRADE))
    found = await forwarded(kafka)
    assert gaps(found) == []
    assert len(found) == 20


async def test_what_waits_for_a_kafka_that_is_away_is_not_looked_at_again_and_again(
    clean_redis: Redis, kafka: MockKafka
) -> None:
    async with forwarding(kafka.servers, TRADE), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 10)
        await stored(TRADE, end_of(clean_redis, TRADE))
        kafka.hang()
        await writer.trades("BTC-USDT", 10)
        await said(lambda known: known["state"] == "away")
        await writer.trades("BTC-USDT", 10)
        await said(lambda known: known["lag"] == "20")
        clean_redis.config_resetstat()
        async with asyncio.timeout(20):
            while (done := clean_redis.info("commandstats")).get("cmdstat_hmget", {"calls": 0})["calls"] < 3:
                await asyncio.sleep(0.1)
        assert "cmdstat_xrange" not in done
        kafka.go_on()
        await stored(TRADE, end_of(clean_redis, TRADE))
    assert gaps(await forwarded(kafka)) == []
