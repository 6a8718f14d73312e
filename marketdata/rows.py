"""Rows of the database as REST shows them: mappings of plain values, times in ms, exact numbers as Decimal."""

from datetime import datetime
from typing import Any

from exchanges.contract import Card
from marketdata import live_state, times
from marketdata.backfills import PARTS
from marketdata.ingest.metadata import NUMBERS
from marketdata.models import Backfill, Candle, Exchange, Interval, Symbol

SYMBOL_TEXTS = ("symbol", "venue_symbol", "base", "quote", "kind", "status", "settle")
CANDLE_FIGURES = ("open", "high", "low", "close", "volume", "quote_volume", "trades")


def exchange(card: Card, row: Exchange | None) -> dict[str, Any]:
    """What the card says, and how it stands; `row` is None before the first sync."""
    limits = [{"scope": limit.scope, "amount": limit.amount, "window_s": limit.window_s} for limit in card.limits]
    return {
        "code": card.code,
        "title": card.title,
        "kind": card.kind,
        "enabled": row.enabled if row else True,
        "streams": card.stream_names(),
        "intervals": list(card.intervals),
        "limits": limits,
        "notes": card.notes,
        "last_sync_time": _ms(row.last_sync_time) if row else None,
        "last_error": row.last_error if row else "",
        "live_status": live_state.of(card.code),
    }


def interval(row: Interval) -> dict[str, Any]:
    return {
        "exchange": row.exchange_id,
        "interval": row.code,
        "venue_interval": row.venue_code,
        "length_ms": row.length_ms,
    }


def symbol(row: Symbol) -> dict[str, Any]:
    return {
        "exchange": row.exchange_id,
        **{name: getattr(row, name) for name in (*SYMBOL_TEXTS, *NUMBERS, "option_type")},
        "expiry_time": _ms(row.expiry_time),
        "listed_time": _ms(row.listed_time),
        "changed_time": _ms(row.changed_time),
        "delisted_time": _ms(row.delisted_time),
    }


def candle(row: Candle, of: Symbol, code: str) -> dict[str, Any]:
    """Always a closed one: others are not stored."""
    return {
        "exchange": of.exchange_id,
        "symbol": of.symbol,
        "venue_symbol": of.venue_symbol,
        "interval": code,
        "open_time": times.to_ms(row.open_time),
        "close_time": times.to_ms(row.close_time),
        **{name: getattr(row, name) for name in CANDLE_FIGURES},
        "closed": True,
    }


def backfill(row: Backfill) -> dict[str, Any]:
    return {
        "id": row.pk,
        "exchange": row.symbol.exchange_id,
        "symbol": row.symbol.symbol,
        "interval": row.interval.code,
        "start_time": times.to_ms(row.start_time),
        "end_time": times.to_ms(row.end_time),
        "state": row.state,
        "asked_through": row.asked_through,
        "percent": row.covered * 100 // PARTS,
        "requests": row.pages,
        "candles": row.candles,
        "error": row.error,
        "created_time": times.to_ms(row.created_time),
        "started_time": _ms(row.started_time),
        "finished_time": _ms(row.finished_time),
    }


def _ms(time: datetime | None) -> int | None:
    return None if time is None else times.to_ms(time)
