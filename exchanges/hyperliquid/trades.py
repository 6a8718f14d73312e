"""Which trades are new: after every subscription the exchange repeats a market's last ones, without a sign. Pure.

An id is unique within its market and time only, and runs in no order: a loss cannot be seen by it.
"""

from collections.abc import Iterable

from exchanges.events import Trade

KEPT = 500  # of each market; the exchange repeats twenty or thirty
HISTORY_US = 15_000_000  # a live trade takes 12 s to arrive at worst
BRIDGED_US = 600_000_000  # what is older is history, not a gap


class Said:
    """What was said of each market, over the connections of one process: what is repeated bridges a short gap."""

    def __init__(self) -> None:
        self.by_market: dict[str, dict[tuple[int | None, str], None]] = {}


class NewTrades:
    """Of one connection."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._met: set[str] = set()  # markets whose repetition has come
        self._wanted: set[str] = set()

    def want(self, markets: set[str]) -> None:
        """What nobody wants any more is forgotten: it begins anew."""
        for market in self._wanted - markets:
            self._said.by_market.pop(market, None)
            self._met.discard(market)
        self._wanted = set(markets)

    def events(self, market: str, trades: list[Trade], received_ns: int) -> Iterable[Trade]:
        """Those of one frame that were not said before; of the first frame of a market that is new here, only those
        of the present."""
        first = market in self._wanted and market not in self._met
        self._met.add(market)
        known = self._said.by_market.get(market)
        since_us = received_ns // 1000 - HISTORY_US if first and known is None else None
        if first and known:
            last_us = max(time_us or 0 for time_us, _ in known)
            since_us = max(last_us, received_ns // 1000 - BRIDGED_US)
        said = self._said.by_market.setdefault(market, {})
        for trade in trades:
            key = trade.trade_us, trade.trade_id
            if key in said:
                continue
            said[key] = None
            if since_us is None or (trade.trade_us or 0) >= since_us:
                yield trade
        for key in list(said)[: len(said) - KEPT] if len(said) > KEPT else ():
            del said[key]
