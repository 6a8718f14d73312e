"""The order book of one market as a pure function of the update's number: the whole book, and what changed between two.

Update n is what trade n left behind; the best bid stands where trade n + 1 finds it, with at least what that order
takes. A level's quantity holds for CYCLE updates and changes then; near the top it changes with every update. One in
eight levels is empty.
"""

from functools import lru_cache

from exchanges.decimals import ZERO, Number
from exchanges.invented import Level
from sandbox.listings import Listing
from sandbox.tape import Tape

LEVELS = 1_000  # a side
CYCLE = 1_024  # updates; each touches the levels of one residue class
STRIDE = 389  # odd, so that neighbours change at different times
BACK = pow(STRIDE, -1, CYCLE)
BUSY = 3  # levels a side that change with every update
EMPTY_SHARE = 8  # one level in so many is empty
UPDATE_OFFSET = 7_000_000_000  # so that no update is taken for a trade
MASK = (1 << 61) - 1
# Exchanges, and an exchange's markets over one of ours, ask for the same at nearly the same time.
KEPT_LEVELS = 4_096  # of a market: a whole book and what it was a moment before
KEPT_VIEWS = 8  # of a market: what was said of it last
Side = tuple[Level, ...]


def mixed(index: int, version: int, salt: int) -> int:
    """A number that looks like chance, the same for the same three."""
    value = (index * 0x9E3779B97F4A7C15 + version * 0xBF58476D1CE4E5B9 + salt) & MASK
    value = ((value ^ (value >> 29)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


class Book:
    """Levels are counted by grid index; bids are all indices up to the mid, asks all above it."""

    def __init__(self, listing: Listing, tape: Tape) -> None:
        self._listing = listing
        self._tape = tape
        self._salt = listing.first_index * 0x1000193 + listing.grid_ticks
        self._size = listing.typical_lots
        self._quiet_level = lru_cache(KEPT_LEVELS)(self._made_level)
        self._kept_top = lru_cache(KEPT_VIEWS)(self._top)
        self.changes = lru_cache(KEPT_VIEWS)(self._changes)

    def best(self, update: int) -> tuple[Level, Level]:
        """Best bid and best ask."""
        (bid,), (ask,) = self._top(update, 1)
        return bid, ask

    def top(self, update: int, limit: int) -> tuple[Side, Side]:
        """The best `limit` levels a side."""
        return self._kept_top(update, min(limit, LEVELS)) if limit > 1 else self._top(update, limit)

    def _top(self, update: int, limit: int) -> tuple[Side, Side]:
        state = _State(self, update)
        bids = range(state.mid, max(0, state.mid - LEVELS), -1)
        asks = range(state.mid + 1, state.mid + 1 + LEVELS)
        return self._side(state, bids, limit), self._side(state, asks, limit)

    def _changes(self, before: int, update: int) -> tuple[Side, Side]:
        """Every level that changed on the way from one update to another, as it is after the second; quantity 0 where
        none is left. One that only went and came back is among them: whoever joins half-way needs it too."""
        old, new = _State(self, before), _State(self, update)
        mids = [old.mid, new.mid, *(self._tape.print(number + 1).mid for number in range(before + 1, update))]
        low, high = min(mids), max(mids)
        moved, may_have = _touched(old, new, low, high)
        bids: list[Level] = []
        asks: list[Level] = []
        for index in sorted(moved | may_have):
            for is_bid, side in ((True, bids), (False, asks)):
                lots = new.side_lots(index, is_bid)
                on_this_side = index <= high if is_bid else index > low
                if (index in moved and on_this_side) or lots != old.side_lots(index, is_bid):
                    side.append((self._listing.price(index), self._text(lots)))
        return tuple(reversed(bids)), tuple(asks)

    def quantity(self, index: int, update: int) -> int:
        """The lots of a quiet level."""
        return self._lots(index, (update + index * STRIDE) // CYCLE)

    def _lots(self, index: int, version: int) -> int:
        chance = mixed(index, version, self._salt)
        return 0 if chance % EMPTY_SHARE == 0 else 1 + (chance >> 8) % (self._size * 3)

    def busy_quantity(self, index: int, update: int) -> int:
        """The lots of a level near the top."""
        return 1 + (mixed(index, update, self._salt) >> 8) % self._size

    def next_order(self, update: int) -> tuple[int, bool, int]:
        """Where the next trade finds the best bid, whether it buys, and how many lots its order still takes."""
        found = self._tape.print(update + 1)
        return found.mid, found.buy, found.left

    def _side(self, state: "_State", indices: range, limit: int) -> Side:
        near = (self._level(index, state.lots(index)) for index in indices[:BUSY])
        levels = [level for level in near if level][:limit]
        update, quiet = state.update, self._quiet_level
        for index in indices[BUSY:]:
            if len(levels) >= limit:
                break
            level = quiet(index, (update + index * STRIDE) // CYCLE)
            if level:
                levels.append(level)
        return tuple(levels)

    def _made_level(self, index: int, version: int) -> Level | None:
        return self._level(index, self._lots(index, version))

    def _level(self, index: int, lots: int) -> Level | None:
        return (self._listing.price(index), self._listing.quantity(lots)) if lots else None

    def _text(self, lots: int) -> Number:
        return self._listing.quantity(lots) if lots else ZERO


class _State:
    """The book after one update."""

    __slots__ = ("book", "update", "mid", "wanted", "left")

    def __init__(self, book: Book, update: int) -> None:
        self.book = book
        self.update = update
        self.mid, buy, self.left = book.next_order(update)
        self.wanted = self.mid + buy  # the level that the next order takes from

    def lots(self, index: int) -> int:
        """The lots at a level of either side, within the window."""
        distance = self.mid - index if index <= self.mid else index - self.mid - 1
        if distance >= BUSY:
            return self.book.quantity(index, self.update)
        lots = self.book.busy_quantity(index, self.update)
        return lots + self.left if index == self.wanted else lots

    def side_lots(self, index: int, is_bid: bool) -> int:
        """The lots on one side; none outside the window."""
        low, high = (self.mid - LEVELS + 1, self.mid) if is_bid else (self.mid + 1, self.mid + LEVELS)
        return self.lots(index) if low <= index <= high and index > 0 else 0


def _touched(old: _State, new: _State, low: int, high: int) -> tuple[set[int], set[int]]:
    """The levels that changed at some step between the two, and those that may have: each of these changes only once.

    `low` and `high` are the lowest and highest mid on the way.
    """
    bottom, top = max(1, low - LEVELS + 1), high + LEVELS
    if new.update - old.update >= CYCLE or high - low >= LEVELS:
        return set(range(bottom, top + 1)), set()
    moved = set(range(max(1, low - BUSY), high + BUSY + 2))
    moved.update(range(bottom, bottom + high - low))
    moved.update(range(top - (high - low), top + 1))
    may_have: set[int] = set()
    for update in range(old.update + 1, new.update + 1):
        first = -update * BACK % CYCLE
        may_have.update(range(bottom + (first - bottom) % CYCLE, top + 1, CYCLE))
    return moved, may_have
