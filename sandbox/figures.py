"""The figures of a run of trades, which can be moved along the price axis and added up without looking at a trade."""

from collections.abc import Iterable
from typing import NamedTuple


class Figures(NamedTuple):
    """Prices are grid indices; `weighted` sums index times lots, so that a shift by n adds n times the volume."""

    open: int
    high: int
    low: int
    close: int
    volume: int  # lots
    weighted: int
    buy_volume: int  # lots that takers bought
    buy_weighted: int
    trades: int

    def moved(self, by: int) -> "Figures":
        """The same trades, `by` grid steps higher."""
        return Figures(
            self.open + by, self.high + by, self.low + by, self.close + by, self.volume,
            self.weighted + by * self.volume, self.buy_volume, self.buy_weighted + by * self.buy_volume, self.trades,
        )  # fmt: skip


def added(parts: Iterable[Figures]) -> Figures | None:
    """The figures of runs that follow each other; None of nothing."""
    parts = list(parts)
    if len(parts) < 2:
        return parts[0] if parts else None
    _, highs, lows, _, volumes, weighted, buys, buys_weighted, trades = zip(*parts, strict=True)
    return Figures(
        parts[0].open, max(highs), min(lows), parts[-1].close, sum(volumes), sum(weighted), sum(buys),
        sum(buys_weighted), sum(trades),
    )  # fmt: skip


def figures_of(indices: list[int], lots: list[int], buys: list[bool]) -> Figures | None:
    """The figures of single trades: their prices, quantities, and whether the taker bought."""
    if not indices:
        return None
    worths = [index * quantity for index, quantity in zip(indices, lots, strict=True)]
    return Figures(
        indices[0], max(indices), min(indices), indices[-1], sum(lots), sum(worths),
        sum(quantity for quantity, buy in zip(lots, buys, strict=True) if buy),
        sum(worth for worth, buy in zip(worths, buys, strict=True) if buy),
        len(indices),
    )  # fmt: skip
