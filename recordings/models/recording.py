"""A recording: what is asked of the recorder, and how far it is."""

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


def new_id() -> str:
    """Names the folder too: one that was left by an emptied database is not written to again."""
    return "".join(secrets.choice(ID_LETTERS) for _ in range(8))


class Recording(models.Model):
    """Its files are in the folder of its id below RECORDINGS_DIR. The counts are the recorder's."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting: nothing of it was heard yet"
        RECORDING = "recording"
        FAILING = "failing", "failing: it cannot be written at the moment"
        STOPPED = "stopped", "stopped: by somebody, before its end"
        DONE = "done"

    ACTIVE: ClassVar = (State.WAITING, State.RECORDING, State.FAILING)

    id = models.CharField(primary_key=True, max_length=16, default=new_id, editable=False)
    name = models.CharField(max_length=100, blank=True)
    topics = models.JSONField(default=list)
    duration_s = models.IntegerField(null=True, blank=True, help_text="without it, until somebody stops it")
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    detail = models.TextField(blank=True, help_text="why it is failing, or ended as it did")
    created_time = models.DateTimeField(default=timezone.now)
    started_time = models.DateTimeField(null=True, blank=True, help_text="when the recorder took it")
    failing_time = models.DateTimeField(null=True, blank=True, help_text="since when it cannot be written")
    finished_time = models.DateTimeField(null=True, blank=True)
    frames = models.BigIntegerField(default=0, help_text="of the exchanges")
    lines = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0, help_text="on disk")
    segments = models.IntegerField(default=0)
    first_ns = models.BigIntegerField(null=True, blank=True, help_text="receive time of the first line")
    last_ns = models.BigIntegerField(null=True, blank=True)
    lost = models.BigIntegerField(default=0, help_text="lines that are known to be missing, at least")
    pinned = models.BooleanField(default=False, help_text="follows the pinned topics")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-created_time", "id"]

    def __str__(self) -> str:
        return f"recording {self.id}"

    @property
    def active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def exchanges(self) -> list[str]:
        return sorted({topic.partition(".")[0] for topic in self.topics})
