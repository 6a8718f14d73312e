"""What the sandbox says happened, for the judge: its trades and books as pure functions of their numbers."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from exchanges.symbols import Topic
from sandbox.book import LEVELS, UPDATE_OFFSET, Book
from sandbox.listings import Listing, listings
from sandbox.server import Options
from sandbox.tape import Tape
from tests.faults.judge import Facts, Sides

Event = dict[str, Any]
KEPT_BOOKS = 64
# How an exchange's trade id has the sandbox's number in it.
NUMBERS: dict[str, Callable[[str], int]] = {"deribit": lambda trade_id: int(trade_id.rpartition("-")[2]) // 1000}
# How many levels a side an exchange sends.
DEPTHS = {"okx": 400}
# Where whole books cost much, many of them begin with their best levels.
FIRST_LEVELS = {"binance": 100}
# These number no books, or number connections: which book it is, is told by the time that they say.
TIMED = ("kraken", "coinbase")


class Truth:
    """The market of a sandbox with its default seed and symbols, at a rate of events a second."""

    def __init__(self, rate: float) -> None:
        default = Options()
        trades_per_s = rate / 2 / default.symbols
        self._listings: dict[str, Listing] = {one.symbol: one for one in listings(default.seed, default.symbols)}
        self._tapes = {name: Tape(default.seed, one, trades_per_s) for name, one in self._listings.items()}
        self._books = {name: Book(one, self._tapes[name]) for name, one in self._listings.items()}
        self._sides = lru_cache(KEPT_BOOKS)(self._sides_at)

    def number(self, topic: str, trade_id: str) -> int:
        return NUMBERS.get(Topic.parse(topic).exchange, int)(trade_id)

    def trade(self, topic: str, number: int) -> Facts:
        symbol = Topic.parse(topic).symbol
        found, listing = self._tapes[symbol].print(number), self._listings[symbol]
        return {
            "price": listing.price(found.index),
            "quantity": listing.quantity(found.lots),
            "side": "buy" if found.buy else "sell",
            "trade_time": found.time_ms,
        }

    def book(self, topic: str, event: Event) -> Sides | None:
        """The book after a depth event."""
        asked = Topic.parse(topic)
        if asked.exchange in TIMED:
            update = self._tapes[asked.symbol].last_id(event["event_time"])
        else:
            update = event["sequence"] - UPDATE_OFFSET
        return self._sides(asked.symbol, update, DEPTHS.get(asked.exchange, LEVELS))

    def first_levels(self, topic: str) -> int:
        return FIRST_LEVELS.get(Topic.parse(topic).exchange, 0)

    def _sides_at(self, symbol: str, update: int, depth: int) -> Sides:
        bids, asks = self._books[symbol].top(update, depth)
        return dict(bids), dict(asks)
