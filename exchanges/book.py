"""The order book: all known levels of both sides, and the deltas that keep a client's window of the best ones exact."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from decimal import Decimal
from math import ceil

from exchanges.decimals import ZERO, Number
from exchanges.events import Level

WINDOW = 1000  # levels a side that clients see
MARGIN = 1.2  # a truncated side with fewer levels than this many windows needs a new snapshot soon
CAPACITY = 20_000  # levels kept a side; what is worse counts as unknown


class Book:
    """Both sides of one market; levels are canonical text, so equal prices are equal keys."""

    def __init__(self, window: int = WINDOW, kept: int | None = None) -> None:
        """`kept`: the exchange speaks of so many levels a side only; one that is pushed beyond them is forgotten."""
        self.window = window if kept is None else min(window, kept)
        # The sign is changed without arithmetic, which would round to the decimal context's precision.
        self.bids = Side(self.window, lambda price: Decimal(price).copy_negate(), kept)
        self.asks = Side(self.window, Decimal, kept)

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

    def thin(self, levels: int) -> bool:
        """True when a truncated side has fewer levels left."""
        return any(side.bound is not None and len(side.keys) < levels for side in (self.bids, self.asks))

    @property
    def short(self) -> bool:
        """True when a truncated side has lost so many levels that the window will soon not be full."""
        return self.thin(ceil(MARGIN * self.window))


# What one delta did to the window: key, then the quantity before and after by price, None for outside.
Touched = dict[Number, tuple[Decimal, Number | None, Number | None]]


class Side:
    """One side: quantities by price, and the prices in order, best first. `keys` sort as the prices rank."""

    def __init__(self, window: int, key: Callable[[Number], Decimal], kept: int | None = None) -> None:
        self.keys: list[Decimal] = []
        self.bound: Decimal | None = None  # the worst key that is known; None when all levels are
        self._prices: list[Number] = []
        self._quantities: dict[Number, Number] = {}
        self._window = window
        self._kept = kept
        self._key = key

    def replace(self, levels: Iterable[Level], limit: int | None) -> None:
        levels = tuple(levels)
        self._quantities = {price: quantity for price, quantity in levels if quantity != ZERO}
        self._prices = sorted(self._quantities, key=self._key)
        self.keys = [self._key(price) for price in self._prices]
        self.bound = self.keys[-1] if limit is not None and self.keys and len(levels) >= limit else None
        if len(self.keys) > (self._kept or CAPACITY):
            self._shorten()

    def apply(self, changes: Iterable[Level]) -> tuple[Level, ...]:
        keys, quantities, bound, window = self.keys, self._quantities, self.bound, self._window
        touched: Touched = {}
        for price, quantity in changes:
            key = self._key(price)
            if bound is not None and key > bound:
                continue
            old = quantities.get(price)
            if quantity == ZERO:
                if old is not None:
                    self._remove(key, price, old, touched)
            elif old is None:
                self._insert(key, price, quantity, touched)
            else:
                quantities[price] = quantity
                if len(keys) <= window or key <= keys[window - 1]:
                    _touch(touched, key, price, old, quantity)
        if len(keys) > (self._kept or CAPACITY):
            self._shorten()
        return _told(touched)

    def best(self, count: int) -> tuple[Level, ...]:
        quantities = self._quantities
        return tuple([(price, quantities[price]) for price in self._prices[:count]])

    def _insert(self, key: Decimal, price: Number, quantity: Number, touched: Touched) -> None:
        keys, window = self.keys, self._window
        index = bisect_left(keys, key)
        keys.insert(index, key)
        self._prices.insert(index, price)
        self._quantities[price] = quantity
        if index < window:
            _touch(touched, key, price, None, quantity)
            if len(keys) > window:
                left = self._prices[window]
                _touch(touched, keys[window], left, self._quantities[left], None)

    def _remove(self, key: Decimal, price: Number, old: Number, touched: Touched) -> None:
        keys, window = self.keys, self._window
        index = bisect_left(keys, key)
        del keys[index], self._prices[index], self._quantities[price]
        if index < window:
            _touch(touched, key, price, old, None)
            if len(keys) >= window:
                moved = self._prices[window - 1]
                _touch(touched, keys[window - 1], moved, None, self._quantities[moved])

    def _shorten(self) -> None:
        most = self._kept or CAPACITY
        for price in self._prices[most:]:
            del self._quantities[price]
        del self._prices[most:], self.keys[most:]
        if self._kept is None:  # otherwise the exchange tells of a level again once there is room for it
            self.bound = self.keys[-1]


def _touch(touched: Touched, key: Decimal, price: Number, before: Number | None, after: Number | None) -> None:
    earlier = touched.get(price)
    touched[price] = (key, before if earlier is None else earlier[1], after)


def _told(touched: Touched) -> tuple[Level, ...]:
    told = [(key, price, after or ZERO) for price, (key, before, after) in touched.items() if before != after]
    told.sort()
    return tuple([(price, quantity) for _, price, quantity in told])
