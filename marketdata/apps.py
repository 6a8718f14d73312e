"""The Django application `marketdata`."""

from django.apps import AppConfig


class MarketdataConfig(AppConfig):
    name = label = "marketdata"
