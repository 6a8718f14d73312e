"""What Bitstamp's REST addresses answer, from the exchange's side."""

from collections.abc import Callable, Mapping
from typing import Any

from exchanges.bitstamp import sandbox_rows as rows
from exchanges.bitstamp.names import OUR_INTERVALS
from exchanges.bitstamp.sandbox_markets import Markets, described
from exchanges.intervals import DAY_MS, HOUR_MS, MINUTE_MS
from exchanges.invented import Invented
from exchanges.symbols import Instrument

INTERVALS = {**OUR_INTERVALS, "259200": "3d"}
SPANS_MS = {"minute": MINUTE_MS, "hour": HOUR_MS, "day": DAY_MS}
MOST_CANDLES = 1000
MOST_TRADES = 5000  # here; the exchange names no number
GROUPS = ("0", "1", "2")  # orders apart, levels, orders with their numbers

Query = Mapping[str, str]
Answer = Callable[["Answers", Instrument, Query, int], Any]


class Wrong(Exception):
    """A refused request: the status and the words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Answers:
    """By path: `/api/v2/<what>/`, or `/api/v2/<what>/<market>/`."""

    def __init__(self, invented: Invented, markets: Markets) -> None:
        self._invented = invented
        self._markets = markets

    def answer(self, path: str, query: Query, now_ms: int) -> Any:
        """Wrong where there is no such address or market."""
        what, _, name = path.removeprefix("/api/v2/").rstrip("/").partition("/")
        if not path.startswith("/api/v2/") or "/" in name:
            raise Wrong(404, "Not found.")
        if not name and what == "markets":
            return [described(name, market) for name, market in self._markets.by_name.items()]
        if not name and what == "ticker":
            return [self._named_day(market, now_ms) for market in self._markets.by_name.values()]
        market, make = self._markets.by_name.get(name), ANSWERS.get(what)
        if market is None or make is None:
            raise Wrong(404, "Market not found.")
        return make(self, market, query, now_ms)

    def _named_day(self, market: Instrument, now_ms: int) -> rows.Row:
        return {**rows.day(self._invented, market, now_ms), "pair": f"{market.base}/{market.quote}"}

    def _day(self, market: Instrument, query: Query, now_ms: int) -> Any:
        return rows.day(self._invented, market, now_ms)

    def _book(self, market: Instrument, query: Query, now_ms: int) -> Any:
        group = query.get("group", "1")
        if group not in GROUPS:
            raise Wrong(400, "Invalid group.")
        found = self._invented.depth(market.symbol, rows.WHOLE, now_ms)
        return rows.book(market, found, now_ms, orders=group == "2")

    def _transactions(self, market: Instrument, query: Query, now_ms: int) -> Any:
        """Newest first."""
        span_ms = SPANS_MS.get(query.get("time", "hour"))
        if span_ms is None:
            raise Wrong(400, "Invalid time.")
        last_id = self._invented.last_trade_id(market.symbol, now_ms)
        first_id = self._invented.last_trade_id(market.symbol, now_ms - span_ms) + 1
        found = self._invented.trades(market.symbol, max(first_id, last_id - MOST_TRADES + 1), last_id)
        return [rows.transaction(market, one) for one in reversed(found)]

    def _candles(self, market: Instrument, query: Query, now_ms: int) -> Any:
        """So many up to the end, where there is one; else from the start on; else the newest."""
        interval = INTERVALS.get(query.get("step", ""))
        limit, start, end = (_whole(query, name) for name in ("limit", "start", "end"))
        if interval is None or limit is None or not 1 <= limit <= MOST_CANDLES:
            raise Wrong(400, "Invalid step or limit.")
        start_ms = None if start is None or end is not None else start * 1000
        end_ms = now_ms if end is None else end * 1000
        found = self._invented.candles(market.symbol, interval, start_ms, end_ms, limit)
        if query.get("exclude_current_candle") == "true":
            found = [one for one in found if one.closed]
        pair = f"{market.base}/{market.quote}"
        return {"data": {"pair": pair, "ohlc": [rows.candle(market, one) for one in found]}}


def _whole(query: Query, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Wrong(400, f"Invalid {name}.")
    return int(text)


ANSWERS: dict[str, Answer] = {
    "ticker": Answers._day, "order_book": Answers._book, "transactions": Answers._transactions,
    "ohlc": Answers._candles,
}  # fmt: skip
