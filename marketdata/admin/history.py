"""Candles, what is known of them, and backfills that can be started, stopped and tried again."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from marketdata import backfills, cold, times
from marketdata.admin.read_only import ReadOnlyAdmin
from marketdata.backfills import PARTS
from marketdata.models import Backfill, Candle, Coverage
from marketdata.problems import Problem


@admin.register(Candle)
class CandleAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "interval_code", "open_time", "open", "high", "low", "close", "volume", "trades")
    list_display_links = ("open_time",)
    list_select_related = ("symbol", "interval")
    search_fields = ("symbol__symbol",)
    search_help_text = "a whole symbol such as BTC-USDT; then the newest first"
    list_per_page = 50

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Along an index in either case."""
        narrowed = request.GET.get("q") or request.GET.get("symbol")
        return ("-symbol_id", "-interval_id", "-open_time") if narrowed else ("-id",)

    def get_search_results(self, request: HttpRequest, rows: QuerySet[Candle], term: str) -> tuple[Any, bool]:
        """By whole symbols: a part would read the whole table."""
        return (rows.filter(symbol__symbol=term.strip().upper().replace("/", "-")) if term.strip() else rows), False

    @admin.display(description="interval")
    def interval_code(self, candle: Candle) -> str:
        return candle.interval.code


@admin.register(Coverage)
class CoverageAdmin(ReadOnlyAdmin):
    list_display = ("symbol", "interval_code", "state", "start_time", "end_time")
    list_filter = ("state", "symbol__exchange", "interval__code")
    list_select_related = ("symbol", "interval")
    search_fields = ("symbol__symbol", "symbol__venue_symbol")

    @admin.display(description="interval")
    def interval_code(self, row: Coverage) -> str:
        return row.interval.code


class BackfillForm(forms.ModelForm):
    """Asks for a market, one of its exchange's intervals, and a range."""

    class Meta:
        model = Backfill
        fields = ("symbol", "interval", "start_time", "end_time")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        symbol, interval = given.get("symbol"), given.get("interval")
        if symbol and interval and symbol.exchange_id != interval.exchange_id:
            raise forms.ValidationError(f"{interval} is no interval of {symbol.exchange_id}.")
        start, end = given.get("start_time"), given.get("end_time")
        if interval and start and end:
            try:
                backfills.span(interval, times.to_ms(start), times.to_ms(end))
                cold.check_room()
            except (ValueError, Problem) as error:
                raise forms.ValidationError(f"This cannot be started: {error}") from None
        return given


@admin.register(Backfill)
class BackfillAdmin(admin.ModelAdmin):
    form = BackfillForm
    list_display = (
        "id",
        "symbol",
        "interval",
        "start_time",
        "end_time",
        "state",
        "progress",
        "candles",
        "error",
        "asked_by",
    )
    list_filter = ("state", "symbol__exchange", "asked_through")
    list_select_related = ("symbol", "interval", "asked_by")
    search_fields = ("symbol__symbol", "symbol__venue_symbol")
    autocomplete_fields = ("symbol",)
    actions = ("start", "stop")

    def has_change_permission(self, request: HttpRequest, obj: Backfill | None = None) -> bool:
        """Of a list, for its actions; a backfill itself is stopped and begun anew, not changed."""
        return obj is None and super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: Backfill, form: Any, change: bool) -> None:
        start_ms, end_ms = times.to_ms(obj.start_time), times.to_ms(obj.end_time)
        obj.pk = cold.started(obj.symbol, obj.interval, start_ms, end_ms, request.user, "admin").pk

    @admin.display(description="stored")
    def progress(self, backfill: Backfill) -> SafeString:
        return format_html('<progress value="{}" max="{}"></progress>', backfill.covered, PARTS)

    @admin.action(description="Start again where it was stopped")
    def start(self, request: HttpRequest, chosen: QuerySet[Backfill]) -> None:
        for backfill in chosen:
            backfills.reopen(backfill)
            cold.send(backfill)
        self.message_user(request, "The jobs worker goes on with them.")

    @admin.action(description="Stop")
    def stop(self, request: HttpRequest, chosen: QuerySet[Backfill]) -> None:
        for backfill in chosen:
            backfills.stop(backfill)
        self.message_user(request, "They stop at their next page.")
