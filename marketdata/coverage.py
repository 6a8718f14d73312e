"""Which candles are known and which must be asked for: ranges of opening times, half-open, in ms. Pure."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from exchanges import intervals

State = Literal["complete", "empty"]
Span = tuple[int, int]  # [start_ms, end_ms)

# Many exchanges leave out candles without trades. Shorter holes are told from the rows themselves when they are
# served; only longer ones (downtime, before the listing) are worth a range of their own.
LONG_HOLE = 100  # intervals
# Exchanges publish the last candle some time after it ended: until then its absence proves nothing.
SETTLE_MS = 60_000


class Range(NamedTuple):
    """Candles that open in [start_ms, end_ms): all stored (`complete`), or known to have no trades (`empty`)."""

    start_ms: int
    end_ms: int
    state: State


def combined(ranges: Iterable[Range]) -> list[Range]:
    """The same knowledge in the fewest ranges, sorted, without overlap; where two disagree, `complete` wins."""
    ranges = list(ranges)
    complete = united((r.start_ms, r.end_ms) for r in ranges if r.state == "complete")
    empty = united((r.start_ms, r.end_ms) for r in ranges if r.state == "empty")
    rest = [part for span in empty for part in without(span, complete)]
    return sorted([Range(*span, "complete") for span in complete] + [Range(*span, "empty") for span in rest])


def missing(start_ms: int, end_ms: int, ranges: Iterable[Range]) -> list[Span]:
    """The parts of [start_ms, end_ms) of which nothing is known."""
    return list(without((start_ms, end_ms), united((r.start_ms, r.end_ms) for r in ranges)))


def clipped(start_ms: int, end_ms: int, ranges: Iterable[Range]) -> list[Range]:
    """What the ranges say about [start_ms, end_ms)."""
    cut = (Range(max(r.start_ms, start_ms), min(r.end_ms, end_ms), r.state) for r in ranges)
    return combined(r for r in cut if r.start_ms < r.end_ms)


def answered(
    interval: str, start_ms: int, end_ms: int, opens_ms: Iterable[int], long_hole: int = LONG_HOLE
) -> list[Range]:
    """What is known where all candles of [start_ms, end_ms) have these openings; a hole is `empty` where it is long."""
    inside = sorted({open_ms for open_ms in opens_ms if start_ms <= open_ms < end_ms})
    holes = list(_long_holes(interval, start_ms, end_ms, inside, long_hole * intervals.length_ms(interval)))
    complete = [Range(*span, "complete") for span in without((start_ms, end_ms), holes)]
    return combined([*complete, *(Range(*hole, "empty") for hole in holes)])


def around(interval: str, opens_ms: Iterable[int]) -> list[Range]:
    """What single candles prove: each its own interval."""
    return combined(Range(at_ms, intervals.next_open_ms(interval, at_ms), "complete") for at_ms in opens_ms)


def aligned(interval: str, start_ms: int, end_ms: int) -> Span:
    """The range with the same openings whose ends are openings."""
    return _opening_from(interval, start_ms), _opening_from(interval, end_ms)


def settled_ms(interval: str, now_ms: int, settle_ms: int = SETTLE_MS) -> int:
    """Candles that open before this moment have ended so long ago that the source must have them."""
    return intervals.open_ms(interval, now_ms - settle_ms)


def united(spans: Iterable[Span]) -> list[Span]:
    """The union: sorted, neither overlapping nor touching."""
    result: list[Span] = []
    for start_ms, end_ms in sorted(span for span in spans if span[0] < span[1]):
        if result and start_ms <= result[-1][1]:
            result[-1] = (result[-1][0], max(end_ms, result[-1][1]))
        else:
            result.append((start_ms, end_ms))
    return result


def without(span: Span, cut: Iterable[Span]) -> Iterator[Span]:
    """The parts of the span that no part of `cut` (as united() gives it) overlaps."""
    at_ms, end_ms = span
    for cut_start_ms, cut_end_ms in cut:
        if cut_end_ms <= at_ms:
            continue
        if cut_start_ms >= end_ms:
            break
        if cut_start_ms > at_ms:
            yield at_ms, cut_start_ms
        at_ms = cut_end_ms
    if at_ms < end_ms:
        yield at_ms, end_ms


def _long_holes(interval: str, start_ms: int, end_ms: int, opens_ms: list[int], long_ms: int) -> Iterator[Span]:
    if not opens_ms:
        yield start_ms, end_ms
        return
    known_ms = [start_ms, *(intervals.next_open_ms(interval, open_ms) for open_ms in opens_ms)]
    for hole_start_ms, hole_end_ms in zip(known_ms, [*opens_ms, end_ms], strict=True):
        if hole_end_ms - hole_start_ms >= long_ms:
            yield hole_start_ms, hole_end_ms


def _opening_from(interval: str, time_ms: int) -> int:
    opened_ms = intervals.open_ms(interval, time_ms)
    return opened_ms if opened_ms == time_ms else intervals.next_open_ms(interval, opened_ms)
