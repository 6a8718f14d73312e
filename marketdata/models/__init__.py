"""The tables: what is known of markets, their history, and the keys of services."""

from marketdata.models.api_keys import ApiKey
from marketdata.models.history import Backfill, Candle, Coverage
from marketdata.models.metadata import Exchange, Interval, Symbol

__all__ = ["ApiKey", "Backfill", "Candle", "Coverage", "Exchange", "Interval", "Symbol"]
