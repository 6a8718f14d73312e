"""Candles out of Deribit's samples, and which of a connection's candles are still running.

A sample has no sign of being final: it is when a later one begins. For a time without trades the exchange sends
samples of its own making, so a candle never has to be missed.
"""

from collections.abc import Collection, Iterable
from decimal import Decimal

from msgspec.structs import replace

from exchanges import intervals
from exchanges.decimals import Number, unsigned
from exchanges.deribit import names
from exchanges.deribit.frames import Sample
from exchanges.events import Candle


def candle(symbol: str, venue_symbol: str, interval: str, sample: Sample, received_ns: int, closed: bool) -> Candle:
    """BadFrame where it is not anchored in UTC."""
    open_ms = names.opened(interval, sample.tick)
    return Candle(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, interval=interval, open_ms=open_ms,
        close_ms=intervals.close_ms(interval, open_ms), open=unsigned(sample.open), high=unsigned(sample.high),
        low=unsigned(sample.low), close=unsigned(sample.close), volume=unsigned(sample.volume),
        quote_volume=_quote_volume(venue_symbol, sample.cost), trades=None, closed=closed,
    )  # fmt: skip


def _quote_volume(venue_symbol: str, cost: Decimal | None) -> Number | None:
    """Of an inverse option, whose price is in its base, no document says what `cost` is in."""
    spelled = names.spelled(venue_symbol)
    if cost is None or (spelled and spelled.inverse and spelled.kind == "option"):
        return None
    return unsigned(cost)


class Running:
    """The newest candle of each market and interval of one connection."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], Candle] = {}

    def keep(self, wanted: Collection[tuple[str, str]]) -> None:
        """Forget what is not (venue symbol, interval) of these."""
        self._newest = {key: candle for key, candle in self._newest.items() if key in wanted}

    def events(self, candle: Candle) -> Iterable[Candle]:
        """The candle; before it, the final figures of the one that it ends."""
        key = candle.venue_symbol, candle.interval
        newest = self._newest.get(key)
        if newest is not None and candle.open_ms < newest.open_ms:
            return (replace(candle, closed=True),)
        self._newest[key] = candle
        if newest is None or newest.open_ms == candle.open_ms:
            return (candle,)
        return replace(newest, closed=True, received_ns=candle.received_ns), candle
