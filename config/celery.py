"""The Celery application and every clock of the platform, in one table."""

import gc
import os
import warnings
from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init, worker_process_init

from config.child import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings  # noqa: E402  (needs the line above)

# Every clock. A message that is not taken in `expire_seconds` is void: the next tick brings its like.
CLOCKS: dict[str, dict[str, Any]] = {
    "fill empty stream slots": {"task": "streams.hold", "schedule": 5.0, "options": {"expire_seconds": 4}},
    # After a kill the lease ends within 4 s; then every second counts, as histories are bounded.
    "forward to Kafka": {"task": "streams.forward", "schedule": 2.0, "options": {"expire_seconds": 2}},
    "play replays": {"task": "recordings.replay", "schedule": 5.0, "options": {"expire_seconds": 4}},
    "record": {"task": "recordings.record", "schedule": 5.0, "options": {"expire_seconds": 4}},
    "sync exchange metadata": {"task": "marketdata.sync", "schedule": 600.0, "options": {"expire_seconds": 590}},
    "pull candles": {"task": "marketdata.pull_candles", "schedule": 60.0, "options": {"expire_seconds": 55}},
}

app = Celery("config")
app.conf.update(
    broker_url=settings.REDIS_URL,
    # Early acknowledgement and no results: a hold loop lives for days, and beat brings again what was lost.
    task_acks_late=False,
    task_ignore_result=True,
    result_expires=None,
    task_default_queue="jobs",
    # The first that matches counts.
    task_routes={
        "streams.forward": {"queue": "kafka"},
        "streams.*": {"queue": "streams"},
        "recordings.record": {"queue": "recorder"},
        "recordings.replay": {"queue": "replays"},
    },
    # A message is taken only when a slot is free: behind an endless task it would wait for ever.
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_proc_alive_timeout=20,
    worker_send_task_events=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        # Above the broker's blocking read, so that a dead link is noticed and a quiet one is not ended.
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "retry_on_timeout": True,
        "visibility_timeout": 3600,
    },
    visibility_timeout=3600,
    # A web request that sends a task waits for an absent Redis for about a second, not for ever.
    task_publish_retry_policy={"max_retries": 3, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5},
    timezone="UTC",
    enable_utc=True,
    beat_scheduler="config.clock:Clock",
    beat_max_loop_interval=5,
    beat_schedule=CLOCKS,
)
app.autodiscover_tasks()
# Who runs `make run` as root has decided so; a container has its own user.
warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Celery leaves the log as Django's settings describe it."""
    dictConfig(settings.LOGGING)


@beat_init.connect
def tick_at_once(**_: Any) -> None:
    """Every clock's first tick: the scheduler's own would come after one whole interval."""
    for clock in CLOCKS.values():
        app.send_task(clock["task"], expires=clock["options"]["expire_seconds"])


@worker_init.connect
def share_what_is_loaded(**_: Any) -> None:
    """A pool's processes share the code that was loaded before they began: each would copy half of it, 30 MB and more,
    as soon as it looked for garbage there."""
    gc.collect()
    gc.freeze()


@worker_process_init.connect
def end_with_the_worker(**_: Any) -> None:
    """A pool's process whose worker was killed ends too, rather than hold its connections for ever."""
    die_with_parent()
