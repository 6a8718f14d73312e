"""The ticker of each market on one connection, where it is made from several streams or from partial frames. Pure."""

from collections.abc import Collection

from exchanges.decimals import Number
from exchanges.events import Ticker

Figures = dict[str, Number | None]  # by the names of Ticker's fields


class Tickers:
    """What each market's streams said last, by venue symbol."""

    def __init__(self) -> None:
        self._said: dict[str, Figures] = {}

    def keep(self, markets: Collection[str]) -> None:
        """Forget the others."""
        self._said = {market: figures for market, figures in self._said.items() if market in markets}

    def event(self, symbol: str, market: str, received_ns: int, event_us: int | None, figures: Figures) -> Ticker:
        """The figures of this frame beside what the market's other streams said last."""
        said = self._said.setdefault(market, {})
        said.update(figures)
        return Ticker(symbol=symbol, venue_symbol=market, received_ns=received_ns, event_us=event_us, **said)

    def changed(self, market: str, figures: Figures) -> bool:
        """Whether the figures differ from what is known of the market."""
        said = self._said.get(market, {})
        return any(said.get(name) != figure for name, figure in figures.items())

    def forget(self, figures: Collection[str]) -> None:
        """These figures of every market are no longer known."""
        for said in self._said.values():
            said.update(dict.fromkeys(figures))
