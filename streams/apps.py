"""The app of what is live."""

from importlib import import_module

from django.apps import AppConfig


class StreamsConfig(AppConfig):
    name = "streams"

    def ready(self) -> None:
        """Pins keep their candles whole; the models exist only now."""
        wanted = import_module("marketdata.wanted")
        wanted.also.append(import_module("streams.pins").pinned_candles)

    label = "streams"
