"""An order book as a client of the stream keeps it: from snapshots and deltas, with exact prices."""

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

Level = tuple[Decimal, Decimal]  # price, quantity
WINDOW = 1000  # levels a side that the contract allows


class Book:
    """Prices are kept in order, the best last, so that most changes are near the end of a list."""

    def __init__(self) -> None:
        self._bids: list[Decimal] = []
        self._asks: list[Decimal] = []  # negated, so that the lowest is the last

    def replace(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        self._bids = sorted(price for price, _ in bids)
        self._asks = sorted(-price for price, _ in asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Absolute quantities; 0 removes the level."""
        for price, quantity in bids:
            _set(self._bids, price, bool(quantity))
        for price, quantity in asks:
            _set(self._asks, -price, bool(quantity))

    def fault(self) -> str:
        """What is wrong with the book; empty where nothing is."""
        if self._bids and self._asks and self._bids[-1] >= -self._asks[-1]:
            return f"crossed: {self._bids[-1]} is bid, {-self._asks[-1]} is asked"
        if max(len(self._bids), len(self._asks)) > WINDOW:
            return f"too long: {len(self._bids)} bids, {len(self._asks)} asks"
        return ""


def _set(prices: list[Decimal], price: Decimal, present: bool) -> None:
    at = bisect_left(prices, price)
    known = at < len(prices) and prices[at] == price
    if present and not known:
        prices.insert(at, price)
    elif known and not present:
        del prices[at]
