"""Recordings, and replays of them, in admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from marketdata.problems import Problem
from recordings import starting
from recordings.models import Recording, Replay
from recordings.replay import asking


@admin.register(Recording)
class RecordingAdmin(admin.ModelAdmin):
    list_display = ("id", "name", "state", "detail", "frames", "bytes", "lost", "created_time", "finished_time")
    list_filter = ("state", "pinned")
    search_fields = ("id", "name")
    actions = ("stop", "remove")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """REST begins one: there the topics are checked."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Recording | None = None) -> bool:
        """Of a list, for its actions."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Recording | None = None) -> bool:
        """A row alone does not go: its files are removed with it."""
        return False

    @admin.action(description="Stop the selected recordings", permissions=["change"])
    def stop(self, request: HttpRequest, found: QuerySet[Recording]) -> None:
        self._each(request, found, starting.stop)

    @admin.action(description="Stop and remove the selected recordings with their files", permissions=["change"])
    def remove(self, request: HttpRequest, found: QuerySet[Recording]) -> None:
        self._each(request, found, lambda row: starting.remove(starting.stop(row)))

    def _each(self, request: HttpRequest, found: QuerySet[Recording], done: Any) -> None:
        for row in found:
            try:
                done(row)
            except Problem as problem:
                messages.error(request, f"{row}: {problem.message}")


@admin.register(Replay)
class ReplayAdmin(admin.ModelAdmin):
    list_display = (
        "id",
        "state",
        "detail",
        "speed",
        "paused",
        "events",
        "gaps",
        "hash",
        "created_time",
        "finished_time",
    )
    list_filter = ("state",)
    search_fields = ("id", "hash")
    actions = ("pause", "go_on", "stop")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """REST begins one: there what it needs is looked at."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Replay | None = None) -> bool:
        """Of a list, for its actions."""
        return obj is None and super().has_change_permission(request)

    @admin.action(description="Pause the selected replays", permissions=["change"])
    def pause(self, request: HttpRequest, found: QuerySet[Replay]) -> None:
        found.filter(state__in=Replay.ACTIVE).update(paused=True)

    @admin.action(description="Let the selected replays go on", permissions=["change"])
    def go_on(self, request: HttpRequest, found: QuerySet[Replay]) -> None:
        found.filter(state__in=Replay.ACTIVE).update(paused=False)

    @admin.action(description="Stop the selected replays", permissions=["change"])
    def stop(self, request: HttpRequest, found: QuerySet[Replay]) -> None:
        for row in found:
            try:
                asking.stop(row)
            except Problem as problem:
                messages.error(request, f"{row}: {problem.message}")
