"""Recordings in admin."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from marketdata.problems import Problem
from recordings import starting
from recordings.models import Recording


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
