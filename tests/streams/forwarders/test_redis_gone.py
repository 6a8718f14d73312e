"""Redis dies and is back: what waits for Kafka arrives, nothing twice but what a header tells, nothing unsaid."""

import asyncio
import json

from redis import Redis

from streams import keys
from tests.streams.forwarders.mock_kafka import MockKafka
from tests.streams.forwarders.test_loss import gaps
from tests.streams.forwarders.written import TRADE, Writer, end_of, forwarding, in_kafka, said, stored, unique
from tests.streams.gone import RedisStore, stoppable_redis

__all__ = ["stoppable_redis"]


async def test_the_forwarder_goes_on_with_a_redis_that_is_back(stoppable_redis: RedisStore, kafka: MockKafka) -> None:
    async with forwarding(kafka.servers, TRADE), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 50)
        await said(lambda known: known["sent"] == "50")
        await asyncio.to_thread(stoppable_redis.kill)
        writing = asyncio.create_task(writer.trades("BTC-USDT", 50))
        await asyncio.to_thread(stoppable_redis.start)
        await writing
        await said(lambda known: int(known["sent"]) >= 100 and known["state"] == "running")
    found = unique(await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance"))
    assert gaps(found) == []
    assert [json.loads(message.value)["seq"] for message in found] == list(range(1, 101))


async def test_a_redis_that_comes_back_empty_is_a_gap_in_the_topic_and_in_kafka(
    stoppable_redis: RedisStore, kafka: MockKafka
) -> None:
    async with forwarding(kafka.servers, TRADE), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 50)
        await said(lambda known: known["sent"] == "50")
        await asyncio.to_thread(stoppable_redis.kill)
        stoppable_redis.empty()
        await asyncio.to_thread(stoppable_redis.start)
        writer.gap("BTC-USDT")
        await writer.trades("BTC-USDT", 9)
        await said(lambda known: known["state"] == "running" and known["topics"] == "1" and known["lag"] == "0")
        await said(lambda known: int(known["sent"]) >= 60)
    found = unique(await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance"))
    seqs = [json.loads(message.value)["seq"] for message in found]
    assert seqs[:50] == list(range(1, 51))
    assert seqs[-10:] == list(range(1, 11))


async def test_a_redis_that_forgets_all_while_it_answers_does_not_end_the_forwarder(
    clean_redis: Redis, kafka: MockKafka
) -> None:
    quiet = "binance.trade.ETH-USDT"
    async with forwarding(kafka.servers, TRADE, quiet), Writer("BTC-USDT", "ETH-USDT") as writer:
        await writer.trades("BTC-USDT", 50)
        await writer.trades("ETH-USDT", 10)
        await stored(TRADE, end_of(clean_redis, TRADE))
        await stored(quiet, at := end_of(clean_redis, quiet))
        clean_redis.flushall()
        await writer.trades("BTC-USDT", 50)
        await stored(TRADE, end_of(clean_redis, TRADE))
        await stored(quiet, at)  # what says nothing meanwhile is not new to the next forwarder either
        assert clean_redis.exists(keys.lease("forwarder", "kafka"))
    found = unique(await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance"))
    trades = [json.loads(one.value) for one in found if one.key == b"BTC-USDT"]
    declared = sum(gap["dropped"] for gap in gaps(found))
    assert len(trades) - len(gaps(found)) + declared == 100
