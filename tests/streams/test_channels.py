"""Redis Pub/Sub for other programs: what was asked for there, each event once, as it stands in the history."""

import json
from collections.abc import Iterator

import pytest
from channels.layers import channel_layers
from redis import Redis
from redis.client import PubSub

from streams import keys, lease
from streams.connection import redis
from streams.envelope import Item
from streams.history import Kept
from streams.numbering import Line, Numbering
from streams.position import Position
from streams.publishers.channels import AT_ONCE, Channels
from tests.streams.test_publisher import KEY, Group, running, trade

TOPIC, OTHER = "binance.trade.BTC-USDT", "binance.trade.ETH-USDT"


@pytest.fixture(autouse=True)
def new_layer(clean_redis: Redis) -> None:
    channel_layers.backends.clear()


@pytest.fixture
def heard(clean_redis: Redis) -> Iterator[PubSub]:
    with clean_redis.pubsub(ignore_subscribe_messages=True) as listening:
        listening.subscribe(TOPIC, OTHER)
        assert listening.get_message(timeout=5) is None  # the first subscription is confirmed, and ignored
        yield listening


def messages(listening: PubSub) -> list[tuple[str, bytes]]:
    """All that were published till now: Redis tells them before it answers this."""
    listening.ping("end")
    found = []
    while (message := listening.get_message(timeout=5, ignore_subscribe_messages=False)) is None or (
        message["type"] != "pong"
    ):
        if message and message["type"] == "message":
            found.append((message["channel"].decode(), message["data"]))
    return found


async def begun(group: Group, *symbols: str) -> tuple[Numbering, list[Line]]:
    held = await lease.take(redis(), KEY, "one")
    numbering = group.numbering(held)
    return numbering, [numbering.open(("trade", symbol), Kept(), now_ns=5_000_000) for symbol in symbols]


def history(store: Redis, topic: str) -> list[bytes]:
    return [text for _, fields in store.xrange(keys.history(topic)) for text in fields[b"events"].split(b"\n")]


async def test_what_was_asked_for_is_published_as_it_stands_in_the_history_and_nothing_else(
    clean_redis: Redis, heard: PubSub
) -> None:
    async with running() as group:
        group.publisher.channels.topics = {TOPIC}
        numbering, _ = await begun(group, "BTC-USDT", "ETH-USDT")
        for number in range(1, 8):
            numbering.take(trade(number))
            numbering.take(trade(number, "ETH-USDT"))
        await group.publisher.drained()
    found = messages(heard)
    assert {channel for channel, _ in found} == {TOPIC}
    status, *events = [text for _, text in found]
    assert json.loads(status)["status"] == "live"
    assert events == history(clean_redis, TOPIC) and len(events) == 7


async def test_much_at_once_is_published_in_order_by_several_commands(clean_redis: Redis, heard: PubSub) -> None:
    group = Group()
    group.publisher.channels.topics = {TOPIC}
    numbering, _ = await begun(group, "BTC-USDT")
    for number in range(1, 2 * AT_ONCE + 50):
        numbering.take(trade(number))
    [item] = [batch.item for batch in group.publisher._batches]
    assert [len(command) // 2 for command in group.publisher.channels.commands([item])] == [AT_ONCE, AT_ONCE, 50]
    await group.publisher._deliver(list(group.publisher._batches))
    events = [text for _, text in messages(heard) if b'"event":"trade"' in text]
    assert events == history(clean_redis, TOPIC) and len(events) == 2 * AT_ONCE + 49


async def test_nothing_is_published_where_nobody_asked(clean_redis: Redis, heard: PubSub) -> None:
    async with running() as group:
        numbering, _ = await begun(group, "BTC-USDT")
        numbering.take(trade(1))
        await group.publisher.drained()
    assert len(history(clean_redis, TOPIC)) == 1
    assert messages(heard) == []


async def test_a_topic_that_is_asked_for_while_it_runs_is_published_from_then_on(
    clean_redis: Redis, heard: PubSub
) -> None:
    async with running() as group:
        numbering, [line] = await begun(group, "BTC-USDT")
        numbering.take(trade(1))
        await group.publisher.drained()
        group.publisher.channels.topics = {TOPIC}
        numbering.take(trade(2))
        numbering.say_again()
        numbering.say_again()
        await group.publisher.drained()
        numbering.say_again()
        await group.publisher.drained()
    assert [text for _, text in messages(heard)] == [history(clean_redis, TOPIC)[1], line.said]


async def test_what_is_said_again_after_an_outage_is_published_once(clean_redis: Redis, heard: PubSub) -> None:
    async with running() as group:
        group.publisher.channels.topics = {TOPIC}
        numbering, _ = await begun(group, "BTC-USDT")
        for number in (1, 2, 3):
            numbering.take(trade(number))
            await group.publisher.drained()
        clean_redis.flushall()
        group.publisher._unsure = True  # as after an error
        numbering.take(trade(4))
        await group.publisher.drained()
    events = [text for _, text in messages(heard) if b'"event":"trade"' in text]
    assert events == history(clean_redis, TOPIC) and len(events) == 4


async def test_what_redis_may_not_have_published_is_published_when_it_is_said_again(clean_redis: Redis) -> None:
    channels = Channels()
    channels.topics = {TOPIC}
    first, second = Item(TOPIC, 7, 1, [b"1", b"2"], []), Item(TOPIC, 7, 3, [b"3"], [])
    channels.published([first], [None])
    assert channels.messages([first, second]) == [TOPIC, b"3"]
    assert channels.messages([first, second]) == [TOPIC, b"3"]  # it was not said that Redis took it
    channels.published([first, second], [None])
    assert channels.messages([first, second]) == []
    assert channels.messages([Item(TOPIC, 8, 1, [b"gap"], [])]) == [TOPIC, b"gap"]


async def test_a_status_stands_where_it_was_said(clean_redis: Redis) -> None:
    channels = Channels()
    channels.topics = {TOPIC}
    item = Item(TOPIC, 7, 1, [b"1", b"2", b"3"], [(0, b"starting"), (0, b"live"), (2, b"stale"), (2, b"stale")])
    assert channels.messages([item])[1::2] == [b"starting", b"live", b"1", b"2", b"stale", b"3"]


async def test_a_user_of_redis_without_a_right_to_the_channels_costs_websocket_clients_nothing(
    clean_redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    everything = {"enabled": True, "nopass": True, "categories": ["+@all"], "keys": ["*"]}
    async with running() as group:
        group.publisher.channels.topics = {TOPIC}
        clean_redis.acl_setuser("default", **everything, reset_channels=True, channels=["asgi*"])
        try:
            numbering, [line] = await begun(group, "BTC-USDT")
            for number in (1, 2):
                numbering.take(trade(number))
                await group.publisher.drained()
            assert not group.publisher._unsure
            said = [record.message for record in caplog.records if "Redis Pub/Sub" in record.message]
            assert len(said) == 1 and "can't publish" in said[0]
            assert (line.position, len(history(clean_redis, TOPIC))) == (Position(line.epoch, 2), 2)
        finally:
            clean_redis.acl_setuser("default", **everything, channels=["*"])
