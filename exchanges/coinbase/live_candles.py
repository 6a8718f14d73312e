"""The candles of the channel `candles`: five minutes, each second anew, without a word when one is final. Pure."""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from exchanges.events import Candle

SETTLED_MS = 5_000  # updates come each second; none is to be expected so long after the end


class LiveCandles:
    """The newest candle of each market, by venue symbol."""

    def __init__(self) -> None:
        self._newest: dict[str, Candle] = {}

    def keep(self, markets: Collection[str]) -> None:
        """Forget the others."""
        self._newest = {market: candle for market, candle in self._newest.items() if market in markets}

    def forget(self) -> None:
        """Updates were lost: nothing that is known may be called final."""
        self._newest = {}

    def told(self, candles: Iterable[Candle]) -> Iterable[Candle]:
        """One frame's candles of any markets. One is closed when a later one shows up; also one that comes late."""
        for candle in sorted(candles, key=lambda candle: candle.open_ms):
            newest = self._newest.get(candle.venue_symbol)
            if newest and newest.closed and candle.open_ms == newest.open_ms:
                candle = replace(candle, closed=True)
            if newest is None or candle.open_ms >= newest.open_ms:
                self._newest[candle.venue_symbol] = candle
                if newest and candle.open_ms > newest.open_ms and not newest.closed:
                    yield _closed(newest, candle)
                yield candle
            else:
                yield _closed(candle, candle)

    def passed(self, exchange_us: int, received_ns: int) -> Iterable[Candle]:
        """The exchange's clock stands there: candles that ended before are closed, of a quiet market too."""
        for market, candle in self._newest.items():
            if not candle.closed and candle.close_ms + SETTLED_MS < exchange_us // 1000:
                closed = replace(candle, closed=True, event_us=exchange_us, received_ns=received_ns)
                self._newest[market] = closed
                yield closed


def _closed(candle: Candle, by: Candle) -> Candle:
    return replace(candle, closed=True, event_us=by.event_us, received_ns=by.received_ns)
