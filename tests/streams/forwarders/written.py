"""Events in the histories as a hold loop writes them, a forwarder in this event loop, and what Kafka then has."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from channels.layers import get_channel_layer
from confluent_kafka import Consumer, TopicPartition
from redis import Redis

from exchanges.events import Trade
from exchanges.symbols import Instruments
from streams import history, keys, lease
from streams.connection import redis
from streams.ending import ended
from streams.forwarders.kafka import Forwarder
from streams.forwarders.sender import Connection
from streams.history import Kept
from streams.numbering import Numbering
from streams.position import Position
from streams.publishers.redis import Publisher

PATIENCE_S = 20.0
TRADE = "binance.trade.BTC-USDT"


@dataclass
class Message:
    """One message in Kafka."""

    topic: str
    key: bytes
    value: bytes
    id: str


class Writer:
    """Numbers and writes events of trade topics, under a lease, like a hold loop."""

    def __init__(self, *symbols: str, history_events: int = 10_000) -> None:
        self._symbols = symbols
        self._events = history_events
        self._number = 0

    async def __aenter__(self) -> "Writer":
        self._publisher = Publisher(redis(), get_channel_layer(), self._events, 64 * 2**20, self._never, self._never)
        self._lease = await lease.take(redis(), "lease:binance:0-0", "writer")
        self.numbering = Numbering("binance", self._lease, Instruments(), self._publisher, "", lambda *_: None)
        for symbol in self._symbols:
            await self.open(symbol)
        self._task = asyncio.create_task(self._publisher.run())
        return self

    async def __aexit__(self, *_: Any) -> None:
        await ended([self._task])
        await lease.release(redis(), self._lease)

    async def open(self, symbol: str) -> None:
        """A new epoch of the topic."""
        [kept] = await history.kept(redis(), [f"binance.trade.{symbol}"])
        self.numbering.open(("trade", symbol), kept or Kept(), time.time_ns())

    async def trades(self, symbol: str, count: int, at_once: int = 10, **members: Any) -> None:
        """Returns when they are in the history; `at_once` make an entry."""
        for _ in range(count):
            self._number += 1
            self.numbering.take(_trade(symbol, self._number, **members))
            if self._number % at_once == 0:
                await self._publisher.drained()
        await self._publisher.drained()

    def gap(self, symbol: str) -> None:
        line = self.numbering.line(("trade", symbol))
        self.numbering.gap(line, "disconnect", time.time_ns())

    def _never(self, *_: Any) -> None:
        raise AssertionError("the writer lost its lease, or dropped")


def _trade(symbol: str, number: int, **members: Any) -> Trade:
    given = {"trade_id": str(number), "price": "1.5", "quantity": "2", "side": "buy", "trade_us": number, **members}
    return Trade(symbol=symbol, venue_symbol=symbol, received_ns=time.time_ns(), event_us=number, **given)


def connection(servers: str, **options: str) -> Connection:
    return Connection(servers, "zstd", {"topic.metadata.refresh.interval.ms": "500", **options})


@contextlib.asynccontextmanager
async def forwarding(servers: str, *topics: str, **options: Any) -> AsyncIterator[Forwarder]:
    """A forwarder that runs; when it is entered, each topic has its position. One that was killed before it holds the
    lease for a while."""

    async def wanted() -> set[str]:
        return set(topics)

    forwarder = Forwarder(redis(), options.pop("connection", connection(servers)), wanted, **options)
    await until_free()
    running = asyncio.create_task(forwarder.run())
    try:
        await until_stored(topics, running)
        yield forwarder
    finally:
        forwarder.stop()
        await asyncio.wait({running}, timeout=PATIENCE_S)
        await ended([running])


async def until_free() -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await redis().exists(keys.lease("forwarder", "kafka")):
            await asyncio.sleep(0.02)


async def until_stored(topics: Iterable[str], running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not all([await redis().hexists(keys.forwarded("kafka"), topic) for topic in topics]):
            assert not running.done(), running.result()
            await asyncio.sleep(0.02)


async def said(found: Callable[[dict[str, str]], bool], patience_s: float = PATIENCE_S) -> dict[str, str]:
    """What the forwarder says of itself, once it is `found`."""
    async with asyncio.timeout(patience_s):
        while True:
            fields = await redis().hgetall(keys.output("kafka"))
            known = {name.decode(): value.decode() for name, value in fields.items()}
            if known and found(known):
                return known
            await asyncio.sleep(0.05)


async def stored(topic: str, position: Position, patience_s: float = PATIENCE_S) -> None:
    """Returns once the position is stored: Kafka has acknowledged all up to it."""
    async with asyncio.timeout(patience_s):
        while await redis().hget(keys.forwarded("kafka"), topic) != str(position).encode():
            await asyncio.sleep(0.02)


def end_of(client: Redis, topic: str) -> Position:
    """Where the topic's history ends."""
    [(entry_id, _)] = client.xrevrange(keys.history(topic), count=1)
    return Position.parse(entry_id)


def events_of(client: Redis, topic: str) -> list[bytes]:
    """All events that the history has."""
    return [event for _, fields in client.xrange(keys.history(topic)) for event in fields[b"events"].split(b"\n")]


def in_kafka(servers: str, kafka_topic: str) -> list[Message]:
    """All that the Kafka topic has, by partition."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.auto.commit": False, "log_level": 0})
    try:
        known = consumer.list_topics(kafka_topic, timeout=PATIENCE_S).topics[kafka_topic]
        found: list[Message] = []
        for number in known.partitions:
            found += _partition(consumer, kafka_topic, number)
        return found
    finally:
        consumer.close()


def _partition(consumer: Consumer, kafka_topic: str, number: int) -> list[Message]:
    low, high = consumer.get_watermark_offsets(TopicPartition(kafka_topic, number), timeout=PATIENCE_S)
    consumer.assign([TopicPartition(kafka_topic, number, low)])
    found: list[Message] = []
    until_s, next_offset = time.monotonic() + PATIENCE_S, low
    while next_offset < high and time.monotonic() < until_s:
        message = consumer.poll(0.5)
        if message is not None:
            assert message.error() is None, message.error()
            next_offset = message.offset() + 1
            [(name, value)] = message.headers()
            assert name == "id"
            found.append(Message(kafka_topic, message.key(), message.value(), value.decode()))
    assert next_offset >= high
    return found


def unique(messages: Iterable[Message]) -> list[Message]:
    """Without those that the header tells to be there already."""
    return list({message.id: message for message in reversed(list(messages))}.values())[::-1]
