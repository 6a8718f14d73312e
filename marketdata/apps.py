"""The Django application `marketdata`."""

from importlib import import_module

from django.apps import AppConfig


class MarketdataConfig(AppConfig):
    name = label = "marketdata"
    verbose_name = "Market data"

    def ready(self) -> None:
        """Registers the system checks."""
        import_module("marketdata.checks")
