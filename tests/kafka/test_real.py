"""The output to a real Apache Kafka (`make test-kafka`); one that TEST_KAFKA_SERVERS names is not killed."""

import asyncio
import os
import secrets
from collections.abc import Iterator

import pytest
from channels.layers import channel_layers
from confluent_kafka.admin import AdminClient, NewTopic
from redis import Redis

from bench.kafka import run
from tests.kafka import broker
from tests.streams.forwarders.test_loss import gaps
from tests.streams.forwarders.written import TRADE, Writer, end_of, events_of, forwarding, in_kafka, stored, unique

pytestmark = pytest.mark.long

GIVEN = os.environ.get("TEST_KAFKA_SERVERS")
EVENTS = 30_000
SMALL = 2_000  # bytes a batch


@pytest.fixture(scope="module")
def running() -> Iterator[broker.Broker | None]:
    """A broker of our own, where none is given."""
    if GIVEN:
        yield None
        return
    if why := broker.missing():
        pytest.skip(f"no real Kafka: {why}")
    with broker.broker() as found:
        yield found


@pytest.fixture
def servers(running: broker.Broker | None, clean_redis: Redis) -> str:
    channel_layers.backends.clear()
    return running.servers if running else GIVEN


@pytest.fixture
def prefix(servers: str) -> Iterator[str]:
    """Of topics that go with the test."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    admin = AdminClient({"bootstrap.servers": servers})
    ours = [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(f"{name}.")]
    for gone in admin.delete_topics(ours).values() if ours else ():
        gone.result()


async def test_topics_are_made_with_the_partitions_that_were_asked_for(
    servers: str, prefix: str, clean_redis: Redis
) -> None:
    async with forwarding(servers, TRADE, prefix=prefix, partitions=3), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 2_000)
        await stored(TRADE, end_of(clean_redis, TRADE), patience_s=60)
    known = AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).topics[f"{prefix}.binance"]
    assert len(known.partitions) == 3
    found = await asyncio.to_thread(in_kafka, servers, f"{prefix}.binance")
    assert [message.value for message in found] == events_of(clean_redis, TRADE)


async def test_where_batches_are_too_large_and_one_event_is_all_else_arrives_in_order(
    servers: str, prefix: str, clean_redis: Redis
) -> None:
    admin, name = AdminClient({"bootstrap.servers": servers}), f"{prefix}.binance"
    await asyncio.to_thread(_make, admin, name)
    async with forwarding(servers, TRADE, prefix=prefix), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 20)
        await stored(TRADE, end_of(clean_redis, TRADE), patience_s=60)
        # Random letters: no compression makes it small.
        await writer.trades("BTC-USDT", 1, trade_id=secrets.token_hex(SMALL * 2))
        await writer.trades("BTC-USDT", 1_000, at_once=200)
        await stored(TRADE, end_of(clean_redis, TRADE), patience_s=60)
    found = unique(await asyncio.to_thread(in_kafka, servers, name))
    [gap] = gaps(found)
    assert (gap["seq"], gap["dropped"]) == (21, 1)
    expected = events_of(clean_redis, TRADE)
    assert [message.value for message in found if b"overflow" not in message.value] == expected[:20] + expected[21:]
    assert b"overflow" in found[20].value


def _make(admin: AdminClient, name: str) -> None:
    [making] = admin.create_topics([NewTopic(name, 1, 1, config={"max.message.bytes": str(SMALL)})]).values()
    making.result()


async def test_a_kafka_topic_that_was_deleted_is_made_again(servers: str, prefix: str, clean_redis: Redis) -> None:
    admin, name = AdminClient({"bootstrap.servers": servers}), f"{prefix}.binance"
    async with forwarding(servers, TRADE, prefix=prefix), Writer("BTC-USDT") as writer:
        await writer.trades("BTC-USDT", 20)
        await stored(TRADE, end_of(clean_redis, TRADE), patience_s=60)
        [deleting] = admin.delete_topics([name]).values()
        await asyncio.to_thread(deleting.result)
        await writer.trades("BTC-USDT", 20)
        await stored(TRADE, end_of(clean_redis, TRADE), patience_s=60)
    found = unique(await asyncio.to_thread(in_kafka, servers, name))
    assert [message.value for message in found] == events_of(clean_redis, TRADE)[20:]


def test_nothing_is_lost_unsaid_while_the_forwarder_and_the_broker_are_killed(
    servers: str, running: broker.Broker | None
) -> None:
    figures = run(servers, running, EVENTS, topics=10, pace=1_500)
    verdict = figures.verdict
    assert figures.written == EVENTS
    assert (verdict.undeclared, verdict.changed, verdict.disordered, verdict.unknown) == (0, 0, 0, 0)
    assert verdict.messages >= EVENTS - verdict.declared
    assert len(figures.strikes) == (3 if running else 2)
