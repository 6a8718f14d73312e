"""What Kafka refuses: named in the state, declared where it can be, and everything else goes on."""

import asyncio
import json

from confluent_kafka import KafkaError
from redis import Redis

from streams.forwarders import outgoing
from tests.streams.forwarders.mock_kafka import MockKafka
from tests.streams.forwarders.test_loss import gaps
from tests.streams.forwarders.written import (
    TRADE,
    Writer,
    connection,
    end_of,
    events_of,
    forwarding,
    in_kafka,
    said,
    stored,
    unique,
)

OTHER = "binance.trade.ETH-USDT"
HUGE = "9" * 2_000_000  # digits: an event beyond the million bytes that are the client's own bound


async def test_an_event_that_is_too_large_is_declared_in_its_place(clean_redis: Redis, kafka: MockKafka) -> None:
    async with forwarding(kafka.servers, TRADE), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 15)
        await writer.trades("BTC-USDT", 1, price=HUGE)
        await writer.trades("BTC-USDT", 15)
        await stored(TRADE, end_of(clean_redis, TRADE))
        told = await said(lambda known: known["lost"] == "1")
    found = unique(await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance"))
    [gap] = gaps(found)
    assert (gap["seq"], gap["from"]["seq"], gap["dropped"], told["state"]) == (16, 15, 1, "running")
    assert [json.loads(message.value)["seq"] for message in found] == list(range(1, 32))


async def test_a_batch_that_is_too_large_is_sent_again_in_smaller_ones(clean_redis: Redis, kafka: MockKafka) -> None:
    async with forwarding(kafka.servers, TRADE), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 10)
        await stored(TRADE, end_of(clean_redis, TRADE))
        kafka.say("answer", "Produce", KafkaError.MSG_SIZE_TOO_LARGE, 3)
        await writer.trades("BTC-USDT", 500)
        await stored(TRADE, end_of(clean_redis, TRADE))
    found = unique(await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance"))
    assert [message.value for message in found] == events_of(clean_redis, TRADE)


async def test_a_topic_that_is_refused_waits_while_others_go_on(
    clean_redis: Redis, kafka: MockKafka, monkeypatch
) -> None:
    monkeypatch.setattr(outgoing, "RETRY_S", 0.5)
    refused, taken = "marketdata.binance.trade.BTC-USDT", "marketdata.binance.trade.ETH-USDT"
    kafka.say("topic", refused, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    async with (
        forwarding(kafka.servers, TRADE, OTHER, per="topic"),
        Writer("BTC-USDT", "ETH-USDT") as writer,
    ):
        await writer.trades("BTC-USDT", 30)
        await writer.trades("ETH-USDT", 30)
        await stored(OTHER, end_of(clean_redis, OTHER))
        told = await said(lambda known: known["state"] == "refused")
        assert refused in told["detail"]
        assert "authorization failed" in told["detail"]
        kafka.say("topic", refused, KafkaError.NO_ERROR)
        await stored(TRADE, end_of(clean_redis, TRADE))
        await said(lambda known: known["state"] == "running" and known["lost"] == "0")
    for topic, kafka_topic in ((TRADE, refused), (OTHER, taken)):
        found = unique(await asyncio.to_thread(in_kafka, kafka.servers, kafka_topic))
        assert [message.value for message in found] == events_of(clean_redis, topic)


async def test_options_that_make_no_sense_are_named_and_secrets_are_not(clean_redis: Redis) -> None:
    senseless = connection("127.0.0.1:1", **{"sasl.password": "hunter2", "sasl.mechanisme": "hunter2"})
    async with forwarding("127.0.0.1:1", connection=senseless):
        told = await said(lambda known: known["state"] == "refused")
    assert "sasl.mechanisme" in told["detail"]
    assert "hunter2" not in told["detail"]


async def test_a_broker_that_was_never_there_is_away(clean_redis: Redis) -> None:
    async with forwarding("127.0.0.1:1", TRADE), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 10)
        told = await said(lambda known: known["state"] == "away" and known["lag"] == "10")
    assert told["detail"]
