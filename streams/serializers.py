"""The shapes of live REST answers, for the API's description; the members are defined in exchanges/events.py."""

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from marketdata.serializers import ExactField, LimitRow, MarketRow, Paged, TimeField


@extend_schema_field({"type": "array", "items": {"type": "array", "items": {"type": "number"}, "maxItems": 2}})
class LevelsField(serializers.Field):
    """`[[price, quantity], …]`, best first."""


class EventRow(MarketRow):
    """What every event says; `topic`, `epoch`, `seq` and `source` only where it comes from a running stream."""

    event = serializers.CharField()
    topic = serializers.CharField(required=False)
    event_time = TimeField(allow_null=True)
    received_time = TimeField()
    epoch = serializers.IntegerField(required=False)
    seq = serializers.IntegerField(required=False)
    source = serializers.CharField(required=False)
    sandbox = serializers.BooleanField(required=False, help_text="present on an installation with invented prices")


def _live() -> serializers.BooleanField:
    return serializers.BooleanField(
        help_text="true: from the running stream; false: nobody streams it, the exchange was asked"
    )


class TickerRow(EventRow):
    last_price = ExactField(allow_null=True)
    last_quantity = ExactField(allow_null=True)
    bid_price = ExactField(allow_null=True)
    bid_quantity = ExactField(allow_null=True)
    ask_price = ExactField(allow_null=True)
    ask_quantity = ExactField(allow_null=True)
    open_24h = ExactField(allow_null=True)
    high_24h = ExactField(allow_null=True)
    low_24h = ExactField(allow_null=True)
    volume_24h = ExactField(allow_null=True)
    quote_volume_24h = ExactField(allow_null=True)
    live = _live()


class TradeRow(EventRow):
    trade_id = serializers.CharField()
    price = ExactField()
    quantity = ExactField()
    side = serializers.ChoiceField(["buy", "sell"], allow_null=True)
    trade_time = TimeField(allow_null=True)


class Trades(MarketRow):
    live = _live()
    results = TradeRow(many=True, help_text="oldest first")


class DepthRow(EventRow):
    type = serializers.ChoiceField(["snapshot"])
    bids = LevelsField()
    asks = LevelsField()
    sequence = serializers.IntegerField(allow_null=True, help_text="the exchange's own number of this state")
    live = _live()


class StreamRow(serializers.Serializer):
    topic = serializers.CharField()
    exchange = serializers.CharField()
    stream = serializers.CharField()
    symbol = serializers.CharField()
    replay = serializers.CharField(allow_null=True, help_text="of a replay's topic, its id")
    status = serializers.CharField(
        help_text="as in the stream's status events; not_supported where the exchange has no such stream"
    )
    detail = serializers.CharField()
    rate = ExactField(allow_null=True, help_text="events in the last second")
    lag_ms = serializers.IntegerField(allow_null=True, help_text="from the exchange's clock to ours, at the last event")
    gaps = serializers.IntegerField()
    epoch = serializers.IntegerField()
    seq = serializers.IntegerField()
    last_event_time = TimeField(allow_null=True)
    loop = serializers.CharField(allow_null=True, help_text="who carries it")


class RequestsRow(LimitRow):
    left = serializers.IntegerField()
    reset_time = TimeField()


class TroubleRow(serializers.Serializer):
    state = serializers.ChoiceField(["not_authenticated", "quota_spent", "stale"])
    detail = serializers.CharField()
    again_time = TimeField(allow_null=True)


class ConnectionsRow(serializers.Serializer):
    exchange = serializers.CharField()
    connections = serializers.IntegerField()
    connected = serializers.IntegerField()
    rejected = serializers.IntegerField(help_text="frames that were broken or unknown")
    requests = RequestsRow(many=True, help_text="what is left of each limit of REST requests")
    troubles = TroubleRow(many=True, help_text="what keeps it from answering; none where all is well")


class LoopRow(serializers.Serializer):
    loop = serializers.CharField()
    host = serializers.CharField()
    pid = serializers.IntegerField()
    shards = serializers.IntegerField()
    topics = serializers.IntegerField()


class MemoryRow(serializers.Serializer):
    history_bytes = serializers.IntegerField(help_text="what the histories of all topics take")
    history_budget_bytes = serializers.IntegerField(help_text="what they may take together (HISTORY_MB)")
    history_topics = serializers.IntegerField()
    measured_time = TimeField(allow_null=True)
    redis_bytes = serializers.IntegerField(help_text="what Redis takes for everything")


class OutputRow(serializers.Serializer):
    output = serializers.ChoiceField(["kafka"])
    state = serializers.ChoiceField(
        ["starting", "running", "away", "refused", "stopped"],
        help_text="away: it does not answer; refused: it does, and does not take all; stopped: nobody forwards",
    )
    detail = serializers.CharField()
    topics = serializers.IntegerField(help_text="how many are forwarded")
    sent = serializers.IntegerField(help_text="messages that it has acknowledged")
    lag = serializers.IntegerField(help_text="events that it has still to get")
    lost = serializers.IntegerField(help_text="events, at least, that it was told by gaps to be lost")
    gaps = serializers.IntegerField(help_text="how many such gaps")


class Status(serializers.Serializer):
    time = TimeField()
    streams = StreamRow(many=True)
    exchanges = ConnectionsRow(many=True)
    loops = LoopRow(many=True)
    memory = MemoryRow()
    outputs = OutputRow(many=True, help_text="where else events go, and how that is doing")


class SignalAsked(serializers.Serializer):
    """`symbols` and `streams` (of `exchange`), or `topics`."""

    exchange = serializers.CharField(required=False, help_text="default: binance")
    symbols = serializers.ListField(child=serializers.CharField(), required=False, help_text="in any spelling")
    streams = serializers.ListField(child=serializers.CharField(), required=False)
    topics = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="such as binance.trade.BTC-USDT, binance.ticker.*, *.trade.BTC-USDT",
    )
    lease_s = serializers.IntegerField(required=False, help_text="seconds; without it the signal lasts")
    note = serializers.CharField(required=False)


class SignalledTopicRow(serializers.Serializer):
    topic = serializers.CharField()
    state = serializers.CharField(help_text="as `status` in the streams of status/")
    detail = serializers.CharField()
    redis_channel = serializers.CharField(help_text="of Redis Pub/Sub: one event's JSON a message")
    redis_stream = serializers.CharField(help_text="a Redis Stream; in `events` one event's JSON a line")
    kafka_topic = serializers.CharField(allow_null=True, help_text="null where there is no Kafka")


class SubscriptionRow(serializers.Serializer):
    id = serializers.IntegerField()
    owner = serializers.CharField(allow_null=True)
    selection = serializers.ListField(
        child=serializers.CharField(), help_text="topics, and topics with * in them, as understood"
    )
    note = serializers.CharField()
    lease_s = serializers.IntegerField(allow_null=True)
    lease_end_time = TimeField(allow_null=True)
    created_time = TimeField()
    topic_count = serializers.IntegerField(help_text="what the selection means now")
    left_out = serializers.IntegerField(help_text="topics that are over the caller's bound and do not run")
    topics = SignalledTopicRow(many=True, help_text="in order of their names")
    next = serializers.URLField(allow_null=True, help_text="the signal with the topics that follow")


class Subscriptions(Paged):
    results = SubscriptionRow(many=True)


class Ended(serializers.Serializer):
    ended = serializers.ListField(child=serializers.IntegerField(), help_text="the ids of those that ended now")


SIGNALS = PolymorphicProxySerializer(
    component_name="Signals",
    serializers=[SignalAsked, SignalAsked(many=True)],
    resource_type_field_name=None,
    many=False,
)
SUBSCRIPTIONS = PolymorphicProxySerializer(
    component_name="SubscriptionOrSeveral",
    serializers=[SubscriptionRow, Subscriptions],
    resource_type_field_name=None,
    many=False,
)
