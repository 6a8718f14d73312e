"""Which series of candles the clock keeps whole: those that are stored up to near the present."""

from collections.abc import Callable, Iterable, Iterator

from django.db.models import Min

from exchanges import intervals
from marketdata import coverage, pull, times
from marketdata.coverage import Span
from marketdata.models import Coverage, Interval, Symbol

NEAR = 1_000  # intervals: a series that ends further back is not followed, and holes further back are a backfill's work

# Others may name series that must be kept too, as (exchange, symbol, interval): streams/ knows what is pinned.
also: list[Callable[[], Iterable[tuple[str, str, str]]]] = []


def series(exchange: str) -> Iterator[tuple[Symbol, Interval, list[Span]]]:
    """Each series with holes among its last NEAR candles, and the holes."""
    now_ms = times.now_ms()
    named = {(symbol, interval) for source in also for code, symbol, interval in source() if code == exchange}
    for interval in Interval.objects.filter(exchange=exchange):
        near_ms = coverage.aligned(interval.code, now_ms - NEAR * intervals.length_ms(interval.code), now_ms)[0]
        starts_ms = {symbol: near_ms for symbol, code in named if code == interval.code} | _stored(interval, near_ms)
        for symbol in Symbol.objects.filter(exchange=exchange, symbol__in=starts_ms).exclude(status="delisted"):
            spans = _holes(symbol, interval, max(near_ms, starts_ms[symbol.symbol]))
            if spans:
                yield symbol, interval, spans


def _stored(interval: Interval, near_ms: int) -> dict[str, int]:
    """By symbol, from when on candles are stored, of the series that reach to `near_ms`."""
    rows = Coverage.objects.filter(interval=interval, end_time__gte=times.from_ms(near_ms)).order_by()
    starts = rows.values_list("symbol__symbol").annotate(Min("start_time"))
    return {symbol: times.to_ms(start) for symbol, start in starts}


def _holes(symbol: Symbol, interval: Interval, start_ms: int) -> list[Span]:
    """What is settled only: the newest candle comes live, where the market is streamed."""
    end_ms = pull.settled_ms(symbol, interval)
    return pull.missing(symbol, interval, start_ms, end_ms) if start_ms < end_ms else []
