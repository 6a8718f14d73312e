"""The shapes of replays' REST answers and bodies, for the API's description."""

from rest_framework import serializers

from marketdata.serializers import Paged, TimeField
from recordings.models import Replay
from recordings.replay.clock import WOULD_DO
from recordings.replay.faults import KINDS


class FaultAsked(serializers.Serializer):
    fault = serializers.ChoiceField(KINDS)
    rate = serializers.CharField(help_text="of all frames: above 0, at most 1")
    ms = serializers.IntegerField(required=False, help_text="how long a delay or a disconnection lasts")


class ReplayAsked(serializers.Serializer):
    recordings = serializers.ListField(
        child=serializers.CharField(), help_text="ids; several are played as one, in receive order"
    )
    speed = serializers.CharField(required=False, default="1", help_text=WOULD_DO)
    paused = serializers.BooleanField(required=False, default=False, help_text="begins when it is told to go on")
    original = serializers.BooleanField(
        required=False, default=False, help_text="to the original topics, where nothing live runs"
    )
    candles = serializers.BooleanField(required=False, default=False, help_text="closed candles go to the database")
    kafka = serializers.BooleanField(required=False, default=False, help_text="its topics go to Kafka")
    faults = FaultAsked(many=True, required=False)
    seed = serializers.IntegerField(required=False, default=0, help_text="the same seed hits the same frames")


class ReplayChange(serializers.Serializer):
    paused = serializers.BooleanField(required=False)
    speed = serializers.CharField(required=False, help_text=WOULD_DO)


class TopicRow(serializers.Serializer):
    topic = serializers.CharField()
    events = serializers.IntegerField()


class ReplayRow(serializers.Serializer):
    id = serializers.CharField()
    recordings = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(Replay.State.values)
    detail = serializers.CharField()
    speed = serializers.CharField()
    paused = serializers.BooleanField()
    original = serializers.BooleanField()
    candles = serializers.BooleanField()
    kafka = serializers.BooleanField()
    faults = serializers.ListField(child=serializers.CharField(), help_text="kind:rate, and :ms where it lasts")
    seed = serializers.IntegerField()
    topics = TopicRow(many=True, help_text="to subscribe to")
    lines = serializers.IntegerField(help_text="read till now")
    events = serializers.IntegerField()
    gaps = serializers.IntegerField()
    rejected = serializers.IntegerField(help_text="frames that were broken or unknown")
    kinds = serializers.DictField(child=serializers.IntegerField(), help_text="events by their name")
    hits = serializers.DictField(help_text="by fault: how many frames, and the first of them by line")
    damage = serializers.ListField(child=serializers.CharField(), help_text="what could not be read, and where")
    hash = serializers.CharField(help_text="of all events; the same for each run of the same recordings and faults")
    first_time = TimeField(allow_null=True)
    last_time = TimeField(allow_null=True)
    position_time = TimeField(allow_null=True)
    created_time = TimeField()
    started_time = TimeField(allow_null=True)
    finished_time = TimeField(allow_null=True)


class Replays(Paged):
    results = ReplayRow(many=True)
