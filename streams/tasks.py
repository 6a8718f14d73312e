"""The Celery tasks that are a hold loop and a forwarder, and who starts a loop: a free slot of a streams worker."""

import asyncio
import logging

import uvloop
from celery import current_app, shared_task
from celery.signals import worker_process_init
from channels.layers import get_channel_layer
from django.conf import settings

from marketdata import cards
from marketdata.ingest.candles import closed_candles
from streams import replays, stopping
from streams.connection import redis
from streams.ending import ended
from streams.forwarders.kafka import Forwarder
from streams.forwarders.sender import Connection
from streams.hold import Holder, Sources
from streams.markets import Markets, pins
from streams.publishers.candles import CandleWriter

log = logging.getLogger(__name__)

EXPIRES_S = 4  # a message that found no free slot is void


@shared_task(name="streams.hold", ignore_result=True)
def hold() -> None:
    """Carries streams until the worker stops."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_hold())


async def _hold() -> None:
    markets, pinned = Markets(), pins()
    candles = CandleWriter(closed_candles)
    holder = Holder(
        redis=redis(),
        layer=get_channel_layer(),
        sources=Sources(cards.cards(), markets.of, pinned.value, candles.add),
        spread=settings.STREAM_SLOTS,
        history_events=settings.HISTORY_EVENTS,
        history_bytes=settings.HISTORY_MB * 2**20,
        repair_s=settings.REPAIR_S,
        tape_bytes=settings.TAPE_MB * 2**20,
        extra=',"sandbox":true' if settings.SANDBOX else "",
    )
    stopping.when_asked(holder.stop)
    writing = asyncio.create_task(candles.run())
    try:
        await holder.run()
    finally:
        await ended([writing])
        await candles.part()


@shared_task(name="streams.forward", ignore_result=True)
def forward() -> None:
    """Forwards to Kafka until the worker stops; at once where there is none, or another does."""
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_forward())


async def _forward() -> None:
    pinned = pins()

    async def wanted() -> set[str]:
        return set(await pinned.value()) | await replays.for_kafka(redis())

    forwarder = Forwarder(
        redis=redis(),
        connection=Connection(settings.KAFKA_BOOTSTRAP_SERVERS, settings.KAFKA_COMPRESSION, settings.KAFKA_OPTIONS),
        wanted=wanted,
        per=settings.KAFKA_TOPICS,
        prefix=settings.KAFKA_PREFIX,
        partitions=settings.KAFKA_PARTITIONS,
    )
    stopping.when_asked(forwarder.stop)
    await forwarder.run()


@worker_process_init.connect
def fill_slot(**_: object) -> None:
    """A new slot of a streams worker asks for its loop; a slot of another worker never sees the message."""
    if "streams" in current_app.amqp.queues.consume_from:
        current_app.send_task("streams.hold", expires=EXPIRES_S)
