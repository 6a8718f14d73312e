"""Writes candles, and with them, in the same transaction, what is known of their series."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from django.db import connection, transaction

from exchanges.events import Candle as CandleEvent
from marketdata import times
from marketdata.coverage import Range, around
from marketdata.ingest.covered import Series, cover
from marketdata.models import Interval, Symbol

log = logging.getLogger(__name__)

Source = Literal["live", "backfill"]
Row = tuple[Any, ...]

FIGURES = ("trades", "open", "high", "low", "close", "volume", "quote_volume")
TYPES = {
    "symbol_id": "integer",
    "interval_id": "smallint",
    "open_time": "timestamptz",
    "close_time": "timestamptz",
    "trades": "bigint",
    **dict.fromkeys(FIGURES[1:], "numeric"),
}
COLUMNS = ", ".join(TYPES)
COPY_FROM = 2_000  # rows: below, one statement with arrays is quicker than a staging table


class Page(NamedTuple):
    """What is to be written of one series; at most one page of each in one transaction."""

    series: Series
    candles: Sequence[CandleEvent]
    covered: Sequence[Range]


def series(symbol: Symbol, interval: Interval) -> Series:
    return Series(symbol.pk, interval.pk, interval.code)


def candles(of: Series, candles: Sequence[CandleEvent], source: Source, covered: Sequence[Range] | None = None) -> int:
    """Stores the closed ones and `covered` (by default, what the candles themselves prove); gives rows written.

    What the exchange's history says (`backfill`) replaces what is stored; what was heard `live` only adds. Neither
    replaces a known figure by an absent one.
    """
    closed = [candle for candle in candles if candle.closed]
    if covered is None:
        covered = around(of.interval, (candle.open_ms for candle in closed))
    return _write([Page(of, closed, covered)], source)


def closed_candles(exchange: str, candles: Iterable[CandleEvent]) -> int:
    """Candles of any markets of one exchange as heard live, in one transaction; those of unknown markets are logged."""
    grouped: dict[tuple[str, str], list[CandleEvent]] = defaultdict(list)
    for candle in candles:
        if candle.closed:
            grouped[candle.symbol, candle.interval].append(candle)
    known = _known_series(exchange, grouped)
    if len(known) < len(grouped):
        log.warning(
            "%s: candles of unknown markets are not stored: %s", exchange, sorted(set(grouped) - set(known))[:5]
        )
    pages = [
        Page(known[key], events, around(key[1], (event.open_ms for event in events)))
        for key, events in grouped.items()
        if key in known
    ]
    return _write(pages, "live")


def _known_series(exchange: str, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Series]:
    keys = list(keys)
    symbols = Symbol.objects.filter(exchange=exchange, symbol__in={symbol for symbol, _ in keys})
    symbol_ids = dict(symbols.values_list("symbol", "id"))
    interval_ids = dict(Interval.objects.filter(exchange=exchange).values_list("code", "id"))
    return {
        (symbol, interval): Series(symbol_ids[symbol], interval_ids[interval], interval)
        for symbol, interval in keys
        if symbol in symbol_ids and interval in interval_ids
    }


@transaction.atomic
def _write(pages: Sequence[Page], source: Source) -> int:
    pages = [page for page in pages if page.candles or page.covered]
    if not pages:
        return 0
    _lock([page.series for page in pages])
    rows = {row[:3]: row for page in pages for row in _rows(page)}  # one key twice in a statement is an error
    written = _upsert(list(rows.values()), source) if rows else 0
    cover({page.series: page.covered for page in pages})
    return written


def _rows(page: Page) -> Iterable[Row]:
    for candle in page.candles:
        yield (
            page.series.symbol_id,
            page.series.interval_id,
            times.from_ms(candle.open_ms),
            times.from_ms(candle.close_ms),
            candle.trades,
            *(None if figure is None else Decimal(figure) for figure in _figures(candle)),
        )


def _figures(candle: CandleEvent) -> tuple[str | None, ...]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quote_volume


def _lock(of: Iterable[Series]) -> None:
    """Writers of one series follow each other; all take locks in one order, so none waits for ever."""
    ids = sorted({(series.symbol_id, series.interval_id) for series in of})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(s, i) FROM unnest(%s::integer[], %s::integer[]) AS one(s, i)",
            [[symbol_id for symbol_id, _ in ids], [interval_id for _, interval_id in ids]],
        )


def _upsert(rows: Sequence[Row], source: Source) -> int:
    with connection.cursor() as cursor:
        if len(rows) < COPY_FROM:
            arrays = ", ".join(f"%s::{kind}[]" for kind in TYPES.values())
            cursor.execute(
                _insert(f"unnest({arrays}) AS given({COLUMNS})", source), list(map(list, zip(*rows, strict=True)))
            )
            return cursor.rowcount
        described = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS candle_page ({described}) ON COMMIT DROP")
        cursor.execute("TRUNCATE candle_page")
        with cursor.copy(f"COPY candle_page ({COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(_insert("candle_page", source))
        return cursor.rowcount


def _insert(given: str, source: Source) -> str:
    first, second = ("excluded", "stored") if source == "backfill" else ("stored", "excluded")
    chosen = {name: f"COALESCE({first}.{name}, {second}.{name})" for name in FIGURES}
    assigned = ", ".join(f"{name} = {value}" for name, value in chosen.items())
    return f"""
        INSERT INTO marketdata_candle AS stored ({COLUMNS}) SELECT {COLUMNS} FROM {given}
        ON CONFLICT (symbol_id, interval_id, open_time) DO UPDATE SET {assigned}
        WHERE ({", ".join(f"stored.{name}" for name in FIGURES)}) IS DISTINCT FROM ({", ".join(chosen.values())})
    """
