"""The forwarder: every event in order, byte for byte, from where it was asked for; and how it says that it is doing."""

import asyncio
import json

from redis import Redis

from streams import keys
from streams.connection import redis
from streams.forwarders.kafka import Forwarder
from tests.streams.forwarders.mock_kafka import MockKafka
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
    until_stored,
)


async def test_events_arrive_byte_for_byte_with_symbol_as_key_and_position_as_id(
    clean_redis: Redis, kafka: MockKafka
) -> None:
    topics = ("binance.trade.BTC-USDT", "binance.trade.币安-USDT")
    async with forwarding(kafka.servers, *topics), Writer("BTC-USDT", "币安-USDT") as writer:
        await writer.trades("BTC-USDT", 1000)
        await writer.trades("币安-USDT", 30)
        for topic in topics:
            await stored(topic, end_of(clean_redis, topic))
    found = await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance")
    for topic in topics:
        key = topic.rpartition(".")[2].encode()
        mine = [message for message in found if message.key == key]
        assert [message.value for message in mine] == events_of(clean_redis, topic)
        at = [json.loads(message.value) for message in mine]
        assert [message.id for message in mine] == [f"{topic}:{event['epoch']}:{event['seq']}" for event in at]


async def test_a_new_topic_begins_with_what_is_said_after_it_was_asked_for(
    clean_redis: Redis, kafka: MockKafka
) -> None:
    async with Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 25)
        async with forwarding(kafka.servers, TRADE):
            assert clean_redis.hget(keys.forwarded("kafka"), TRADE) == str(end_of(clean_redis, TRADE)).encode()
            await writer.trades("BTC-USDT", 5)
            await stored(TRADE, end_of(clean_redis, TRADE))
    found = await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance")
    assert [message.value for message in found] == events_of(clean_redis, TRADE)[25:]


async def test_another_goes_on_where_the_first_stopped(clean_redis: Redis, kafka: MockKafka) -> None:
    async with Writer("BTC-USDT") as writer:
        async with forwarding(kafka.servers, TRADE):
            await writer.trades("BTC-USDT", 40)
        await writer.trades("BTC-USDT", 40)
        async with forwarding(kafka.servers, TRADE):
            await writer.trades("BTC-USDT", 40)
            await stored(TRADE, end_of(clean_redis, TRADE))
    found = await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance")
    assert [message.value for message in found] == events_of(clean_redis, TRADE)


async def test_a_second_forwarder_returns_at_once(clean_redis: Redis, kafka: MockKafka) -> None:
    async with forwarding(kafka.servers, TRADE):
        async with asyncio.timeout(2):
            await Forwarder(redis(), connection(kafka.servers), wanted=set).run()


async def test_it_says_how_it_is_doing(clean_redis: Redis, kafka: MockKafka) -> None:
    async with forwarding(kafka.servers, TRADE), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 50)
        told = await said(lambda known: known["sent"] == "50" and known["lag"] == "0")
    assert (told["state"], told["detail"], told["topics"], told["lost"]) == ("running", "", "1", "0")


async def test_a_broker_that_is_away_is_waited_for_and_loses_nothing(clean_redis: Redis, kafka: MockKafka) -> None:
    async with forwarding(kafka.servers, TRADE), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 20)
        await stored(TRADE, end_of(clean_redis, TRADE))
        kafka.say("down")
        await writer.trades("BTC-USDT", 300)
        told = await said(lambda known: known["state"] == "away" and int(known["lag"]) >= 300)
        assert told["detail"]
        kafka.say("up")
        await said(lambda known: known["state"] == "running" and known["lag"] == "0")
    found = await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance")
    assert [message.value for message in unique(found)] == events_of(clean_redis, TRADE)


async def test_a_topic_that_comes_back_goes_on_where_it_was(clean_redis: Redis, kafka: MockKafka) -> None:
    topics = {TRADE}

    async def wanted() -> set[str]:
        return set(topics)

    forwarder = Forwarder(redis(), connection(kafka.servers), wanted)
    running = asyncio.create_task(forwarder.run())
    await until_stored([TRADE], running)
    async with Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 10)
        await stored(TRADE, end_of(clean_redis, TRADE))
        topics.clear()
        await said(lambda known: known["topics"] == "0")
        await writer.trades("BTC-USDT", 10)
        topics.add(TRADE)
        await stored(TRADE, end_of(clean_redis, TRADE))
    forwarder.stop()
    await running
    found = await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance")
    assert [message.value for message in found] == events_of(clean_redis, TRADE)


async def test_a_forwarder_that_lost_its_lease_ends_and_stores_nothing_more(
    clean_redis: Redis, kafka: MockKafka
) -> None:
    async def wanted() -> set[str]:
        return {TRADE}

    held = keys.lease("forwarder", "kafka")
    running = asyncio.create_task(Forwarder(redis(), connection(kafka.servers), wanted).run())
    await until_stored([TRADE], running)
    async with Writer("BTC-USDT") as writer:
        clean_redis.set(held, "another")
        at = clean_redis.hget(keys.forwarded("kafka"), TRADE)
        await writer.trades("BTC-USDT", 10)
        await asyncio.wait_for(running, 10)
    assert clean_redis.hget(keys.forwarded("kafka"), TRADE) == at
    assert clean_redis.get(held) == b"another"
