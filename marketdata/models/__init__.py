"""The tables: what is known of markets, and their history."""

from marketdata.models.history import Backfill, Candle, Coverage
from marketdata.models.metadata import Exchange, Interval, Symbol

__all__ = ["Backfill", "Candle", "Coverage", "Exchange", "Interval", "Symbol"]
