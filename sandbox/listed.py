"""Each exchange as it is served: without the markets that a fault has delisted there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from exchanges.invented import Exchange, Invented
from exchanges.symbols import Instrument

Made = Callable[[Any], Exchange]


class Without:
    """The invented market, some symbols left out of its list."""

    def __init__(self, market: Invented, gone: frozenset[str]) -> None:
        self._market, self._gone = market, gone

    def instruments(self) -> Sequence[Instrument]:
        return [one for one in self._market.instruments() if one.symbol not in self._gone]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market, name)


class Listed:
    """`exchanges` by code, whole; another of its kind over a smaller market while symbols are gone."""

    def __init__(self, market: Invented, exchanges: Mapping[str, Exchange]) -> None:
        self._market, self._whole = market, exchanges
        self._smaller: dict[str, tuple[frozenset[str], Exchange]] = {}

    def of(self, code: str, gone: frozenset[str]) -> Exchange | None:
        """None where no exchange has this code."""
        whole = self._whole.get(code)
        if whole is None or not gone:
            return whole
        known = self._smaller.get(code)
        if known is None or known[0] != gone:
            made: Made = type(whole)
            known = self._smaller[code] = gone, made(Without(self._market, gone))
        return known[1]
