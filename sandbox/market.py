"""The invented market: what `exchanges.invented.Invented` promises, made from one tape and one book per symbol."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice

from exchanges import intervals
from exchanges.decimals import ZERO
from exchanges.invented import InventedCandle, InventedDepth, InventedTrade, InventedWindow
from exchanges.symbols import Instrument
from sandbox.book import UPDATE_OFFSET, Book
from sandbox.figures import Figures
from sandbox.listings import Listing, listings
from sandbox.tape import FIRST_MS, Tape

EVENTS_PER_TRADE = 2  # the trade, and the change of the book that goes with it
# Of a market: exchanges, and an exchange's markets over one of ours, ask for the same at nearly the same time.
KEPT_VIEWS, KEPT_CANDLES = 8, 32
MOST_KEPT = 64  # trades in one view


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Market:
    """The same seed, rate and number of symbols give the same market, whenever it is asked and by whom."""

    first_ms = FIRST_MS

    def __init__(self, seed: int, rate: float, symbols: int, clock_ms: Callable[[], int] = wall_ms) -> None:
        """`rate` is in events (trades and book changes) a second over all symbols."""
        self.now_ms = clock_ms
        trades_per_s = rate / EVENTS_PER_TRADE / symbols
        self._boards = {listing.symbol: Board(seed, listing, trades_per_s) for listing in listings(seed, symbols)}

    def prepare(self) -> Iterator[str]:
        """Makes one market after the other ready, so that the first look at many of them takes no time."""
        for symbol, board in self._boards.items():
            board.tape.last_id(self.now_ms())
            yield symbol

    def instruments(self) -> Sequence[Instrument]:
        return [board.listing.instrument for board in self._boards.values()]

    def last_trade_id(self, symbol: str, until_ms: int | None = None) -> int:
        return self._boards[symbol].tape.last_id(self._until(until_ms))

    def trades(self, symbol: str, first_id: int, last_id: int) -> Sequence[InventedTrade]:
        board = self._boards[symbol]
        return board.trades(first_id, min(last_id, board.tape.last_id(self.now_ms())))

    def trades_between(self, symbol: str, after_ms: int, until_ms: int) -> Sequence[InventedTrade]:
        board = self._boards[symbol]
        first_id, last_id = board.tape.last_id(after_ms) + 1, board.tape.last_id(until_ms)
        return board.trades(first_id, last_id) if first_id <= last_id else ()

    def order_trade_ids(self, symbol: str, order_id: int) -> tuple[int, int]:
        return self._boards[symbol].tape.order_trade_ids(order_id)

    def candle(self, symbol: str, interval: str, open_ms: int, until_ms: int | None = None) -> InventedCandle | None:
        return self._boards[symbol].candle(interval, open_ms, self._until(until_ms))

    def candles(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> Sequence[InventedCandle]:
        now_ms = self.now_ms()
        end_ms = now_ms if end_ms is None else min(end_ms, now_ms)
        board = self._boards[symbol]
        first_ms = intervals.open_ms(interval, board.tape.print(1).time_ms)
        if start_ms is None:
            opens = _newest(interval, first_ms, end_ms, limit)
        else:
            opens = list(islice(intervals.opens_ms(interval, max(start_ms, first_ms), end_ms + 1), limit))
        found = [board.candle(interval, open_ms, now_ms) for open_ms in opens]
        return [candle for candle in found if candle]

    def depth(self, symbol: str, limit: int, until_ms: int | None = None) -> InventedDepth:
        return self._boards[symbol].depth(limit, self._until(until_ms))

    def depth_changes(self, symbol: str, after_ms: int, until_ms: int) -> InventedDepth | None:
        return self._boards[symbol].depth_changes(after_ms, until_ms)

    def tops(self, symbol: str, after_ms: int, until_ms: int) -> Sequence[InventedDepth]:
        return self._boards[symbol].tops(after_ms, until_ms)

    def window(self, symbol: str, length_ms: int, until_ms: int | None = None) -> InventedWindow:
        return self._boards[symbol].window(length_ms, self._until(until_ms))

    def _until(self, until_ms: int | None) -> int:
        return self.now_ms() if until_ms is None else until_ms


class Board:
    """One symbol. Its tape and book are made when somebody first looks."""

    def __init__(self, seed: int, listing: Listing, trades_per_s: float) -> None:
        self.listing = listing
        self._seed = seed
        self._trades_per_s = trades_per_s
        self._few_trades = lru_cache(KEPT_VIEWS)(self._trades)
        self._kept_candle = lru_cache(KEPT_CANDLES)(self._candle)
        self.window = lru_cache(KEPT_VIEWS)(self._window)

    @cached_property
    def tape(self) -> Tape:
        return Tape(self._seed, self.listing, self._trades_per_s)

    @cached_property
    def book(self) -> Book:
        return Book(self.listing, self.tape)

    def trades(self, first_id: int, last_id: int) -> list[InventedTrade]:
        few = last_id - first_id < MOST_KEPT
        return list(self._few_trades(first_id, last_id)) if few else self._trades(first_id, last_id)

    def _trades(self, first_id: int, last_id: int) -> list[InventedTrade]:
        symbol, price, quantity = self.listing.symbol, self.listing.price, self.listing.quantity
        order_id = self.tape.order_id
        return [
            InventedTrade(symbol, trade_id, order_id(trade_id), price(mid + buy), quantity(lots), not buy, time_ms)
            for trade_id, time_ms, mid, buy, lots, _ in self.tape.prints(first_id, last_id)
        ]

    def candle(self, interval: str, open_ms: int, until_ms: int) -> InventedCandle | None:
        """What comes later than just after its end changes nothing."""
        close_ms = intervals.close_ms(interval, open_ms)
        return self._kept_candle(interval, open_ms, close_ms, min(until_ms, close_ms + 1))

    def _candle(self, interval: str, open_ms: int, close_ms: int, until_ms: int) -> InventedCandle | None:
        first_id, last_id = self.tape.first_id(open_ms), self.tape.last_id(min(close_ms, until_ms))
        if last_id == 0 or open_ms > until_ms:
            return None
        figures = self.tape.figures(first_id, last_id) or self._flat(last_id)
        if not figures.trades:
            first_id = last_id = -1
        numbers = self._numbers(figures)
        return InventedCandle(
            self.listing.symbol,
            interval,
            open_ms,
            close_ms,
            *numbers,
            figures.trades,
            first_id,
            last_id,
            close_ms < until_ms,
        )

    def depth(self, limit: int, until_ms: int) -> InventedDepth:
        update = self.tape.last_id(until_ms)
        bids, asks = self.book.top(update, limit)
        return InventedDepth(self.listing.symbol, until_ms, UPDATE_OFFSET + update, bids, asks)

    def depth_changes(self, after_ms: int, until_ms: int) -> InventedDepth | None:
        before, update = self.tape.last_id(after_ms), self.tape.last_id(until_ms)
        if before == update:
            return None
        bids, asks = self.book.changes(before, update)
        first = UPDATE_OFFSET + before + 1
        return InventedDepth(self.listing.symbol, until_ms, UPDATE_OFFSET + update, bids, asks, first)

    def tops(self, after_ms: int, until_ms: int) -> list[InventedDepth]:
        updates = range(self.tape.last_id(after_ms) + 1, self.tape.last_id(until_ms) + 1)
        return [
            InventedDepth(self.listing.symbol, until_ms, UPDATE_OFFSET + update, *self.book.top(update, 1))
            for update in updates
        ]

    def _window(self, length_ms: int, until_ms: int) -> InventedWindow:
        first_id, last_id = self.tape.first_id(until_ms - length_ms + 1), self.tape.last_id(until_ms)
        figures = self.tape.figures(first_id, last_id) or self._flat(last_id)
        newest = self.tape.print(max(1, last_id))
        before = self.tape.print(max(1, first_id - 1))
        open_, high, low, last, volume, quote_volume, _, _ = self._numbers(figures)
        bid, ask = self.book.best(last_id)
        first_id, last_id = (first_id, last_id) if figures.trades else (-1, -1)
        return InventedWindow(
            self.listing.symbol, until_ms - length_ms, until_ms, open_, high, low, last,
            self.listing.quantity(newest.lots), self.listing.price(before.index),
            volume, quote_volume, figures.trades, first_id, last_id, bid, ask,
        )  # fmt: skip

    def _flat(self, last_id: int) -> Figures:
        """A time without trades: the price of the last one before it."""
        index = self.tape.print(max(1, last_id)).index
        return Figures(index, index, index, index, 0, 0, 0, 0, 0)

    def _numbers(self, figures: Figures) -> tuple:
        """Open, high, low, close, volume, quote volume, and the same two of taker buys, as text."""
        price, quantity, notional = self.listing.price, self.listing.quantity, self.listing.notional
        volumes = (
            quantity(figures.volume), notional(figures.weighted, figures.volume),
            quantity(figures.buy_volume), notional(figures.buy_weighted, figures.buy_volume),
        ) if figures.trades else (ZERO, ZERO, ZERO, ZERO)  # fmt: skip
        return (price(figures.open), price(figures.high), price(figures.low), price(figures.close), *volumes)


def _newest(interval: str, first_ms: int, end_ms: int, limit: int) -> list[int]:
    """The last openings in [first_ms, end_ms], oldest first."""
    opens: list[int] = []
    open_ms = intervals.open_ms(interval, end_ms)
    while len(opens) < limit and open_ms >= first_ms:
        opens.append(open_ms)
        open_ms = intervals.open_ms(interval, open_ms - 1)
    return opens[::-1]
