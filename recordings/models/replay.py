"""A replay: what is asked of it, and how far it is."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from recordings.models.recording import new_id


class Replay(models.Model):
    """Its topics are those of the recordings with `replay-<id>.` in front. What it says of itself is the process's that
    plays it."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting: for a process that plays it"
        PLAYING = "playing"
        PAUSED = "paused"
        DONE = "done"
        STOPPED = "stopped", "stopped: by somebody, before its end"
        FAILED = "failed"

    ACTIVE: ClassVar = (State.WAITING, State.PLAYING, State.PAUSED)

    id = models.CharField(primary_key=True, max_length=16, default=new_id, editable=False)
    recordings = models.JSONField(default=list, help_text="ids; they are played as one, in receive order")
    files = models.JSONField(default=list, blank=True, help_text="of the command, which plays it itself")
    exchange = models.CharField(max_length=32, blank=True, help_text="of frames that no note names")
    speed = models.CharField(max_length=16, default="1", help_text="1, 10, 0.5, or max")
    paused = models.BooleanField(default=False)
    original = models.BooleanField(default=False, help_text="to the original topics")
    candles = models.BooleanField(default=False, help_text="closed candles go to the database")
    kafka = models.BooleanField(default=False, help_text="its topics go to Kafka")
    faults = models.JSONField(default=list, blank=True)
    seed = models.BigIntegerField(default=0, help_text="which frames the faults hit")
    later_ns = models.BigIntegerField(default=0, editable=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    detail = models.TextField(blank=True)
    created_time = models.DateTimeField(default=timezone.now)
    started_time = models.DateTimeField(null=True, blank=True)
    heard_time = models.DateTimeField(default=timezone.now, help_text="when its process was last heard of")
    finished_time = models.DateTimeField(null=True, blank=True)
    first_ns = models.BigIntegerField(null=True, blank=True, help_text="receive time of the first line")
    last_ns = models.BigIntegerField(null=True, blank=True)
    position_ns = models.BigIntegerField(null=True, blank=True, help_text="up to where it is told")
    lines = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    gaps = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0, help_text="frames that were broken or unknown")
    kinds = models.JSONField(default=dict, blank=True, help_text="events by their name")
    topics = models.JSONField(default=dict, blank=True, help_text="events by their topic, as it was recorded")
    hits = models.JSONField(default=dict, blank=True, help_text="frames that faults have hit")
    damage = models.JSONField(default=list, blank=True, help_text="what of the recordings could not be read")
    hash = models.CharField(max_length=64, blank=True, help_text="of all events; the same for each run")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-created_time", "id"]

    def __str__(self) -> str:
        return f"replay {self.id}"

    @property
    def active(self) -> bool:
        return self.state in self.ACTIVE
