"""The order book: all known levels of both sides, and the deltas that keep a client's window of the best ones exact."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from exchanges.decimals import ZERO, Number
from exchanges.events import Level

WINDOW = 1000  # levels a side that clients see
MARGIN = 1.2  # a truncated side with fewer levels than this many windows needs a new snapshot soon
CAPACITY = 20_000  # levels kept a side; what is worse counts as unknown


class Book:
    """Both sides of one market; levels are canonical text, so equal prices are equal keys."""

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        # The sign is changed without arithmetic, which would round to the decimal context's precision.
        self.bids = Side(window, lambda price: Decimal(price).copy_negate())
        self.asks = Side(window, Decimal)

    def replace(self, bids: Iterable[Level], asks: Iterable[Level], limit: int | None = None) -> None:
        """Start from a snapshot. A side with `limit` levels was truncated: what lies beyond its worst is unknown."""
        self.bids.replace(bids, limit)
        self.asks.replace(asks, limit)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Set absolute quantities (0 removes), and return the delta of the window: both sides, best first.

        A level that leaves the window is told as 0, one that moves in with its quantity; what changes nothing inside
        the window is not told.
        """
        return self.bids.apply(bids), self.asks.apply(asks)

    def best(self, n: int | None = None) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The best `n` levels of both sides (the whole window by default), best first."""
        count = self.window if n is None else n
        return self.bids.best(count), self.asks.best(count)

    @property
    def crossed(self) -> bool:
        """True when the best bid is not below the best ask, which no real book shows."""
        bids, asks = self.bids.keys, self.asks.keys
        return bool(bids and asks) and bids[0].copy_negate() >= asks[0]

    @property
    def short(self) -> bool:
        """True when a truncated side has lost so many levels that the window will soon not be full."""
        return any(side.bound is not None and len(side.keys) < MARGIN * self.window for side in (self.bids, self.asks))


class Side:
    """One side: quantities by price, and the prices in order, best first. `keys` sort as the prices rank."""

    def __init__(self, window: int, key: Callable[[Number], Decimal]) -> None:
        self.keys: list[Decimal] = []
        self.bound: Decimal | None = None  # the worst key that is known; None when all levels are
        self._prices: list[Number] = []
        self._quantities: dict[Number, Number] = {}
        self._window = window
        self._key = key

    def replace(self, levels: Iterable[Level], limit: int | None) -> None:
        levels = tuple(levels)
        self._quantities = {price: quantity for price, quantity in levels if quantity != ZERO}
        self._prices = sorted(self._quantities, key=self._key)
        self.keys = [self._key(price) for price in self._prices]
        self.bound = self.keys[-1] if limit is not None and self.keys and len(levels) >= limit else None
        self._shorten()

    def apply(self, changes: Iterable[Level]) -> tuple[Level, ...]:
        change = _Change()
        for price, quantity in changes:
            if quantity == ZERO:
                self._remove(price, change)
            else:
                self._set(price, quantity, change)
        told = change.told()
        return tuple(told) if len(told) < 2 else tuple(sorted(told, key=lambda level: self._key(level[0])))

    def best(self, count: int) -> tuple[Level, ...]:
        quantities = self._quantities
        return tuple([(price, quantities[price]) for price in self._prices[:count]])

    def _set(self, price: Number, quantity: Number, change: "_Change") -> None:
        key = self._key(price)
        if self.bound is not None and key > self.bound:
            return
        old = self._quantities.get(price)
        self._quantities[price] = quantity
        if old is None:
            self._insert(price, key, quantity, change)
        elif len(self.keys) <= self._window or key <= self.keys[self._window - 1]:
            change.tell(price, old, quantity)

    def _insert(self, price: Number, key: Decimal, quantity: Number, change: "_Change") -> None:
        index = bisect_left(self.keys, key)
        self.keys.insert(index, key)
        self._prices.insert(index, price)
        if index < self._window:
            change.tell(price, None, quantity)
            if len(self.keys) > self._window:
                left = self._prices[self._window]
                change.tell(left, self._quantities[left], None)
        self._shorten()

    def _remove(self, price: Number, change: "_Change") -> None:
        old = self._quantities.pop(price, None)
        if old is None:
            return
        index = bisect_left(self.keys, self._key(price))
        del self.keys[index], self._prices[index]
        if index < self._window:
            change.tell(price, old, None)
            if len(self.keys) >= self._window:
                moved = self._prices[self._window - 1]
                change.tell(moved, None, self._quantities[moved])

    def _shorten(self) -> None:
        if len(self.keys) <= CAPACITY:
            return
        for price in self._prices[CAPACITY:]:
            del self._quantities[price]
        del self._prices[CAPACITY:], self.keys[CAPACITY:]
        self.bound = self.keys[-1]


class _Change:
    """What one delta did to the window: the quantity of each touched price before and after, None for outside."""

    __slots__ = ("_after", "_before")

    def __init__(self) -> None:
        self._before: dict[Number, Number | None] = {}
        self._after: dict[Number, Number | None] = {}

    def tell(self, price: Number, before: Number | None, after: Number | None) -> None:
        self._before.setdefault(price, before)
        self._after[price] = after

    def told(self) -> Sequence[Level]:
        before = self._before
        return [(price, after or ZERO) for price, after in self._after.items() if before[price] != after]
