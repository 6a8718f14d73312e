"""The app of what is kept on disk: recordings, and replays of them."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    name = "recordings"
    label = "recordings"
