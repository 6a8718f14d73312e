"""Which trades are new: after every subscription the exchange repeats a market's last ones, without a sign. Pure.

An id is unique within its market and time only, and runs in no order: a loss cannot be seen by it.
"""

from collections.abc import Iterable

from exchanges.events import Trade

KEPT = 500  # of each market; the exchange repeats twenty or thirty
HISTORY_US = 15_000_000  # a live trade takes 12 s to arrive at worst
BRIDGED_US = 600_000_000  # what is older is history, not a gap


class Said:
    """When the newest trade of each market happened (us), over the connections of one process: from there on what is
    repeated bridges a short gap."""

    def __init__(self) -> None:
        self.newest_us: dict[str, int] = {}


class NewTrades:
    """Of one connection."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._heard: dict[str, dict[tuple[int | None, str], None]] = {}  # by market
        self._wanted: set[str] = set()

    def want(self, markets: set[str]) -> None:
        """What nobody wants any more is forgotten: it begins anew."""
        for market in self._wanted - markets:
            self._said.newest_us.pop(market, None)
            self._heard.pop(market, None)
        self._wanted = set(markets)

    def events(self, market: str, trades: list[Trade], received_ns: int) -> Iterable[Trade]:
        """Those of one frame that were not heard before; of the first frame of a market that is new here, only those
        of the present. Where an earlier connection knew the market, those from the newest that it heard on, that one
        included: it comes again, which shows that the exchange has repeated all that was missed."""
        since_us = self._since_us(market, received_ns // 1000)
        heard = self._heard.setdefault(market, {})
        for trade in trades:
            key, time_us = (trade.trade_us, trade.trade_id), trade.trade_us or 0
            if key in heard:
                continue
            heard[key] = None
            if time_us >= since_us:
                self._said.newest_us[market] = max(time_us, self._said.newest_us.get(market, 0))
                yield trade
        for key in list(heard)[: len(heard) - KEPT] if len(heard) > KEPT else ():
            del heard[key]

    def _since_us(self, market: str, now_us: int) -> int:
        """From when on the trades of a frame are told."""
        if market not in self._wanted or market in self._heard:
            return 0
        newest_us = self._said.newest_us.get(market)
        return now_us - HISTORY_US if newest_us is None else max(newest_us, now_us - BRIDGED_US)
