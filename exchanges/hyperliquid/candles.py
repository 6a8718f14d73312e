"""The running candles of one connection. No candle says that it is final. Pure.

One is final when the next begins, or some seconds after its end: quiet markets send nothing for an empty interval.
An update that comes even later is told as the final candle anew.
"""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from exchanges.events import Candle

GRACE_MS = 10_000  # how late the last update comes is in no document


class Running:
    """The newest candle of each (venue symbol, interval)."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], Candle] = {}

    def keep(self, wanted: Collection[tuple[str, str]]) -> None:
        """Forget the others."""
        self._newest = {key: candle for key, candle in self._newest.items() if key in wanted}

    def events(self, candle: Candle) -> Iterable[Candle]:
        """The candle; before it, the final figures of the one that it ends."""
        key = candle.venue_symbol, candle.interval
        newest = self._newest.get(key)
        if newest is None or candle.open_ms > newest.open_ms:
            self._newest[key] = candle
            if newest is None or newest.closed:
                return (candle,)
            return replace(newest, closed=True, received_ns=candle.received_ns), candle
        if candle.open_ms < newest.open_ms or newest.closed:
            candle = replace(candle, closed=True)
        if candle.open_ms == newest.open_ms:
            self._newest[key] = candle
        return (candle,)

    def passed(self, now_ns: int) -> Iterable[Candle]:
        """Those whose time is over."""
        for key, candle in self._newest.items():
            if not candle.closed and candle.close_ms + GRACE_MS < now_ns // 1_000_000:
                self._newest[key] = replace(candle, closed=True, received_ns=now_ns)
                yield self._newest[key]
