"""What is stored of one market's candles, for people: ranges, holes, the last candle."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, pairwise
from typing import NamedTuple

from marketdata.models import Candle, Coverage, Interval, Symbol


class History(NamedTuple):
    """One interval: the newest known ranges, how many holes lie between all of them, the last candle's opening."""

    symbol: Symbol
    interval: Interval
    ranges: list[Coverage]
    holes: int
    last: datetime | None


def history(symbol: Symbol, most_ranges: int) -> list[History]:
    """Of each interval of which anything is known, the shortest first."""
    return list(_histories(symbol, most_ranges))


def _histories(symbol: Symbol, most_ranges: int) -> Iterator[History]:
    rows = Coverage.objects.filter(symbol=symbol).select_related("interval")
    for interval, found in groupby(rows.order_by("interval__length_ms", "start_time"), lambda row: row.interval):
        ranges = list(found)
        holes = sum(one.end_time < other.start_time for one, other in pairwise(ranges))
        candles = Candle.objects.filter(symbol=symbol, interval=interval).order_by("-open_time")
        yield History(
            symbol,
            interval,
            ranges[: -most_ranges - 1 : -1],
            holes,
            candles.values_list("open_time", flat=True).first(),
        )
