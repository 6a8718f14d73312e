"""Writes what is known of series of candles, inside the transaction that writes the candles."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import connection

from marketdata import times
from marketdata.coverage import Range, combined
from marketdata.models import Coverage

TOUCHED = """
    SELECT DISTINCT c.id, c.symbol_id, c.interval_id, c.start_time, c.end_time, c.state
    FROM marketdata_coverage c
    JOIN unnest(%s::integer[], %s::smallint[], %s::timestamptz[], %s::timestamptz[]) AS n(s, i, f, t)
      ON c.symbol_id = n.s AND c.interval_id = n.i AND c.start_time <= n.t AND c.end_time >= n.f
"""


class Series(NamedTuple):
    """The candles of one symbol and interval, by their ids."""

    symbol_id: int
    interval_id: int
    interval: str


def cover(given: Mapping[Series, Sequence[Range]]) -> None:
    """Joins the new ranges with those they touch; a range that stays as it was is not written again."""
    stored = _touched(given)
    gone: list[int] = []
    added: list[Coverage] = []
    for series, ranges in given.items():
        before = stored[series]
        after = set(combined([*before, *ranges]))
        gone += [pk for known, pk in before.items() if known not in after]
        added += [_row(series, known) for known in after if known not in before]
    Coverage.objects.filter(pk__in=gone).delete()
    Coverage.objects.bulk_create(added, batch_size=2000)


def _touched(given: Mapping[Series, Sequence[Range]]) -> dict[Series, dict[Range, int]]:
    """The stored ranges, with their keys, that the new ones overlap or touch."""
    result: dict[Series, dict[Range, int]] = {series: {} for series in given}
    of_ids = {(series.symbol_id, series.interval_id): series for series in given}
    spans = [
        (series.symbol_id, series.interval_id, times.from_ms(known.start_ms), times.from_ms(known.end_ms))
        for series, ranges in given.items()
        for known in ranges
    ]
    if not spans:
        return result
    with connection.cursor() as cursor:
        cursor.execute(TOUCHED, [list(column) for column in zip(*spans, strict=True)])
        for pk, symbol_id, interval_id, start, end, state in cursor.fetchall():
            result[of_ids[symbol_id, interval_id]][Range(times.to_ms(start), times.to_ms(end), state)] = pk
    return result


def _row(series: Series, known: Range) -> Coverage:
    start, end = times.from_ms(known.start_ms), times.from_ms(known.end_ms)
    return Coverage(
        symbol_id=series.symbol_id,
        interval_id=series.interval_id,
        start_time=start,
        end_time=end,
        state=known.state,
    )
