"""Candles out of Deribit's samples.

A sample has no sign of being final: it is when a later one begins. For a time without trades the exchange sends
samples of its own making, so a candle never has to be missed.
"""

from decimal import Decimal

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
