"""The running candles of one connection, for exchanges whose candles do not say that they are final. Pure.

One is final when the next begins, or some seconds after its end: quiet markets send nothing for an empty interval.
"""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from exchanges.events import Candle

GRACE_MS = 10_000  # how late the last update may come is in no document


class RunningCandles:
    """The newest candle of each (venue symbol, interval)."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], Candle] = {}

    def keep(self, wanted: Collection[tuple[str, str]]) -> None:
        """Forget the others."""
        self._newest = {key: candle for key, candle in self._newest.items() if key in wanted}

    def snapshot(self, candles: list[Candle]) -> Iterable[Candle]:
        """Recent candles of one stream, oldest first; the last one is running, whatever was said of it before."""
        for candle in candles[:-1]:
            yield replace(candle, closed=True)
        for candle in candles[-1:]:
            self._newest[candle.venue_symbol, candle.interval] = candle
            yield candle

    def update(self, candle: Candle) -> Iterable[Candle]:
        """The candle; before it, the final figures of the one that it ends. One that comes late is final."""
        key = candle.venue_symbol, candle.interval
        newest = self._newest.get(key)
        if newest is None or candle.open_ms > newest.open_ms:
            self._newest[key] = candle
            if newest is None or newest.closed:
                return (candle,)
            ended = replace(newest, closed=True, received_ns=candle.received_ns, event_us=candle.event_us)
            return ended, candle
        if candle.open_ms < newest.open_ms:
            return (replace(candle, closed=True),)
        self._newest[key] = replace(candle, closed=True) if newest.closed else candle
        return (self._newest[key],)

    def passed(self, now_ns: int) -> Iterable[Candle]:
        """Those whose time is over."""
        latest_ms = now_ns // 1_000_000 - GRACE_MS
        for key, candle in self._newest.items():
            if not candle.closed and candle.close_ms < latest_ms:
                self._newest[key] = replace(candle, closed=True, received_ns=now_ns, event_us=None)
                yield self._newest[key]
