"""Binance's REST endpoints: what each answers and weighs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from exchanges.binance.sandbox_limits import WEIGHT_LIMIT
from exchanges.binance.sandbox_markets import Markets, described, padded
from exchanges.binance.sandbox_parameters import Parameters, Wrong
from exchanges.decimals import plain
from exchanges.intervals import DAY_MS, HOUR_MS, MINUTE_MS
from exchanges.invented import Invented, InventedCandle, InventedTrade, InventedWindow
from exchanges.symbols import Instrument

RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_LIMIT},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
]
AVERAGE_MINUTES = 5
MOST_ROLLING = 100  # symbols in one request for rolling windows
WINDOWS_MS = (
    {f"{count}m": count * MINUTE_MS for count in range(1, 60)}
    | {f"{count}h": count * HOUR_MS for count in range(1, 24)}
    | {f"{count}d": count * DAY_MS for count in range(1, 8)}
)
STATUSES = ("TRADING", "HALT", "BREAK")
Rows = Any  # what json writes


def written(answer: Rows) -> bytes:
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


class Answers:
    """One method per endpoint."""

    def __init__(self, market: Invented, markets: Markets) -> None:
        self._market = market
        self._markets = markets

    def ping(self, given: Parameters) -> Rows:
        return {}

    def time(self, given: Parameters) -> Rows:
        return {"serverTime": self._market.now_ms()}

    def exchange_info(self, given: Parameters) -> Rows:
        if "symbolStatus" in given and ("symbol" in given or "symbols" in given):
            raise Wrong(-1128, "Combination of optional parameters invalid.")
        names = [given.symbol()] if "symbol" in given else given.symbols()
        listed = [described(name, self._instrument(name)) for name in (names or self._markets.by_name)]
        if given.choice("symbolStatus", STATUSES, "TRADING") != "TRADING":
            listed = []
        if given.choice("showPermissionSets", ("true", "false"), "true") == "false":
            for entry in listed:
                del entry["permissionSets"]
        head = {"timezone": "UTC", "serverTime": self._market.now_ms(), "rateLimits": RATE_LIMITS}
        return {**head, "exchangeFilters": [], "symbols": listed}

    def depth(self, given: Parameters) -> Rows:
        book = self._market.depth(self._symbol(given), given.limit(100, 5000))
        bids, asks = (
            [[padded(price), padded(quantity)] for price, quantity in side] for side in (book.bids, book.asks)
        )
        return {"lastUpdateId": book.update_id, "bids": bids, "asks": asks}

    def trades(self, given: Parameters) -> Rows:
        symbol, limit = self._symbol(given), given.limit(500, 1000)
        last_id = self._market.last_trade_id(symbol)
        return [trade_row(trade) for trade in self._market.trades(symbol, last_id - limit + 1, last_id)]

    def historical_trades(self, given: Parameters) -> Rows:
        symbol, limit, from_id = self._symbol(given), given.limit(500, 1000), given.whole("fromId")
        if from_id is None:
            return self.trades(given)
        return [trade_row(trade) for trade in self._market.trades(symbol, max(1, from_id), max(1, from_id) + limit - 1)]

    def aggregate_trades(self, given: Parameters) -> Rows:
        symbol, limit = self._symbol(given), given.limit(500, 1000)
        low, high = self._order_bounds(given, symbol, limit)
        if high < low:
            return []
        first_id, last_id = self._market.order_trade_ids(symbol, low)[0], self._market.order_trade_ids(symbol, high)[1]
        return [aggregate_row(trades) for trades in orders(self._market.trades(symbol, first_id, last_id))]

    def klines(self, given: Parameters) -> Rows:
        symbol, interval, limit = self._symbol(given), given.interval(), given.limit(500, 1000)
        given.choice("timeZone", ("0", "0:00", "00:00", "+0:00", "+00:00"), "0")
        start_ms, end_ms = given.time_ms("startTime"), given.time_ms("endTime")
        return [candle_row(candle) for candle in self._market.candles(symbol, interval, start_ms, end_ms, limit)]

    def average_price(self, given: Parameters) -> Rows:
        window = self._market.window(self._symbol(given), AVERAGE_MINUTES * MINUTE_MS)
        return {"mins": AVERAGE_MINUTES, "price": average(window), "closeTime": window.close_ms}

    def ticker_24h(self, given: Parameters) -> Rows:
        full = given.choice("type", ("FULL", "MINI"), "FULL") == "FULL"
        return self._each(given, lambda name, symbol: day_row(name, self._market.window(symbol, DAY_MS), full))

    def ticker(self, given: Parameters) -> Rows:
        length_ms = WINDOWS_MS[given.choice("windowSize", WINDOWS_MS, "1d")]
        full = given.choice("type", ("FULL", "MINI"), "FULL") == "FULL"
        names = given.symbols()
        if names is None:
            given.text("symbol")
        elif len(names) > MOST_ROLLING:
            raise Wrong(-1101, f"Too many values sent for parameter 'symbols', maximum allowed up to '{MOST_ROLLING}'.")
        # The window opens on a whole minute.
        length_ms += self._market.now_ms() % MINUTE_MS
        return self._each(given, lambda name, symbol: window_row(name, self._market.window(symbol, length_ms), full))

    def ticker_price(self, given: Parameters) -> Rows:
        def row(name: str, symbol: str) -> Rows:
            last_id = self._market.last_trade_id(symbol)
            return {"symbol": name, "price": padded(self._market.trades(symbol, last_id, last_id)[0].price)}

        return self._each(given, row)

    def book_ticker(self, given: Parameters) -> Rows:
        def row(name: str, symbol: str) -> Rows:
            book = self._market.depth(symbol, 1)
            (bid, bid_quantity), (ask, ask_quantity) = book.bids[0], book.asks[0]
            return {
                "symbol": name, "bidPrice": padded(bid), "bidQty": padded(bid_quantity),
                "askPrice": padded(ask), "askQty": padded(ask_quantity),
            }  # fmt: skip

        return self._each(given, row)

    def _each(self, given: Parameters, row: Callable[[str, str], Rows]) -> Rows:
        """One object for `symbol`, an array for `symbols` or all."""
        names = given.symbols()
        if "symbol" in given:
            name = given.symbol()
            symbol = self._instrument(name).symbol
            if given.choice("symbolStatus", STATUSES, "TRADING") != "TRADING":
                raise Wrong(-1220, "The symbol's status does not match the requested symbolStatus.")
            return row(name, symbol)
        if given.choice("symbolStatus", STATUSES, "TRADING") != "TRADING":
            return []
        return [row(name, self._instrument(name).symbol) for name in names or self._markets.by_name]

    def _symbol(self, given: Parameters) -> str:
        return self._instrument(given.symbol()).symbol

    def _instrument(self, name: str) -> Instrument:
        instrument = self._markets.by_name.get(name)
        if instrument is None:
            raise Wrong(-1121, "Invalid symbol.")
        return instrument

    def _order_bounds(self, given: Parameters, symbol: str, limit: int) -> tuple[int, int]:
        """The first and last order that aggTrades' bounds mean; the first above the last where there are none."""
        from_id, start_ms, end_ms = given.whole("fromId"), given.time_ms("startTime"), given.time_ms("endTime")
        newest = self._order_at(symbol, self._market.last_trade_id(symbol))
        low, high = 1, newest
        if start_ms is not None:
            low = self._order_at(symbol, self._market.last_trade_id(symbol, start_ms - 1)) + 1
        if end_ms is not None:
            high = min(newest, self._order_at(symbol, self._market.last_trade_id(symbol, end_ms)))
        if from_id is not None:
            low = max(low, from_id)
        if from_id is None and start_ms is None:
            return max(low, high - limit + 1), high
        return low, min(high, low + limit - 1)

    def _order_at(self, symbol: str, trade_id: int) -> int:
        found = self._market.trades(symbol, trade_id, trade_id) if trade_id else ()
        return found[0].order_id if found else 0


def orders(trades: Sequence[InventedTrade]) -> list[list[InventedTrade]]:
    """The trades of each taker order."""
    return [list(same) for _, same in groupby(trades, key=lambda trade: trade.order_id)]


def trade_row(trade: InventedTrade) -> Rows:
    return {
        "id": trade.trade_id, "price": padded(trade.price), "qty": padded(trade.quantity),
        "quoteQty": padded(trade.quote_quantity), "time": trade.time_ms, "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }  # fmt: skip


def aggregate_row(trades: Sequence[InventedTrade]) -> Rows:
    """One taker order's fills."""
    first, last = trades[0], trades[-1]
    quantity = plain(sum((Decimal(trade.quantity) for trade in trades), Decimal(0)))
    return {
        "a": first.order_id, "p": padded(first.price), "q": padded(quantity), "f": first.trade_id, "l": last.trade_id,
        "T": first.time_ms, "m": first.buyer_is_maker, "M": True,
    }  # fmt: skip


def candle_row(candle: InventedCandle) -> Rows:
    return [
        candle.open_ms, padded(candle.open), padded(candle.high), padded(candle.low), padded(candle.close),
        padded(candle.volume), candle.close_ms, padded(candle.quote_volume), candle.trades,
        padded(candle.taker_buy_volume), padded(candle.taker_buy_quote_volume), "0",
    ]  # fmt: skip


def average(window: InventedWindow) -> str:
    """The price weighted by volume."""
    volume = Decimal(window.volume)
    price = Decimal(window.quote_volume) / volume if volume else Decimal(window.last)
    return f"{price:.8f}"


def change(window: InventedWindow) -> tuple[str, str]:
    """The change since the window's open, and the same in percent."""
    by = Decimal(window.last) - Decimal(window.open)
    return f"{by:.8f}", f"{by / Decimal(window.open) * 100:.3f}"


def window_row(name: str, window: InventedWindow, full: bool) -> Rows:
    """A rolling window without the book."""
    changed, percent = change(window)
    head = {"symbol": name}
    if full:
        head |= {"priceChange": changed, "priceChangePercent": percent, "weightedAvgPrice": average(window)}
    return {
        **head, "openPrice": padded(window.open), "highPrice": padded(window.high), "lowPrice": padded(window.low),
        "lastPrice": padded(window.last), "volume": padded(window.volume), "quoteVolume": padded(window.quote_volume),
        "openTime": window.open_ms, "closeTime": window.close_ms, "firstId": window.first_id, "lastId": window.last_id,
        "count": window.trades,
    }  # fmt: skip


def day_row(name: str, window: InventedWindow, full: bool) -> Rows:
    """The 24 hours, with the book if full."""
    row = window_row(name, window, full)
    if not full:
        return row
    (bid, bid_quantity), (ask, ask_quantity) = window.bid, window.ask
    more = {
        "prevClosePrice": padded(window.previous_close), "lastPrice": row.pop("lastPrice"),
        "lastQty": padded(window.last_quantity), "bidPrice": padded(bid), "bidQty": padded(bid_quantity),
        "askPrice": padded(ask), "askQty": padded(ask_quantity),
    }  # fmt: skip
    head = {key: row.pop(key) for key in ("symbol", "priceChange", "priceChangePercent", "weightedAvgPrice")}
    return {**head, **more, **row}


@dataclass(frozen=True)
class Endpoint:
    """One path: what it answers, which parameters it knows, what it weighs."""

    answer: Callable[[Any, Parameters], Rows]  # a method of Answers, or of what is made from it
    parameters: tuple[str, ...]
    weight: Callable[[Mapping[str, str]], int]


def _flat(weight: int) -> Callable[[Mapping[str, str]], int]:
    return lambda query: weight


def _depth_weight(query: Mapping[str, str]) -> int:
    limit = int(query["limit"]) if query.get("limit", "").isdigit() else 100
    return next(weight for most, weight in ((100, 5), (500, 25), (1000, 50), (limit, 250)) if limit <= most)


def _day_weight(query: Mapping[str, str]) -> int:
    if "symbol" in query:
        return 2
    count = query["symbols"].count(",") + 1 if "symbols" in query else 101
    return next(weight for most, weight in ((20, 2), (100, 40), (count, 80)) if count <= most)


def _rolling_weight(query: Mapping[str, str]) -> int:
    return min(200, 4 * (query.get("symbols", "").count(",") + 1))


def _one_or_all(query: Mapping[str, str]) -> int:
    return 2 if "symbol" in query else 4


_EACH = ("symbol", "symbols", "symbolStatus")
_BOUNDS = ("symbol", "startTime", "endTime", "limit")
ENDPOINTS = {
    "/api/v3/ping": Endpoint(Answers.ping, (), _flat(1)),
    "/api/v3/time": Endpoint(Answers.time, (), _flat(1)),
    "/api/v3/exchangeInfo": Endpoint(Answers.exchange_info, (*_EACH, "permissions", "showPermissionSets"), _flat(20)),
    "/api/v3/depth": Endpoint(Answers.depth, ("symbol", "limit", "symbolStatus"), _depth_weight),
    "/api/v3/trades": Endpoint(Answers.trades, ("symbol", "limit"), _flat(25)),
    "/api/v3/historicalTrades": Endpoint(Answers.historical_trades, ("symbol", "limit", "fromId"), _flat(25)),
    "/api/v3/aggTrades": Endpoint(Answers.aggregate_trades, (*_BOUNDS, "fromId"), _flat(4)),
    "/api/v3/klines": Endpoint(Answers.klines, (*_BOUNDS, "interval", "timeZone"), _flat(2)),
    "/api/v3/uiKlines": Endpoint(Answers.klines, (*_BOUNDS, "interval", "timeZone"), _flat(2)),
    "/api/v3/avgPrice": Endpoint(Answers.average_price, ("symbol",), _flat(2)),
    "/api/v3/ticker/24hr": Endpoint(Answers.ticker_24h, (*_EACH, "type"), _day_weight),
    "/api/v3/ticker": Endpoint(Answers.ticker, (*_EACH, "type", "windowSize"), _rolling_weight),
    "/api/v3/ticker/price": Endpoint(Answers.ticker_price, _EACH, _one_or_all),
    "/api/v3/ticker/bookTicker": Endpoint(Answers.book_ticker, _EACH, _one_or_all),
}
