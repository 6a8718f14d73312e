"""The app of what is live."""

from django.apps import AppConfig


class StreamsConfig(AppConfig):
    name = "streams"
    label = "streams"
