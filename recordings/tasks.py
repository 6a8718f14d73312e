"""The Celery task that is the recorder."""

import asyncio
import os
import socket
import time

import uvloop
from celery import shared_task
from django.conf import settings

from recordings.models import Recording
from recordings.recorder import Place, Recorder
from streams import stopping
from streams.connection import redis
from streams.markets import pins


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
