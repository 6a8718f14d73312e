"""Pins and signals in admin."""

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from marketdata.problems import Problem
from streams import selections, signal_rows, signals
from streams.models import Pin, Subscription
from streams.signal_rows import SHOWN_OF_ONE
from streams.signals import Signal

SUMMED = 3  # topics of a selection that the list names


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


class SignalForm(forms.ModelForm):
    """Asks for topics, one a line, and for how long."""

    topics = forms.CharField(
        widget=forms.Textarea, help_text="one a line: binance.trade.BTC-USDT, binance.ticker.*, *.trade.BTC-USDT"
    )
    lease_s = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=selections.LONGEST_S,
        help_text="seconds after which it ends; empty: until it is deleted",
    )

    class Meta:
        model = Subscription
        fields = ("topics", "owner", "lease_s", "note")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "topics" in given and "lease_s" in given:
            try:
                found = selections.lines(given["topics"])
                given["signal"] = Signal(found, given["lease_s"], given.get("note", ""))
                signals.check(given.get("owner"), [given["signal"]])
            except Problem as problem:
                raise forms.ValidationError(problem.message) from None
        return given


@admin.register(Subscription)
class SubscriptionAdmin(admin.ModelAdmin):
    form = SignalForm
    list_display = ("id", "selection", "states", "owner", "lease_end", "note", "created_time")
    list_filter = ("owner",)
    list_select_related = ("owner",)
    list_per_page = 20
    search_fields = ("patterns", "note", "owner__username")
    autocomplete_fields = ("owner",)
    readonly_fields = ("selection", "states", "published", "lease_end", "created_time")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        return signals.active().order_by("-id")

    def get_fields(self, request: HttpRequest, obj: Subscription | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "owner", "lease_s", "note") if obj else SignalForm.Meta.fields

    def has_change_permission(self, request: HttpRequest, obj: Subscription | None = None) -> bool:
        """What is asked for otherwise is another signal."""
        return False

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: bool) -> None:
        """The same selection of the same owner is renewed."""
        [told] = signals.sign(form.cleaned_data["owner"], [form.cleaned_data["signal"]])
        obj.pk, obj.patterns = told.row.pk, told.row.patterns

    @admin.display(description="topics")
    def selection(self, row: Subscription) -> str:
        more = len(row.patterns) - SUMMED
        return ", ".join(row.patterns[:SUMMED]) + (f" and {more} more" if more > 0 else "")

    @admin.display(description="lease ends", empty_value="never")
    def lease_end(self, row: Subscription) -> Any:
        return row.ends_time

    @admin.display(description="states")
    def states(self, row: Subscription) -> str:
        """How many of its first topics are in each."""
        share = signals.shares([row])[row.pk]
        try:
            found = signal_rows.published(share.topics[:SHOWN_OF_ONE]).values()
        except Problem as problem:
            return problem.message
        told = [f"{count} {state}" for state, count in Counter(one["state"] for one in found).most_common()]
        more = len(share.topics) - SHOWN_OF_ONE
        told += [f"{more} more"] if more > 0 else []
        told += [f"{share.left_out} over the owner's bound"] if share.left_out else []
        return ", ".join(told) or "nothing is listed that it means"

    @admin.display(description="published")
    def published(self, row: Subscription) -> SafeString | str:
        """Where each topic is to be had."""
        try:
            found = signal_rows.published(signals.shares([row])[row.pk].topics[:SHOWN_OF_ONE]).values()
        except Problem as problem:
            return problem.message
        names = ("topic", "state", "detail", "redis_channel", "redis_stream", "kafka_topic")
        head = format_html_join("", "<th>{}</th>", ((name.replace("_", " "),) for name in names))
        line = "<tr>" + "<td>{}</td>" * len(names) + "</tr>"
        lines = format_html_join("", line, ([one[name] or "" for name in names] for one in found))
        return format_html("<table><tr>{}</tr>{}</table>", head, lines)
