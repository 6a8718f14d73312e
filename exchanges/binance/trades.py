"""The trades of each market on one connection: their ids run without a hole, so a hole is a loss."""

from collections.abc import Collection

from exchanges.binance import frames, names
from exchanges.decimals import unsigned
from exchanges.events import Gap, Trade


class Trades:
    """Id and time (us) of the last trade that was said, by venue symbol."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}

    def keep(self, markets: Collection[str]) -> None:
        """Forget the others: ids may jump while nobody wants the trades."""
        self._last = {market: last for market, last in self._last.items() if market in markets}

    def events(
        self, symbol: str, match: frames.Match, received_ns: int
    ) -> tuple[Trade] | tuple[Gap, Trade] | tuple[()]:
        """One that was said before is dropped, one that is missing is a gap."""
        last_id, last_us = self._last.get(match.s, (match.t - 1, None))
        if match.t <= last_id:
            return ()
        told = trade(symbol, match, match.t, received_ns)
        self._last[match.s] = match.t, names.micros(match.E)
        if match.t == last_id + 1:
            return (told,)
        gap = Gap(
            symbol=symbol, venue_symbol=match.s, received_ns=received_ns, event_us=told.event_us, stream="trade",
            reason="sequence", from_us=last_us,
        )  # fmt: skip
        return gap, told


def trade(symbol: str, match: frames.Match | frames.Aggregate, trade_id: int, received_ns: int) -> Trade:
    return Trade(
        symbol=symbol, venue_symbol=match.s, received_ns=received_ns, event_us=names.micros(match.E),
        trade_id=str(trade_id), price=unsigned(match.p), quantity=unsigned(match.q),
        side=names.side(match.m), trade_us=names.micros(match.T),
    )  # fmt: skip
