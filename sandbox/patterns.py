"""The patterns history is woven from: runs of trades, and patterns made of patterns up to a whole day.

A pattern is relative to the price it starts at, so its figures are known once for all the times it occurs.
Patterns come in pairs (2n, 2n + 1) of opposite drift, so that the price has no direction of its own.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sandbox.figures import Figures, figures_of

ORDER_SIZES = (1, 1, 2, 1, 3, 1, 1, 2)  # trades per taker order, in turn
NOISE = 7  # grid steps around the drift, at most
DRIFTS = {60_000: 12, 10_000: 5, 1_000: 2}  # largest drift of a run in grid steps, by its length in ms
MOST_TRADES = 131_072  # in all runs of one market; bounds memory and the time to make them
FEWEST_RUNS, MOST_RUNS = 4, 32
COMPOSITES = 16  # patterns on each level above


@dataclass(frozen=True, slots=True)
class Run:
    """The trades of one block. `mids` is the best bid's index before each trade; a buy is one step above it."""

    drift: int
    figures: Figures
    times_ms: list[int]  # from the block's start, never falling
    mids: list[int]
    buys: list[bool]
    lots: list[int]

    def part(self, start: int, end: int, base: int) -> Figures | None:
        """The figures of the trades [start, end) where the block begins at grid index `base`."""
        buys = self.buys[start:end]
        indices = [base + mid + buy for mid, buy in zip(self.mids[start:end], buys, strict=True)]
        return figures_of(indices, self.lots[start:end], buys)


@dataclass(frozen=True, slots=True)
class Weave:
    """A pattern of patterns: child n is pattern `children[n]` of the level below, `starts[n]` above the start."""

    drift: int
    figures: Figures
    starts: Sequence[int]
    children: Sequence[int]


def order_starts(trades: int) -> list[int]:
    """Where each taker order begins among the trades of a block; the same in every block."""
    starts, at = [], 0
    while at < trades:
        starts.append(at)
        at += ORDER_SIZES[(len(starts) - 1) % len(ORDER_SIZES)]
    return starts


def runs(dice: Random, block_ms: int, trades: int, typical_lots: int) -> list[Run]:
    """The pairs of runs of one market."""
    count = max(FEWEST_RUNS, min(MOST_RUNS, MOST_TRADES // trades)) // 2 * 2
    largest = DRIFTS[block_ms]
    drifts = [int(dice.random() * (2 * largest + 1)) - largest for _ in range(count // 2)]
    return [_run(dice, sign * drift, block_ms, trades, typical_lots) for drift in drifts for sign in (1, -1)]


def weaves(dice: Random, below: list[Run] | list[Weave], fan: int) -> list[Weave]:
    """The pairs of patterns of `fan` children each."""
    random, count = dice.random, len(below)
    picks = [[int(random() * count) for _ in range(fan)] for _ in range(COMPOSITES // 2)]
    return [_weave(below, [child ^ mirror for child in children]) for children in picks for mirror in (0, 1)]


def _weave(below: list[Run] | list[Weave], children: list[int]) -> Weave:
    starts, at = [], 0
    highs, lows = [], []
    volume = weighted = buy_volume = buy_weighted = trades = 0
    for child in children:
        pattern = below[child]
        _, high, low, _, child_volume, child_weighted, child_buys, child_buys_weighted, child_trades = pattern.figures
        starts.append(at)
        highs.append(at + high)
        lows.append(at + low)
        volume += child_volume
        weighted += child_weighted + at * child_volume
        buy_volume += child_buys
        buy_weighted += child_buys_weighted + at * child_buys
        trades += child_trades
        at += pattern.drift
    first, last = below[children[0]].figures.open, starts[-1] + below[children[-1]].figures.close
    figures = Figures(first, max(highs), min(lows), last, volume, weighted, buy_volume, buy_weighted, trades)
    return Weave(at, figures, array("q", starts), bytes(children))


def _run(dice: Random, drift: int, block_ms: int, trades: int, typical_lots: int) -> Run:
    random = dice.random
    orders = order_starts(trades)
    times_ms: list[int] = []
    mids: list[int] = []
    buys: list[bool] = []
    noise, buy = 0, random() < 0.5
    for number, (start, end) in enumerate(zip(orders, [*orders[1:], trades], strict=True)):
        noise += _step(random(), noise)
        buy = buy if random() < 0.55 else not buy
        size = end - start
        times_ms += [int((number + random()) * block_ms / len(orders))] * size
        mids += [drift * number // len(orders) + noise] * size
        buys += [buy] * size
    lots = [1 + int(typical_lots * random() ** 4) for _ in range(trades)]
    figures = figures_of([mid + buy for mid, buy in zip(mids, buys, strict=True)], lots, buys)
    assert figures is not None
    return Run(drift, figures, times_ms, mids, buys, lots)


def _step(chance: float, noise: int) -> int:
    """One step up, down or none; the further off, the likelier back."""
    if chance < 0.35 * (1 - noise / NOISE):
        return 1
    return -1 if chance > 1 - 0.35 * (1 + noise / NOISE) else 0
