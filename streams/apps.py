"""The Django application `streams`."""

from django.apps import AppConfig


class StreamsConfig(AppConfig):
    name = label = "streams"
