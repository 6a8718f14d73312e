"""Pins in admin."""

from django.contrib import admin

from streams.models import Pin


@admin.register(Pin)
class PinAdmin(admin.ModelAdmin):
    list_display = ["topic", "enabled", "exchange", "symbol", "stream", "note"]
    list_editable = ["enabled"]
    list_filter = ["enabled", "exchange", "stream"]
    search_fields = ["symbol", "stream", "note"]
    actions = ["enable", "disable"]

    @admin.action(description="Enable the selected pins")
    def enable(self, request, queryset) -> None:
        queryset.update(enabled=True)

    @admin.action(description="Disable the selected pins")
    def disable(self, request, queryset) -> None:
        queryset.update(enabled=False)
