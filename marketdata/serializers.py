"""The shapes of REST answers and bodies, for the API's description; the rows themselves are made in rows.py."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

TIME = "milliseconds since 1970-01-01 UTC"


@extend_schema_field({"oneOf": [{"type": "number"}, {"type": "string"}]})
class ExactField(serializers.Field):
    """An exact number: a JSON number, or its text with `numbers=text`."""


class TimeField(serializers.IntegerField):
    def __init__(self, **options: Any) -> None:
        super().__init__(help_text=TIME, **options)


class ErrorBody(serializers.Serializer):
    code = serializers.CharField(help_text="for programs: bad_request, unknown_exchange, unknown_pair, unavailable …")
    message = serializers.CharField(help_text="for people: the field, what came, and what would do")
    field = serializers.CharField(required=False, help_text="what the error is about, where it is about one field")


class Error(serializers.Serializer):
    error = ErrorBody()


class LimitRow(serializers.Serializer):
    scope = serializers.CharField(help_text="what the limit counts")
    amount = serializers.IntegerField()
    window_s = serializers.IntegerField()


class LiveStatus(serializers.Serializer):
    connections = serializers.IntegerField(required=False, help_text="kept by all hold loops")
    connected = serializers.IntegerField(required=False, help_text="of them, open now")
    rejected = serializers.IntegerField(required=False, help_text="frames that were broken or unknown")


class ExchangeRow(serializers.Serializer):
    code = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.ChoiceField(["exchange", "broker", "aggregator"])
    enabled = serializers.BooleanField()
    streams = serializers.ListField(child=serializers.CharField())
    intervals = serializers.ListField(child=serializers.CharField())
    limits = LimitRow(many=True, help_text="of REST requests to the exchange")
    notes = serializers.CharField()
    last_sync_time = TimeField(allow_null=True)
    last_error = serializers.CharField(help_text="why the last sync of metadata failed; empty if it did not")
    live_status = LiveStatus(allow_null=True, help_text="empty where nothing is streamed")


class IntervalRow(serializers.Serializer):
    exchange = serializers.CharField()
    interval = serializers.CharField()
    venue_interval = serializers.CharField()
    length_ms = serializers.IntegerField(help_text="of a month, the longest one")


class MarketRow(serializers.Serializer):
    """Which market a row is about."""

    exchange = serializers.CharField()
    symbol = serializers.CharField()
    venue_symbol = serializers.CharField()


class SymbolRow(MarketRow):
    base = serializers.CharField()
    quote = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.CharField()
    settle = serializers.CharField(allow_null=True)
    price_increment = ExactField(allow_null=True)
    quantity_increment = ExactField(allow_null=True, help_text="base units")
    min_quantity = ExactField(allow_null=True)
    max_quantity = ExactField(allow_null=True)
    min_notional = ExactField(allow_null=True, help_text="quote units")
    max_notional = ExactField(allow_null=True)
    contract_size = ExactField(allow_null=True)
    strike = ExactField(allow_null=True)
    option_type = serializers.CharField(allow_null=True)
    expiry_time = TimeField(allow_null=True)
    listed_time = TimeField()
    changed_time = TimeField()
    delisted_time = TimeField(allow_null=True)


class CandleRow(MarketRow):
    interval = serializers.CharField()
    open_time = TimeField()
    close_time = TimeField()
    open = ExactField(allow_null=True)
    high = ExactField(allow_null=True)
    low = ExactField(allow_null=True)
    close = ExactField(allow_null=True)
    volume = ExactField(allow_null=True)
    quote_volume = ExactField(allow_null=True)
    trades = serializers.IntegerField(allow_null=True)
    closed = serializers.BooleanField()


class CoverageRow(serializers.Serializer):
    start_time = TimeField()
    end_time = TimeField()
    state = serializers.ChoiceField(["complete", "empty", "missing"])


class BackfillRow(serializers.Serializer):
    id = serializers.IntegerField()
    exchange = serializers.CharField()
    symbol = serializers.CharField()
    interval = serializers.CharField()
    start_time = TimeField()
    end_time = TimeField()
    state = serializers.ChoiceField(["waiting", "running", "done", "stopped", "failed"])
    asked_through = serializers.CharField()
    percent = serializers.IntegerField(help_text="of the range that is stored")
    requests = serializers.IntegerField()
    candles = serializers.IntegerField(help_text="received")
    error = serializers.CharField()
    created_time = TimeField()
    started_time = TimeField(allow_null=True)
    finished_time = TimeField(allow_null=True)


class BackfillAsked(serializers.Serializer):
    exchange = serializers.CharField(default="binance")
    symbol = serializers.CharField(help_text="in any spelling")
    interval = serializers.CharField()
    start = serializers.CharField(help_text=f"{TIME}, or ISO 8601")
    end = serializers.CharField(required=False, help_text="default: now")


class Paged(serializers.Serializer):
    next = serializers.URLField(allow_null=True, help_text="the page that follows; null on the last one")


class Exchanges(Paged):
    results = ExchangeRow(many=True)


class Intervals(Paged):
    results = IntervalRow(many=True)


class Symbols(Paged):
    results = SymbolRow(many=True)


class Backfills(Paged):
    results = BackfillRow(many=True)


class Candles(Paged):
    results = CandleRow(many=True)
    coverage = CoverageRow(many=True, help_text="what is known of the page's range")


class Token(serializers.Serializer):
    access = serializers.CharField()
    refresh = serializers.CharField()


class Refreshed(serializers.Serializer):
    access = serializers.CharField()
