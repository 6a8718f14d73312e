"""What a loop hears of a shard that another loop still carries: kept until the other hands it over."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from exchanges.contract import Want
from exchanges.decimals import ZERO
from exchanges.events import Candle, Counted, Depth, Gap, Level, Trade

Wants = frozenset[Want]
Sides = tuple[list[Level], list[Level]]  # of a book: bids and asks

HEARD = 20_000  # events of a topic that wait; more come only where the other does not let go


class Said(NamedTuple):
    """What the other has said of a topic since: what names each event, and whether all of it was still kept."""

    ids: Collection[str] = ()
    whole: bool = True


NOTHING = Said()


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
            case Gap() if is_identified(want):
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

    def follows(self, said: Mapping[Want, Said]) -> bool:
        """Whether what was heard goes on from what the other has said, since something was both heard here and said
        there: else the other may have been behind, and stopped before it came to what was heard here first."""
        heard = [(want, identity(event)) for want, events in self._heard.items() for event in events]
        named = [(want, name) for want, name in heard if name is not None]
        return not named or any(want in said and name in said[want].ids for want, name in named)

    def unsaid(self, want: Want, said: Said = NOTHING, until_us: int | None = None) -> list[Counted]:
        """What the other has not said: trades and closed candles by what names them; and the newest picture, unless
        the other had a newer one, its last event being of `until_us`. Both hear the exchange in the same order."""
        heard = list(self._heard.get(want, ()))
        if not said.whole:
            known = [number for number, event in enumerate(heard) if identity(event) in said.ids]
            heard = heard[known[-1] + 1 :] if known else heard
        unsaid = [event for event in heard if identity(event) is not None and identity(event) not in said.ids]
        if heard and identity(heard[-1]) is None and not _is_old(heard[-1], said, until_us):
            unsaid.append(heard[-1])
        return unsaid


def _is_old(picture: Counted, said: Said, until_us: int | None) -> bool:
    """Of a candle that was said closed, or from before the other's last event."""
    if isinstance(picture, Candle) and str(picture.open_ms) in said.ids:
        return True
    return None not in (picture.event_us, until_us) and picture.event_us <= until_us


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
