"""The Celery tasks that are the recorder and the player of replays."""

import asyncio
import os
import socket
import time

import uvloop
from celery import shared_task
from django.conf import settings

from marketdata.ingest.candles import closed_candles
from recordings.models import Recording
from recordings.recorder import Place, Recorder
from recordings.replay import seats, table
from recordings.replay.stage import new_stage
from streams import stopping
from streams.connection import redis
from streams.ending import ended
from streams.markets import pins
from streams.publishers.candles import CandleWriter


@shared_task(name="recordings.record", ignore_result=True)
def record() -> None:
    """Records for as long as something is to be recorded; returns at once where there is nothing, or another does."""
    if settings.RECORD_PINS or Recording.objects.filter(state__in=Recording.ACTIVE).exists():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_record())


async def _record() -> None:
    place = Place(settings.SANDBOX, settings.RECORDING_SEGMENT_MB * 2**20, settings.RECORD_PINS_MB * 2**20)
    name = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns() % 1_000_000}"
    recorder = Recorder(redis(), name, place, pins().value if settings.RECORD_PINS else None)
    stopping.when_asked(recorder.stop)
    await recorder.run()


@shared_task(name="recordings.replay", ignore_result=True)
def replay() -> None:
    """Plays replays for as long as there are any; returns at once where there are none, or others play them."""
    if table.anything() and seats.take():
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_replay())
        finally:
            seats.leave()


async def _replay() -> None:
    candles = CandleWriter(closed_candles)
    stage = new_stage(candles.add)
    stopping.when_asked(stage.stop)
    writing = asyncio.create_task(candles.run())
    try:
        await stage.run()
    finally:
        await ended([writing])
        await candles.part()
