"""Exchanges with their state, symbols with what is stored of them, intervals."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from kombu.exceptions import OperationalError

from marketdata import live_state, stored, tasks
from marketdata.admin.read_only import ReadOnlyAdmin
from marketdata.models import Exchange, Interval, Symbol

RANGES = 20  # shown per interval


@admin.register(Exchange)
class ExchangeAdmin(admin.ModelAdmin):
    list_display = ("title", "code", "enabled", "state", "markets", "last_sync_time", "last_error")
    list_editable = ("enabled",)
    list_filter = ("enabled", "kind")
    fields = (
        "title",
        "code",
        "kind",
        "enabled",
        "state",
        "connections",
        "last_sync_time",
        "last_error",
        "last_error_time",
    )
    readonly_fields = tuple(name for name in fields if name != "enabled")
    actions = ("sync_now",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exchange]:
        listed = Count("symbols", filter=~Q(symbols__status="delisted"))
        return super().get_queryset(request).annotate(listed=listed)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Exchange | None = None) -> bool:
        return False

    @admin.display(description="metadata")
    def state(self, exchange: Exchange) -> str:
        if exchange.last_error:
            return "failed"
        return "synced" if exchange.last_sync_time else "never synced"

    @admin.display(ordering="listed")
    def markets(self, exchange: Any) -> SafeString:
        where = f"{reverse('admin:marketdata_symbol_changelist')}?exchange__code__exact={exchange.code}"
        return format_html('<a href="{}">{}</a>', where, exchange.listed)

    @admin.display(description="live connections")
    def connections(self, exchange: Exchange) -> str:
        fields = live_state.of(exchange.code)
        if fields is None:
            return "Redis does not answer"
        return ", ".join(f"{name}: {value}" for name, value in fields.items()) or "none"

    @admin.action(description="Sync metadata now")
    def sync_now(self, request: HttpRequest, chosen: QuerySet[Exchange]) -> None:
        try:
            tasks.sync.delay([exchange.code for exchange in chosen])
        except OperationalError as error:
            self.message_user(request, f"Redis does not answer: {error}", messages.ERROR)
        else:
            self.message_user(request, "The jobs worker syncs them now.")


@admin.register(Symbol)
class SymbolAdmin(ReadOnlyAdmin):
    list_display = (
        "symbol",
        "exchange",
        "venue_symbol",
        "kind",
        "status",
        "price_increment",
        "quantity_increment",
        "changed_time",
    )
    list_filter = ("exchange", "kind", "status")
    list_select_related = ("exchange",)
    search_fields = ("symbol", "venue_symbol")
    search_help_text = "our spelling or the exchange's"
    readonly_fields = ("candles_stored",)
    fields = ("candles_stored", *(field.name for field in Symbol._meta.fields if field.name != "id"))

    @admin.display(description="candles")
    def candles_stored(self, symbol: Symbol) -> SafeString | str:
        """Per interval: the ranges, the holes between them, and the last candle."""
        found = stored.history(symbol, RANGES)
        if not found:
            return "none stored"
        rows = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", map(_cells, found))
        head = "<tr><th>interval</th><th>newest ranges</th><th>holes between ranges</th><th>last candle</th></tr>"
        return format_html("<table>{}{}</table>", SafeString(head), rows)


@admin.register(Interval)
class IntervalAdmin(ReadOnlyAdmin):
    list_display = ("code", "exchange", "venue_code", "length_ms")
    list_filter = ("exchange",)
    list_select_related = ("exchange",)


def _cells(of: stored.History) -> tuple[Any, ...]:
    ranges = format_html_join(SafeString("<br>"), "{}", ((str(one),) for one in of.ranges))
    where = f"{reverse('admin:marketdata_candle_changelist')}?symbol={of.symbol.pk}&interval={of.interval.pk}"
    last = f"{of.last:%Y-%m-%d %H:%M:%S}" if of.last else "none"
    return of.interval.code, ranges, of.holes, format_html('<a href="{}">{}</a>', where, last)
