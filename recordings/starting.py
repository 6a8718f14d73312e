"""Starting, stopping and removing recordings."""

import logging
from typing import Any

from celery import current_app
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from marketdata.filters import Asked, would_do
from marketdata.problems import Problem
from recordings import folder, wishes
from recordings.models import Recording
from recordings.wishes import RecordingBody

log = logging.getLogger(__name__)

MOST_ACTIVE = 50  # each reads its exchanges' tapes
EXPIRES_S = 4  # the clock brings the next


class RemovalQuery(Asked):
    """What goes with a recording that is stopped."""

    remove: bool = would_do("true or false", False)


def start(asked: RecordingBody, user: Any) -> Recording:
    """The row; a recorder takes it within a moment. Problem where it cannot be."""
    topics = wishes.topics(asked)
    wishes.room()
    if Recording.objects.filter(state__in=Recording.ACTIVE).count() >= MOST_ACTIVE:
        words = (
            f"{MOST_ACTIVE} recordings run, and no more can; recordings/?state=recording lists which could be stopped"
        )
        raise Problem("too_many_subscriptions", f"{words}.")
    row = Recording.objects.create(name=asked.name, topics=topics, duration_s=asked.duration_s, asked_by=user)
    try:
        current_app.send_task("recordings.record", expires=EXPIRES_S)
    except OperationalError as error:
        log.warning("the recorder was not told of %s, and finds it within seconds: %s", row, error)
    return row


def stop(row: Recording) -> Recording:
    """The row as it is then; one that has ended is left as it is."""
    if row.pinned and row.active and settings.RECORD_PINS:
        raise Problem("bad_request", "id: this recording follows the pinned topics; RECORD_PINS=false ends it.", "id")
    Recording.objects.filter(pk=row.pk, state__in=Recording.ACTIVE).update(
        state=Recording.State.STOPPED, finished_time=timezone.now()
    )
    row.refresh_from_db()
    return row


def remove(row: Recording) -> None:
    """Row and files. A recorder that still writes it finds the row gone, and leaves nothing behind."""
    id_ = row.id
    row.delete()
    try:
        folder.remove(id_)
    except OSError as error:
        log.error("recording %s: not all of its files could be removed: %s", id_, error)
        words = f"The recording is gone from the list, but not all of its files could be removed: {error.strerror}"
        raise Problem("unavailable", f"{words}.") from None
