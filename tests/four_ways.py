"""What another service gets that signals for a topic: the same trades on four ways, from a whole running platform.

`python -m tests.four_ways URL REDIS_URL KAFKA_SERVERS TOPIC` asks and compares one that runs, and prints a trade.
"""

import argparse
import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from confluent_kafka import Consumer, TopicPartition
from redis.asyncio import Redis
from websockets.asyncio.client import connect

PATIENCE_S = 60.0
TRADES = 20
WEBSOCKET, PUBSUB, STREAM, KAFKA = WAYS = ("WebSocket", "Redis Pub/Sub", "Redis Stream", "Kafka")


@dataclass
class FourWays:
    """`found`: by way, the bytes of each trade by its id."""

    answer: dict[str, Any]
    found: dict[str, dict[str, bytes]]

    @property
    def common(self) -> list[str]:
        """The trades that came on all ways."""
        ids = set.intersection(*(set(trades) for trades in self.found.values()))
        return sorted(ids, key=list(self.found[WEBSOCKET]).index)

    @property
    def different(self) -> list[str]:
        """Those of them that are not the same bytes everywhere."""
        return [one for one in self.common if len({trades[one] for trades in self.found.values()}) > 1]


async def four_ways(url: str, redis_url: str, servers: str, topic: str) -> FourWays:
    """Signals for the topic, and reads it everywhere that the answer names until enough came on every way."""
    answer = await asyncio.to_thread(signalled, url, topic)
    [named] = answer["topics"]
    found: dict[str, dict[str, bytes]] = {way: {} for way in WAYS}
    async with Redis.from_url(redis_url) as store, asyncio.timeout(PATIENCE_S):
        reading = [
            asyncio.create_task(_websocket(url, topic, found[WEBSOCKET])),
            asyncio.create_task(_pubsub(store, named["redis_channel"], found[PUBSUB])),
        ]
        result = FourWays(answer, found)
        try:
            while len(result.common) < TRADES:
                await asyncio.wait(reading, timeout=0.5, return_when=asyncio.FIRST_EXCEPTION)
                for task in reading:
                    if task.done():
                        task.result()
                await _history(store, named["redis_stream"], found[STREAM])
                await asyncio.to_thread(_kafka, servers, named["kafka_topic"], topic, found[KAFKA])
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
    return result


def signalled(url: str, topic: str) -> dict[str, Any]:
    """The answer to a signal; while a first start does not know the markets yet, it is given again."""
    body = json.dumps({"topics": [topic]}).encode()
    request = Request(f"{url}/api/v1/subscriptions/", body, {"Content-Type": "application/json"})
    until_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code != 503 or time.monotonic() > until_s:
                raise
            time.sleep(0.5)


def _keep(found: dict[str, bytes], text: bytes) -> None:
    if text.startswith(b'{"event":"trade"'):
        found[json.loads(text)["trade_id"]] = text


async def _websocket(url: str, topic: str, found: dict[str, bytes]) -> None:
    async with connect(f"ws{url.removeprefix('http')}/stream/", max_size=None) as socket:
        await socket.send(json.dumps({"action": "subscribe", "topics": [topic]}))
        async for text in socket:
            _keep(found, str(text).encode())


async def _pubsub(store: Redis, channel: str, found: dict[str, bytes]) -> None:
    async with store.pubsub(ignore_subscribe_messages=True) as listening:
        await listening.subscribe(channel)
        while True:
            message = await listening.get_message(timeout=1)
            if message:
                _keep(found, message["data"])


async def _history(store: Redis, name: str, found: dict[str, bytes]) -> None:
    for _, fields in await store.xrange(name):
        for text in fields[b"events"].split(b"\n"):
            _keep(found, text)


def _kafka(servers: str, name: str, topic: str, found: dict[str, bytes]) -> None:
    """All that Kafka has of it now; its header names each event."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "four-ways", "log_level": 0})
    try:
        known = consumer.list_topics(name, timeout=10).topics[name]
        for number in () if known.error else known.partitions:
            part = TopicPartition(name, number, 0)
            _, high = consumer.get_watermark_offsets(part, timeout=10)
            consumer.assign([part])
            until_s = time.monotonic() + 10
            while high and time.monotonic() < until_s:
                message = consumer.poll(0.2)
                if message is None or message.error():
                    continue
                [(_, event_id)] = message.headers()
                if event_id.decode().rsplit(":", 2)[0] == topic:
                    _keep(found, message.value())
                if message.offset() + 1 >= high:
                    break
    finally:
        consumer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("url", "redis_url", "kafka_servers", "topic"):
        parser.add_argument(name)
    given = parser.parse_args()
    result = asyncio.run(four_ways(given.url, given.redis_url, given.kafka_servers, given.topic))
    print(json.dumps(result.answer["topics"], indent=1))
    trade = result.common[-1]
    for way, trades in result.found.items():
        print(f"{way:<14} {trades[trade].decode()}")
    print(f"{len(result.common)} trades on all four ways, {len(result.different)} of them not byte for byte equal")
    raise SystemExit(1 if result.different else 0)


if __name__ == "__main__":
    main()
