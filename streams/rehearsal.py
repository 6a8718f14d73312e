"""What a loop hears of a shard that another loop still carries: kept until the other hands it over."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from exchanges.contract import Want
from exchanges.decimals import ZERO
from exchanges.events import Candle, Counted, Depth, Gap, Level, Trade

Wants = frozenset[Want]
Sides = tuple[list[Level], list[Level]]  # of a book: bids and asks

HEARD = 20_000  # events of a topic that wait; more come only where the other does not let go


class Rehearsal:
    """The events of one shard, which the other may have said too. Of a book only whether it is proven."""

    def __init__(self, wants: Iterable[Want]) -> None:
        self._heard: dict[Want, deque[Counted]] = {want: deque(maxlen=_most(want)) for want in wants}
        self._unproven = {want for want in self._heard if want[0].startswith("depth")}
        self.broken = False  # more was heard than is kept, or a trade is missing: it has to begin anew

    @property
    def proven(self) -> bool:
        """Every book is."""
        return not self._unproven

    def take(self, event: Counted) -> None:
        want = event.stream, event.symbol
        heard = self._heard.get(want)
        if heard is None:
            return
        match event:
            case Gap(stream="trade"):
                self.broken = True
            case Gap():
                heard.clear()
                self._unproven.update({want} if want[0].startswith("depth") else ())
            case Depth(stream="depth"):
                self._unproven.difference_update({want} if event.type == "snapshot" else ())
            case _:
                self._unproven.discard(want)
                self.broken |= len(heard) == heard.maxlen and heard.maxlen > 1
                heard.append(event)

    def unsaid(self, want: Want, said: set[str]) -> list[Counted]:
        """What the other has not said: trades and closed candles by what identifies them, else the newest picture."""
        return [event for event in self._heard.get(want, ()) if identity(event) not in said]


def identity(event: Counted) -> str | None:
    """What names the event wherever it is said; None where a newer one replaces it."""
    match event:
        case Trade():
            return event.trade_id
        case Candle(closed=True):
            return str(event.open_ms)
    return None


def difference(before: Sides, after: Depth) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """The delta, in absolute quantities, that makes the second book of the first; best first."""
    bids, asks = before
    return _changes(bids, after.bids, dearest_first=True), _changes(asks, after.asks, dearest_first=False)


def _changes(before: Iterable[Level], after: Iterable[Level], dearest_first: bool) -> tuple[Level, ...]:
    had, has = dict(before), dict(after)
    gone = [(price, ZERO) for price in had if price not in has]
    changed = [level for level in has.items() if had.get(level[0]) != level[1]]
    return tuple(sorted(gone + changed, key=lambda level: Decimal(level[0]), reverse=dearest_first))


def is_identified(want: Want) -> bool:
    """Whether the stream's events have an identity: trades and candles do."""
    return want[0] == "trade" or want[0].startswith("candle")


def _most(want: Want) -> int:
    return HEARD if is_identified(want) else 1
