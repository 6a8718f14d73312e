"""Trades whose ids run without a hole, so that a hole is a loss and an old id a repetition. Pure."""

from collections.abc import Collection

from exchanges.events import Gap, Trade


class TradeIds:
    """Place and time (us) of the last trade that was said, by venue symbol."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int | None]] = {}

    def keep(self, markets: Collection[str]) -> None:
        """Forget the others: ids may jump while nobody wants the trades."""
        self._last = {market: last for market, last in self._last.items() if market in markets}

    def events(self, trade: Trade) -> tuple[Trade] | tuple[Gap, Trade] | tuple[()]:
        """One that was said before is dropped, one that is missing is a gap. The place must be an integer's text."""
        trade_id = int(trade.place)
        last_id, last_us = self._last.get(trade.venue_symbol, (trade_id - 1, None))
        if trade_id <= last_id:
            return ()
        self._last[trade.venue_symbol] = trade_id, trade.event_us
        if trade_id == last_id + 1:
            return (trade,)
        gap = Gap(
            symbol=trade.symbol, venue_symbol=trade.venue_symbol, received_ns=trade.received_ns,
            event_us=trade.event_us, stream="trade", reason="sequence", from_us=last_us,
        )  # fmt: skip
        return gap, trade
