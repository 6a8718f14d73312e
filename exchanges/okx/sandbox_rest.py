"""OKX's REST endpoints: what each answers, and how often it may be asked."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exchanges import intervals
from exchanges.invented import Invented
from exchanges.okx import sandbox_rows as rows
from exchanges.okx.sandbox_listings import Listing
from exchanges.okx.sandbox_parameters import Parameters, Wrong

NEWEST_CANDLES = 1440  # what the endpoint of the newest candles reaches back
PAGE, NEWEST_TRADES, OLDER_TRADES = 300, 500, 100
LEVELS, FULL_LEVELS = 400, 5000
Rows = list[Any]


def written(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


class Answers:
    """One method per endpoint: the rows of its `data`."""

    def __init__(self, market: Invented, listed: Mapping[str, Listing]) -> None:
        self._market = market
        self._listed = listed

    def time(self, given: Parameters) -> Rows:
        return [{"ts": str(self._market.now_ms())}]

    def instruments(self, given: Parameters) -> Rows:
        found = self._of_kind(given)
        if given.kind() == "OPTION" and not (given.text("instFamily") or given.text("uly")):
            raise Wrong("50015", "Either parameter uly or instFamily is required.")
        name = given.text("instId")
        if name and name not in {one.name for one in found}:
            raise Wrong("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
        return [one.described() for one in found if name in (None, one.name)]

    def underlyings(self, given: Parameters) -> Rows:
        """One row with all of them."""
        pairs = {one.family.removesuffix("_UM") for one in self._of_kind(given) if one.family}
        return [sorted(pairs)]

    def tickers(self, given: Parameters) -> Rows:
        now_ms = self._market.now_ms()
        return [rows.ticker(one, self._market, now_ms) for one in self._of_kind(given)]

    def ticker(self, given: Parameters) -> Rows:
        return [rows.ticker(given.market(), self._market, self._market.now_ms())]

    def books(self, given: Parameters) -> Rows:
        market = given.market()
        return [rows.book(market, self._market.depth(market.symbol, given.count("sz", 1, LEVELS)))]

    def full_books(self, given: Parameters) -> Rows:
        market = given.market()
        found = self._market.depth(market.symbol, given.count("sz", 1, FULL_LEVELS))
        asks, bids = rows.lines(market, found.asks, 3), rows.lines(market, found.bids, 3)
        return [{"asks": asks, "bids": bids, "ts": str(found.time_ms)}]

    def candles(self, given: Parameters) -> Rows:
        """The newest ones, the running one included."""
        interval, now_ms = given.interval(), self._market.now_ms()
        oldest_ms = now_ms - NEWEST_CANDLES * intervals.length_ms(interval)
        return self._candles(given, oldest_ms, closed=False)

    def history_candles(self, given: Parameters) -> Rows:
        return self._candles(given, 0, closed=True)

    def trades(self, given: Parameters) -> Rows:
        market, limit = given.market(), given.count("limit", 100, NEWEST_TRADES)
        last_id = self._market.last_trade_id(market.symbol)
        return self._trades(market, last_id - limit + 1, last_id)

    def history_trades(self, given: Parameters) -> Rows:
        """By id (1, the default) or by time (2)."""
        market, limit = given.market(), given.count("limit", 100, OLDER_TRADES)
        after, before = given.whole("after"), given.whole("before")
        newest = self._market.last_trade_id(market.symbol)
        if given.text("type") == "2":
            if before is not None:
                raise Wrong("50039", "The before parameter is not available for implementing timestamp pagination.")
            newest = newest if after is None else self._market.last_trade_id(market.symbol, after - 1)
            return self._trades(market, newest - limit + 1, newest)
        last_id = newest if after is None else min(newest, after - 1)
        return self._trades(market, max((before or 0) + 1, last_id - limit + 1), last_id)

    def _trades(self, market: Listing, first_id: int, last_id: int) -> Rows:
        if last_id < 1 or first_id > last_id:
            return []
        found = self._market.trades(market.symbol, max(1, first_id), last_id)
        return [rows.trade(market, one) for one in found][::-1]

    def _candles(self, given: Parameters, oldest_ms: int, closed: bool) -> Rows:
        """The newest page of those that open between `before` and `after`, both excluded; newest first."""
        market, interval, limit = given.market(), given.interval(), given.count("limit", 100, PAGE)
        before, after = given.whole("before"), given.whole("after")
        end_ms = self._market.now_ms() if after is None else after - 1
        if end_ms < self._market.first_ms:
            return []
        found = self._market.candles(market.symbol, interval, None, end_ms, limit + closed)
        floor_ms = max(oldest_ms, -1 if before is None else before)
        inside = [one for one in found if one.open_ms > floor_ms and (one.closed or not closed)]
        return [rows.candle(market, one) for one in inside[-limit:]][::-1]

    def _of_kind(self, given: Parameters) -> list[Listing]:
        kind, family, pair = given.kind(), given.text("instFamily"), given.text("uly")
        found = [one for one in self._listed.values() if one.kind == kind]
        if family:
            return [one for one in found if one.family == family]
        return [one for one in found if pair in (None, one.family.removesuffix("_UM"))]


@dataclass(frozen=True)
class Endpoint:
    """What answers, and how many requests it takes from one address in two seconds."""

    answer: Callable[[Answers, Parameters], Rows]
    most: int


ENDPOINTS = {
    "/api/v5/public/time": Endpoint(Answers.time, 10),
    "/api/v5/public/instruments": Endpoint(Answers.instruments, 20),
    "/api/v5/public/underlying": Endpoint(Answers.underlyings, 20),
    "/api/v5/market/tickers": Endpoint(Answers.tickers, 20),
    "/api/v5/market/ticker": Endpoint(Answers.ticker, 20),
    "/api/v5/market/books": Endpoint(Answers.books, 40),
    "/api/v5/market/books-full": Endpoint(Answers.full_books, 10),
    "/api/v5/market/candles": Endpoint(Answers.candles, 40),
    "/api/v5/market/history-candles": Endpoint(Answers.history_candles, 20),
    "/api/v5/market/trades": Endpoint(Answers.trades, 100),
    "/api/v5/market/history-trades": Endpoint(Answers.history_trades, 20),
}
