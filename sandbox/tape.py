"""The tape: every trade of one market from the first day on, as a pure function of (seed, rate, symbol, time).

Every block of time has the same number of trades, so an id and its time are found from each other without a walk.
Blocks are woven into minutes, hours and days, so the figures of any range of ids are added up from few parts.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import NamedTuple

from sandbox.figures import Figures, added
from sandbox.listings import Listing
from sandbox.patterns import Run, Weave, order_starts, runs, weaves

FIRST_MS = 1_704_067_200_000  # 2024-01-01T00:00Z
# Trades per second from which on a block is so long, and the fans from blocks up to a day.
BLOCKS = ((20.0, 1_000, (60, 60, 24)), (2.0, 10_000, (6, 60, 24)), (0.0, 60_000, (60, 24)))
BAND = 4  # the price turns back when it is a quarter away from where it started
CACHED_BLOCKS = 8_192


class Print(NamedTuple):
    """One trade on the tape: `mid` is the best bid's index before it, `left` the lots its order has to take."""

    trade_id: int
    time_ms: int
    mid: int
    buy: bool
    lots: int
    left: int

    @property
    def index(self) -> int:
        return self.mid + self.buy


class Tape:
    """Ids begin at 1. Nothing here knows what time it is."""

    def __init__(self, seed: int, listing: Listing, trades_per_s: float) -> None:
        _, self.block_ms, self.fans = next(block for block in BLOCKS if trades_per_s >= block[0])
        self.trades_per_block = max(1, round(trades_per_s * self.block_ms / 1000))
        self.order_starts = order_starts(self.trades_per_block)
        dice = Random(f"{seed}:{listing.symbol}:tape")
        self._runs = runs(dice, self.block_ms, self.trades_per_block, listing.typical_lots)
        self._levels: list[list[Weave]] = []
        for fan in self.fans:
            self._levels.append(weaves(dice, self._levels[-1] if self._levels else self._runs, fan))
        self._day_dice = dice
        self._day_starts = array("q")
        self._day_patterns = array("b")
        self._next_day = self._first = listing.first_index
        self._find = lru_cache(CACHED_BLOCKS)(self._found)

    def last_id(self, until_ms: int) -> int:
        """The id of the last trade at or before the time; 0 if there is none."""
        return self._ids(until_ms, bisect_right)

    def first_id(self, from_ms: int) -> int:
        """The id of the first trade at or after the time."""
        return self._ids(from_ms, bisect_left) + 1

    def order_id(self, trade_id: int) -> int:
        block, place = divmod(trade_id - 1, self.trades_per_block)
        return block * len(self.order_starts) + bisect_right(self.order_starts, place)

    def order_trade_ids(self, order_id: int) -> tuple[int, int]:
        block, order = divmod(order_id - 1, len(self.order_starts))
        ends = [*self.order_starts[1:], self.trades_per_block]
        first = block * self.trades_per_block
        return first + self.order_starts[order] + 1, first + ends[order]

    def prints(self, first_id: int, last_id: int) -> Iterator[Print]:
        """The trades, oldest first, both ids included."""
        trade_id = max(1, first_id)
        while trade_id <= last_id:
            block, place = divmod(trade_id - 1, self.trades_per_block)
            end = min(self.trades_per_block, last_id - block * self.trades_per_block)
            yield from self._block_prints(block, place, end)
            trade_id = block * self.trades_per_block + end + 1

    def print(self, trade_id: int) -> Print:
        return next(self.prints(trade_id, trade_id))

    def mid(self, trade_id: int) -> int:
        """The grid index of the best bid before this trade."""
        block, place = divmod(trade_id - 1, self.trades_per_block)
        base, run = self.run(block)
        return base + run.mids[place]

    def figures(self, first_id: int, last_id: int) -> Figures | None:
        """The figures of the trades with these ids, both included; None where there are none."""
        if last_id < first_id:
            return None
        size = self.trades_per_block
        (low, start), (high, end) = divmod(first_id - 1, size), divmod(last_id, size)
        if low == high:
            return self._part(low, start, end)
        head = self._part(low, start, size) if start else None
        parts = [head, *self._whole(low + bool(start), high), self._part(high, 0, end) if end else None]
        return added(part for part in parts if part)

    def run(self, block: int) -> tuple[int, Run]:
        """The grid index where the block begins, and its trades."""
        base, number = self._find(0, block)
        return base, self._runs[number]

    def _ids(self, time_ms: int, bisect: type(bisect_left)) -> int:  # type: ignore[valid-type]
        if time_ms < FIRST_MS:
            return 0
        block, within_ms = divmod(time_ms - FIRST_MS, self.block_ms)
        return block * self.trades_per_block + bisect(self.run(block)[1].times_ms, within_ms)

    def _block_prints(self, block: int, start: int, end: int) -> Iterator[Print]:
        base, run = self.run(block)
        first_id, first_ms = block * self.trades_per_block + 1, FIRST_MS + block * self.block_ms
        lots = run.lots
        for place in range(start, end):
            order = bisect_right(self.order_starts, place)
            stop = self.order_starts[order] if order < len(self.order_starts) else self.trades_per_block
            left = lots[place] if stop == place + 1 else sum(lots[place:stop])
            yield Print(
                first_id + place,
                first_ms + run.times_ms[place],
                base + run.mids[place],
                run.buys[place],
                lots[place],
                left,
            )

    def _part(self, block: int, start: int, end: int) -> Figures | None:
        base, run = self.run(block)
        return run.part(start, end, base)

    def _whole(self, low: int, high: int) -> list[Figures]:
        """The figures of the blocks [low, high), taken from the longest patterns that fit."""
        heads: list[Figures] = []
        tails: list[Figures] = []
        for level, fan in enumerate((*self.fans, 0)):
            if fan:
                edge_low, edge_high = min(high, -(-low // fan) * fan), max(low, high // fan * fan)
            else:
                edge_low = edge_high = high
            if edge_low > edge_high:
                edge_low = edge_high = high
            heads += [self._pattern_figures(level, number) for number in range(low, edge_low)]
            tails[:0] = [self._pattern_figures(level, number) for number in range(edge_high, high)]
            if edge_low == edge_high:
                break
            low, high = edge_low // fan, edge_high // fan
        return heads + tails

    def _pattern_figures(self, level: int, number: int) -> Figures:
        base, pattern = self._find(level, number)
        patterns: list[Run] | list[Weave] = self._levels[level - 1] if level else self._runs
        return patterns[pattern].figures.moved(base)

    def _found(self, level: int, number: int) -> tuple[int, int]:
        """Where pattern `number` of a level begins, and which one it is."""
        if level == len(self.fans):
            return self._day(number)
        parent, place = divmod(number, self.fans[level])
        base, pattern = self._find(level + 1, parent)
        weave = self._levels[level][pattern]
        return base + weave.starts[place], weave.children[place]

    def _day(self, day: int) -> tuple[int, int]:
        if day >= len(self._day_starts):
            self._reach(day)
        return self._day_starts[day], self._day_patterns[day]

    def _reach(self, day: int) -> None:
        """Goes on from the last day known. Far from where the price started, a day that leads back is taken."""
        drifts = [pattern.drift for pattern in self._levels[-1]]
        random, count, first, start = self._day_dice.random, len(drifts), self._first, self._next_day
        for _ in range(len(self._day_starts), day + 1):
            pattern = int(random() * count)
            away = start - first
            if away * drifts[pattern] > 0 and abs(away) * BAND > first:
                pattern ^= 1
            self._day_starts.append(start)
            self._day_patterns.append(pattern)
            start += drifts[pattern]
        self._next_day = start
