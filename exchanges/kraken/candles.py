"""Kraken's candles have no closed flag: the running one of each stream, and when it is over. Pure."""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from exchanges.events import Candle

Key = tuple[str, str]  # venue symbol, interval
GRACE_MS = 10_000  # an empty bucket sends nothing, so the clock has to say that the one before is over


class Candles:
    """The candle that each stream spoke of last."""

    def __init__(self) -> None:
        self._last: dict[Key, Candle] = {}

    def keep(self, keys: Collection[Key]) -> None:
        """Forget the others."""
        self._last = {key: candle for key, candle in self._last.items() if key in keys}

    def snapshot(self, candles: list[Candle]) -> Iterable[Candle]:
        """Recent candles of one stream, oldest first; the last one is running."""
        for candle in candles[:-1]:
            yield replace(candle, closed=True)
        for candle in candles[-1:]:
            self._last.pop((candle.venue_symbol, candle.interval), None)
            yield from self.update(candle)

    def update(self, candle: Candle) -> Iterable[Candle]:
        """A later candle closes the one before it."""
        key = candle.venue_symbol, candle.interval
        last = self._last.get(key)
        if last and candle.open_ms > last.open_ms and not last.closed:
            yield replace(last, closed=True, received_ns=candle.received_ns, event_us=candle.event_us)
        if last and (candle.open_ms < last.open_ms or (last.closed and candle.open_ms == last.open_ms)):
            candle = replace(candle, closed=True)  # a late correction
        if not last or candle.open_ms >= last.open_ms:
            self._last[key] = candle
        yield candle

    def tick(self, now_ns: int) -> Iterable[Candle]:
        """Candles that are over by the clock, and by a grace for what is under way."""
        latest_ms = now_ns // 1_000_000 - GRACE_MS
        for key, candle in self._last.items():
            if not candle.closed and candle.close_ms < latest_ms:
                self._last[key] = replace(candle, closed=True, received_ns=now_ns, event_us=None)
                yield self._last[key]
