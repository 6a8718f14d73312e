"""kill -9 of the process that forwards: another goes on within seconds, and Kafka has every event."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from config.child import die_with_parent
from config.env import ROOT
from streams.connection import redis
from streams.forwarders import positions
from streams.position import Position
from tests.streams.forwarders.mock_kafka import MockKafka
from tests.streams.forwarders.test_loss import gaps
from tests.streams.forwarders.written import TRADE, Writer, end_of, events_of, forwarding, in_kafka, stored, unique

START_S = 30


@contextmanager
def process(servers: str) -> Iterator[subprocess.Popen[bytes]]:
    """A forwarder of its own."""
    command = (sys.executable, "-m", "tests.streams.forwarders.process", servers, TRADE)
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    running = subprocess.Popen(command, env=given, cwd=ROOT, preexec_fn=die_with_parent)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


async def test_another_goes_on_with_no_event_missing(clean_redis: Redis, kafka: MockKafka) -> None:
    async with Writer("BTC-USDT") as writer:
        with process(kafka.servers) as first:
            at = Position(await begun(), 0)
            writing = asyncio.create_task(writer.trades("BTC-USDT", 6_000))
            await passed(at)
            first.kill()
            first.wait()
        async with forwarding(kafka.servers, TRADE):
            await writing
            await stored(TRADE, end_of(clean_redis, TRADE), patience_s=START_S)
    found = await asyncio.to_thread(in_kafka, kafka.servers, "marketdata.binance")
    assert gaps(found) == []
    assert [message.value for message in unique(found)] == events_of(clean_redis, TRADE)


async def begun() -> int:
    """The epoch from which on the topic is forwarded."""
    async with asyncio.timeout(START_S):
        while not (known := await positions.stored(redis(), "kafka")):
            await asyncio.sleep(0.02)
    return known[TRADE].epoch


async def passed(at: Position) -> None:
    """Returns once something was acknowledged."""
    async with asyncio.timeout(START_S):
        while (await positions.stored(redis(), "kafka"))[TRADE] <= at:
            await asyncio.sleep(0.02)
