"""`depth_5` of one connection: fast books, the best five levels, whole each time, unchanged or not. Pure."""

from collections.abc import Collection, Iterable

from exchanges.events import Depth, Event, Gap
from exchanges.hyperliquid.heard import Heard
from exchanges.hyperliquid.readings import Sides
from exchanges.symbols import Instruments

STREAM, LEVELS = "depth_5", 5


class FastBooks:
    """The last picture of each market, by venue symbol."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._last: dict[str, tuple[int, Sides]] = {}  # its time in milliseconds, its levels
        self._heard = Heard()

    def want(self, markets: Collection[str]) -> None:
        """The markets wanted from now on."""
        self._last = {market: last for market, last in self._last.items() if market in markets}
        self._heard.keep(markets)

    def frame(self, market: str, sides: Sides, time_ms: int, received_ns: int) -> Iterable[Event]:
        """The best levels; nothing where they are as they were, or older than the last."""
        last_ms, last = self._last.get(market, (0, None))
        if time_ms < last_ms:
            return ()
        self._heard.at(market, received_ns)
        bids, asks = sides[0][:LEVELS], sides[1][:LEVELS]
        self._last[market] = time_ms, (bids, asks)
        if (bids, asks) == last:
            return ()
        return (
            Depth(
                symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=received_ns,
                event_us=time_ms * 1000, stream=STREAM, type="snapshot", bids=bids, asks=asks,
            ),
        )  # fmt: skip

    def silent(self, now_ns: int) -> Iterable[str | Event]:
        """Each market that has said nothing for too long, and the gaps where its picture stood till now."""
        for market in self._heard.silent(now_ns):
            yield market
            if last := self._last.pop(market, None):
                yield Gap(
                    symbol=self._instruments.symbol(market), venue_symbol=market, received_ns=now_ns,
                    event_us=last[0] * 1000, stream=STREAM, reason="stale", from_us=last[0] * 1000,
                )  # fmt: skip
