"""The one door for writes of metadata and candles; every function here may be called again with the same input."""

from marketdata.ingest.candles import candles, closed_candles, series
from marketdata.ingest.covered import Series
from marketdata.ingest.metadata import Counts, exchange, instruments, sync_failed, sync_succeeded

__all__ = [
    "Counts",
    "Series",
    "candles",
    "closed_candles",
    "exchange",
    "instruments",
    "series",
    "sync_failed",
    "sync_succeeded",
]
