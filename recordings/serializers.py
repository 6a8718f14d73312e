"""The shapes of recordings' REST answers and bodies, for the API's description."""

from rest_framework import serializers

from marketdata.serializers import Paged, TimeField
from recordings.models import Recording
from recordings.wishes import LONGEST_S, MOST_TOPICS


class RecordingRow(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(Recording.State.values)
    detail = serializers.CharField(help_text="why it is failing, or was not written to its end")
    exchanges = serializers.ListField(child=serializers.CharField())
    topics = serializers.ListField(child=serializers.CharField(), help_text="that were asked for")
    pinned = serializers.BooleanField(help_text="it follows the pinned topics")
    duration_s = serializers.IntegerField(allow_null=True, help_text="null: until it is stopped")
    created_time = TimeField()
    started_time = TimeField(allow_null=True)
    until_time = TimeField(allow_null=True)
    failing_time = TimeField(allow_null=True)
    finished_time = TimeField(allow_null=True)
    first_time = TimeField(allow_null=True)
    last_time = TimeField(allow_null=True)
    recorded_ms = serializers.IntegerField(allow_null=True, help_text="from its first line to its last")
    frames = serializers.IntegerField(help_text="of the exchanges")
    lines = serializers.IntegerField()
    bytes = serializers.IntegerField(help_text="on disk")
    segments = serializers.IntegerField()
    lost = serializers.IntegerField(help_text="lines that are known to be missing, at least; 0: nothing is")


class FileRow(serializers.Serializer):
    file = serializers.CharField()
    first_ns = serializers.IntegerField(allow_null=True)
    last_ns = serializers.IntegerField(allow_null=True)
    lines = serializers.IntegerField()
    frames = serializers.IntegerField()
    lost = serializers.IntegerField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField(allow_null=True, help_text="null while it is written")
    topics = serializers.ListField(child=serializers.CharField(), help_text="that its connections carried")
    exchanges = serializers.ListField(child=serializers.CharField())


class RecordingWhole(RecordingRow):
    files = FileRow(many=True, allow_null=True, help_text="null where its folder cannot be read from here")


class Recordings(Paged):
    results = RecordingRow(many=True)


class RecordingAsked(serializers.Serializer):
    exchange = serializers.CharField(required=False)
    symbols = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="in any spelling; without them, those that run"
    )
    streams = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="without them, those that run"
    )
    topics = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text=f"in place of the three before; a * stands for any letters; at most {MOST_TOPICS} in all",
    )
    duration_s = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_S, help_text="without it, until it is stopped"
    )
    name = serializers.CharField(required=False)
