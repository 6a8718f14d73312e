"""The REST endpoints of Binance USD-M Futures: what each answers and weighs."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from exchanges.binance.sandbox_parameters import Parameters, Wrong
from exchanges.binance.sandbox_rest import Answers, Endpoint, Rows, orders
from exchanges.binance_futures.names import INTERVALS
from exchanges.binance_futures.rest import DEPTH_STEPS
from exchanges.binance_futures.sandbox_contracts import Contract, Contracts, padded
from exchanges.decimals import plain
from exchanges.intervals import DAY_MS, HOUR_MS
from exchanges.invented import Invented, InventedCandle, InventedDepth, InventedTrade, InventedWindow, Level

WEIGHT_LIMIT = 2_400
AGGREGATES_MS = 2 * DAY_MS  # how far back aggTrades reach
MOST_CANDLES = 1_500
RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_LIMIT},
    {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1_200},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
]
ID_STEP = 7  # update ids are shared by all markets, so those of one jump


class FuturesAnswers(Answers):
    """One method per endpoint."""

    def __init__(self, market: Invented, contracts: Contracts) -> None:
        super().__init__(market, contracts)
        self._contracts = contracts

    def exchange_info(self, given: Parameters) -> Rows:
        listed = [self._contracts.described(contract) for contract in self._contracts.contracts.values()]
        margins = dict.fromkeys(entry["marginAsset"] for entry in listed)
        assets = [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "-100"} for asset in margins]
        head = {"timezone": "UTC", "serverTime": self._market.now_ms(), "futuresType": "U_MARGINED"}
        return {**head, "rateLimits": RATE_LIMITS, "exchangeFilters": [], "assets": assets, "symbols": listed}

    def depth(self, given: Parameters) -> Rows:
        contract, limit = self._contract(given), given.whole("limit") or 500
        if limit not in DEPTH_STEPS:
            raise Wrong(-1130, "Data sent for parameter 'limit' is not valid.")
        book = self._market.depth(contract.symbol, limit)
        head = {"lastUpdateId": update_id(book.update_id), "E": self._market.now_ms(), "T": book.time_ms}
        return {**head, "bids": levels(contract, book.bids), "asks": levels(contract, book.asks)}

    def trades(self, given: Parameters) -> Rows:
        contract, limit = self._contract(given), given.limit(500, 1000)
        last_id = self._market.last_trade_id(contract.symbol)
        found = self._market.trades(contract.symbol, last_id - limit + 1, last_id)
        return [trade_row(contract, trade) for trade in found]

    def historical_trades(self, given: Parameters) -> Rows:
        raise Wrong(-2014, "API-key format invalid.")

    def aggregate_trades(self, given: Parameters) -> Rows:
        contract, limit = self._contract(given), given.limit(500, 1000)
        start_ms, end_ms = given.whole("startTime"), given.whole("endTime")
        if start_ms is not None and end_ms is not None and end_ms - start_ms > HOUR_MS:
            raise Wrong(-1127, "More than 1 hours between startTime and endTime.")
        low, high = self._order_bounds(given, contract.symbol, limit)
        now_ms = self._market.now_ms()
        oldest = (
            self._order_at(contract.symbol, self._market.last_trade_id(contract.symbol, now_ms - AGGREGATES_MS)) + 1
        )
        if low < oldest:
            until_id = self._market.last_trade_id(contract.symbol, now_ms if end_ms is None else end_ms)
            low, high = oldest, min(self._order_at(contract.symbol, until_id), oldest + limit - 1)
        if high < low:
            return []
        first_id = self._market.order_trade_ids(contract.symbol, low)[0]
        last_id = self._market.order_trade_ids(contract.symbol, high)[1]
        return [
            aggregate_row(contract, fills) for fills in orders(self._market.trades(contract.symbol, first_id, last_id))
        ]

    def klines(self, given: Parameters) -> Rows:
        contract, interval, limit = self._contract(given), given.interval(), given.limit(500, MOST_CANDLES)
        if interval not in INTERVALS:
            raise Wrong(-1120, "Invalid interval.")
        start_ms, end_ms = given.whole("startTime"), given.whole("endTime")
        found = self._market.candles(contract.symbol, interval, start_ms, end_ms, limit)
        return [candle_row(contract, candle) for candle in found]

    def ticker_24h(self, given: Parameters) -> Rows:
        return self._every(given, lambda contract: day_row(contract, self._market.window(contract.symbol, DAY_MS)))

    def ticker_price(self, given: Parameters) -> Rows:
        def row(contract: Contract) -> Rows:
            last_id = self._market.last_trade_id(contract.symbol)
            [last] = self._market.trades(contract.symbol, last_id, last_id)
            return {"symbol": contract.name, "price": contract.price(last.price), "time": last.time_ms}

        return self._every(given, row)

    def book_ticker(self, given: Parameters) -> Rows:
        def row(contract: Contract) -> Rows:
            book = self._market.depth(contract.symbol, 1)
            ((bid, bid_quantity),), ((ask, ask_quantity),) = levels(contract, book.bids), levels(contract, book.asks)
            return {
                "symbol": contract.name, "bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask,
                "askQty": ask_quantity, "time": book.time_ms, "lastUpdateId": update_id(book.update_id),
            }  # fmt: skip

        return self._every(given, row)

    def _every(self, given: Parameters, row: Callable[[Contract], Rows]) -> Rows:
        """One object for `symbol`, an array for all."""
        if "symbol" in given:
            return row(self._contract(given))
        return [row(contract) for contract in self._contracts.contracts.values()]

    def _contract(self, given: Parameters) -> Contract:
        contract = self._contracts.contracts.get(given.symbol())
        if contract is None:
            raise Wrong(-1121, "Invalid symbol.")
        return contract


def update_id(number: int) -> int:
    """The exchange's id of a market's update."""
    return number * ID_STEP


def levels(contract: Contract, side: Sequence[Level]) -> list[list[str]]:
    return [[contract.price(price), contract.quantity(quantity)] for price, quantity in side]


def trade_row(contract: Contract, trade: InventedTrade) -> Rows:
    return {
        "id": trade.trade_id, "price": contract.price(trade.price), "qty": contract.quantity(trade.quantity),
        "quoteQty": padded(trade.quote_quantity, 2), "time": trade.time_ms, "isBuyerMaker": trade.buyer_is_maker,
        "isRPITrade": False,
    }  # fmt: skip


def aggregate_row(contract: Contract, fills: Sequence[InventedTrade]) -> dict[str, Any]:
    """One taker order's fills; none of them is of retail liquidity."""
    first, last = fills[0], fills[-1]
    quantity = contract.quantity(plain(sum((Decimal(fill.quantity) for fill in fills), Decimal(0))))
    return {
        "a": first.order_id, "p": contract.price(first.price), "q": quantity, "nq": quantity, "f": first.trade_id,
        "l": last.trade_id, "T": first.time_ms, "m": first.buyer_is_maker,
    }  # fmt: skip


def candle_row(contract: Contract, candle: InventedCandle) -> Rows:
    return [
        candle.open_ms, contract.price(candle.open), contract.price(candle.high), contract.price(candle.low),
        contract.price(candle.close), contract.quantity(candle.volume), candle.close_ms,
        padded(candle.quote_volume, 5), candle.trades, contract.quantity(candle.taker_buy_volume),
        padded(candle.taker_buy_quote_volume, 5), "0",
    ]  # fmt: skip


def day_row(contract: Contract, window: InventedWindow) -> Rows:
    """The 24 hours; there are no best prices in it."""
    by, percent, average = change(window)
    return {
        "symbol": contract.name, "priceChange": by, "priceChangePercent": percent, "weightedAvgPrice": average,
        "lastPrice": contract.price(window.last), "lastQty": contract.quantity(window.last_quantity),
        "openPrice": contract.price(window.open), "highPrice": contract.price(window.high),
        "lowPrice": contract.price(window.low), "volume": contract.quantity(window.volume),
        "quoteVolume": padded(window.quote_volume, 2), "openTime": window.open_ms, "closeTime": window.close_ms,
        "firstId": window.first_id, "lastId": window.last_id, "count": window.trades,
    }  # fmt: skip


def change(window: InventedWindow) -> tuple[str, str, str]:
    """The change since the window's open, the same in percent, and the price weighted by volume."""
    by, volume = Decimal(window.last) - Decimal(window.open), Decimal(window.volume)
    average = Decimal(window.quote_volume) / volume if volume else Decimal(window.last)
    return f"{by:f}", f"{by / Decimal(window.open) * 100:.3f}", f"{average:.8f}"


def before(book: InventedDepth) -> int:
    """The id of the last update before those of this change."""
    return update_id((book.update_id if book.first_update_id is None else book.first_update_id) - 1)


def _flat(weight: int) -> Callable[[Mapping[str, str]], int]:
    return lambda query: weight


def _one_or_all(one: int, every: int) -> Callable[[Mapping[str, str]], int]:
    return lambda query: one if "symbol" in query else every


def _limit(query: Mapping[str, str], default: int) -> int:
    text = query.get("limit", "")
    return int(text) if text.isdigit() else default


def _depth_weight(query: Mapping[str, str]) -> int:
    return DEPTH_STEPS.get(_limit(query, 500), 20)


def _candle_weight(query: Mapping[str, str]) -> int:
    limit = _limit(query, 500)
    return next((weight for most, weight in ((99, 1), (499, 2), (1000, 5)) if limit <= most), 10)


_BOUNDS = ("symbol", "startTime", "endTime", "limit")
ENDPOINTS = {
    "/fapi/v1/ping": Endpoint(FuturesAnswers.ping, (), _flat(1)),
    "/fapi/v1/time": Endpoint(FuturesAnswers.time, (), _flat(1)),
    "/fapi/v1/exchangeInfo": Endpoint(FuturesAnswers.exchange_info, (), _flat(1)),
    "/fapi/v1/depth": Endpoint(FuturesAnswers.depth, ("symbol", "limit"), _depth_weight),
    "/fapi/v1/trades": Endpoint(FuturesAnswers.trades, ("symbol", "limit"), _flat(5)),
    "/fapi/v1/historicalTrades": Endpoint(
        FuturesAnswers.historical_trades, ("symbol", "limit", "fromId"), _flat(200)
    ),
    "/fapi/v1/aggTrades": Endpoint(FuturesAnswers.aggregate_trades, (*_BOUNDS, "fromId"), _flat(20)),
    "/fapi/v1/klines": Endpoint(FuturesAnswers.klines, (*_BOUNDS, "interval"), _candle_weight),
    "/fapi/v1/ticker/24hr": Endpoint(FuturesAnswers.ticker_24h, ("symbol",), _one_or_all(1, 40)),
    "/fapi/v1/ticker/price": Endpoint(FuturesAnswers.ticker_price, ("symbol",), _one_or_all(1, 2)),
    "/fapi/v2/ticker/price": Endpoint(FuturesAnswers.ticker_price, ("symbol",), _one_or_all(1, 2)),
    "/fapi/v1/ticker/bookTicker": Endpoint(FuturesAnswers.book_ticker, ("symbol",), _one_or_all(2, 5)),
}  # fmt: skip
