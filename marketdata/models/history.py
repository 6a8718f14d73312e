"""The tables of history: candles, what of them is known, and the requests to fetch more. Written by ingest.py."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from marketdata.fields import ExactDecimalField
from marketdata.models.metadata import Interval, Symbol


class Candle(models.Model):
    """A closed candle; a running one is never stored. Figures the exchange does not send are NULL.

    Hundreds of millions of rows: fixed columns first by falling size, so that none is padded, and one index beside
    the primary key, which serves every read.
    """

    id = models.BigAutoField(primary_key=True)
    open_time = models.DateTimeField()
    close_time = models.DateTimeField(help_text="the last millisecond inside")
    trades = models.BigIntegerField(null=True)
    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="candles", db_index=False)
    interval = models.ForeignKey(Interval, models.PROTECT, related_name="+", db_index=False)
    open = ExactDecimalField(null=True)
    high = ExactDecimalField(null=True)
    low = ExactDecimalField(null=True)
    close = ExactDecimalField(null=True)
    volume = ExactDecimalField(null=True, help_text="base units")
    quote_volume = ExactDecimalField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["symbol", "interval", "open_time"], name="one_candle_per_open")]

    def __str__(self) -> str:
        return f"candle {self.pk}"


class Coverage(models.Model):
    """A range [start, end) of one series of candles that needs no asking any more. Ranges never overlap."""

    class State(models.TextChoices):
        COMPLETE = "complete", "complete: all that the exchange has is stored"
        EMPTY = "empty", "empty: asked, and the exchange has no trades there"

    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="coverage", db_index=False)
    interval = models.ForeignKey(Interval, models.PROTECT, related_name="+", db_index=False)
    start_time = models.DateTimeField()
    end_time = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices)

    class Meta:
        verbose_name_plural = "coverage"
        ordering = ["symbol_id", "interval_id", "start_time"]
        constraints = [
            models.UniqueConstraint(fields=["symbol", "interval", "start_time"], name="one_range_per_start"),
            models.CheckConstraint(condition=models.Q(start_time__lt=models.F("end_time")), name="range_has_length"),
        ]
        indexes = [models.Index(fields=["end_time"], name="coverage_by_end")]

    def __str__(self) -> str:
        return f"{self.state} {self.start_time:%Y-%m-%d %H:%M} to {self.end_time:%Y-%m-%d %H:%M}"


class Backfill(models.Model):
    """A request for history. What it has reached is in Coverage, so that it goes on where it was stopped."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"
        FAILED = "failed"

    OPEN: ClassVar = (State.WAITING, State.RUNNING)

    symbol = models.ForeignKey(Symbol, models.PROTECT, related_name="backfills")
    interval = models.ForeignKey(Interval, models.PROTECT, related_name="+", db_index=False)
    start_time = models.DateTimeField()
    end_time = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    asked_through = models.CharField(max_length=8, help_text="api, candles, admin or command")
    pages = models.IntegerField(default=0, help_text="requests answered")
    candles = models.BigIntegerField(default=0, help_text="candles received")
    covered = models.IntegerField(default=0, help_text="how much of the range needs no asking any more, in 1/10000")
    error = models.TextField(blank=True)
    created_time = models.DateTimeField(auto_now_add=True)
    started_time = models.DateTimeField(null=True, blank=True)
    finished_time = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(start_time__lt=models.F("end_time")), name="backfill_has_length")
        ]

    def __str__(self) -> str:
        return f"backfill {self.pk}"
