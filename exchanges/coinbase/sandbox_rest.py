"""Coinbase's REST endpoints from its side: Advanced Trade's below /api/v3/brokerage, the Exchange's below /."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from exchanges.coinbase.names import OUR_INTERVALS
from exchanges.coinbase.sandbox_products import Product, Products, described, paired, time_text
from exchanges.intervals import DAY_MS, length_ms
from exchanges.invented import Invented, InventedCandle, InventedTrade

BROKERAGE = "/api/v3/brokerage"
SECONDS = {"60": "1m", "300": "5m", "900": "15m", "3600": "1h", "21600": "6h", "86400": "1d"}
MOST_CANDLES, MOST_PAIR_CANDLES, MOST_TRADES = 350, 300, 1000
TOO_LONG = "granularity too small for the requested time range. Count of aggregations requested exceeds 300"
NO_PRODUCT = "valid product_id is required"
MAKERS = {True: "buy", False: "sell"}  # by whether the buyer was the maker
Query = Mapping[str, str]
Rows = Any  # what json writes


class Wrong(Exception):
    """A refused request, in the words of its interface."""

    def __init__(self, status: int, body: Rows) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def invalid(message: str) -> Wrong:
    """Advanced Trade's refusal."""
    return Wrong(400, {"error": "INVALID_ARGUMENT", "error_details": message, "message": message})


class Answers:
    """One method per endpoint; `ENDPOINTS` says of which path."""

    def __init__(self, market: Invented, products: Products) -> None:
        self._market, self._products = market, products

    def answer(self, path: str, query: Query) -> Rows | None:
        """None where there is no such endpoint."""
        for pattern, method in ENDPOINTS:
            if found := pattern.fullmatch(path):
                return method(self, query, *found.groups())
        return None

    def time(self, query: Query) -> Rows:
        now_ms = self._market.now_ms()
        return {"iso": time_text(now_ms), "epochSeconds": str(now_ms // 1000), "epochMillis": str(now_ms)}

    def products(self, query: Query) -> Rows:
        kind = query.get("product_type", "SPOT")
        if kind not in ("SPOT", "FUTURE"):
            return {"products": [], "num_products": 0}
        listed = self._products.spot() if kind == "SPOT" else self._products.futures()
        rows = [described(product, self._market) for product in listed]
        return {"products": rows, "num_products": len(rows)}

    def product(self, query: Query, id_: str) -> Rows:
        return described(self._product(id_), self._market)

    def candles(self, query: Query, id_: str) -> Rows:
        """Newest first, both ends included, none without a trade."""
        product, interval = self._product(id_), OUR_INTERVALS.get(query.get("granularity", ""))
        if interval is None:
            raise invalid("granularity is required")
        start_ms, end_ms = _seconds_ms(query, "start"), _seconds_ms(query, "end")
        if (end_ms - start_ms) // length_ms(interval) > MOST_CANDLES:
            raise invalid(f"number of candles requested should be less than {MOST_CANDLES}")
        found = self._market.candles(product.symbol, interval, start_ms, end_ms, MOST_CANDLES + 1)
        return {"candles": [candle_row(product, candle) for candle in reversed(found) if candle.trades]}

    def ticker(self, query: Query, id_: str) -> Rows:
        """The newest trades, newest first."""
        product = self._product(id_)
        limit = _whole(query, "limit", 100)
        if "start" in query or "end" in query:
            end_ms = _seconds_ms(query, "end") if "end" in query else None
            last_id = self._market.last_trade_id(product.symbol, end_ms)
            first_id = self._market.last_trade_id(product.symbol, _seconds_ms(query, "start") - 1) + 1
        else:
            last_id, first_id = self._market.last_trade_id(product.symbol), 1
        trades = self._market.trades(product.symbol, max(first_id, last_id - min(limit, MOST_TRADES) + 1), last_id)
        book = self._market.depth(product.symbol, 1)
        rows = [{**trade_row(product, trade), "bid": "", "ask": ""} for trade in reversed(trades)]
        return {"trades": rows, "best_bid": book.bids[0][0], "best_ask": book.asks[0][0]}

    def product_book(self, query: Query) -> Rows:
        product = self._product(query.get("product_id", ""))
        book = self._market.depth(product.symbol, min(_whole(query, "limit", 1000), 1000))
        bids, asks = (
            [{"price": price, "size": product.size(quantity)} for price, quantity in side]
            for side in (book.bids, book.asks)
        )
        named = {"product_id": product.id, "bids": bids, "asks": asks, "time": time_text(book.time_ms)}
        middle = (Decimal(bids[0]["price"]) + Decimal(asks[0]["price"])) / 2
        spread = Decimal(asks[0]["price"]) - Decimal(bids[0]["price"])
        last_id = self._market.last_trade_id(product.symbol)
        return {
            "pricebook": named, "last": self._market.trades(product.symbol, last_id, last_id)[0].price,
            "mid_market": str(middle), "spread_bps": f"{spread / middle * 10000:.2f}", "spread_absolute": str(spread),
        }  # fmt: skip

    def fiat(self, query: Query) -> Rows:
        return {"data": [{"id": "USD", "name": "US Dollar", "min_size": "0.01"}]}

    def crypto(self, query: Query) -> Rows:
        assets = sorted(
            {asset for one in self._products.spot() for asset in (one.instrument.base, one.quote)} - {"USD"}
        )
        return {"data": [{"asset_id": f"id-{code}", "code": code, "name": code, "type": "crypto"} for code in assets]}

    def rates(self, query: Query) -> Rows:
        return {"data": {"currency": "USD", "rates": {"USD": "1"}}}

    def pair_time(self, query: Query) -> Rows:
        now_ms = self._market.now_ms()
        return {"iso": time_text(now_ms), "epoch": now_ms / 1000}

    def assets(self, query: Query) -> Rows:
        codes = sorted({asset for one in self._products.pairs() for asset in (one.instrument.base, one.quote)})
        return [
            {
                "id": code, "name": code, "min_size": "0.00000001", "status": "online", "message": "",
                "max_precision": "0.00000001", "convertible_to": [], "details": {"type": "crypto"},
                "default_network": "", "supported_networks": [],
            }
            for code in codes
        ]  # fmt: skip

    def pairs(self, query: Query) -> Rows:
        return [paired(product) for product in self._products.pairs()]

    def pair(self, query: Query, id_: str) -> Rows:
        return paired(self._pair(id_))

    def pair_book(self, query: Query, id_: str) -> Rows:
        product, level = self._pair(id_), query.get("level", "1")
        book = self._market.depth(product.symbol, 1 if level == "1" else 1000)
        bids, asks = ([[price, quantity, 1] for price, quantity in side] for side in (book.bids, book.asks))
        return {
            "bids": bids, "asks": asks, "sequence": book.update_id, "auction_mode": False, "auction": None,
            "time": time_text(book.time_ms),
        }  # fmt: skip

    def pair_ticker(self, query: Query, id_: str) -> Rows:
        product = self._pair(id_)
        window = self._market.window(product.symbol, DAY_MS)
        [trade] = self._market.trades(product.symbol, window.last_id, window.last_id)
        return {
            "ask": window.ask[0], "bid": window.bid[0], "volume": window.volume, "trade_id": trade.trade_id,
            "price": trade.price, "size": trade.quantity, "time": time_text(trade.time_ms), "rfq_volume": "0",
            "conversions_volume": "0",
        }  # fmt: skip

    def pair_stats(self, query: Query, id_: str) -> Rows:
        window = self._market.window(self._pair(id_).symbol, DAY_MS)
        return {
            "open": window.open, "high": window.high, "low": window.low, "last": window.last, "volume": window.volume,
            "volume_30day": window.volume,
        }  # fmt: skip

    def pair_trades(self, query: Query, id_: str) -> Rows:
        """Newest first; `after` an id means below it, `before` one above it."""
        product, limit = self._pair(id_), min(_whole(query, "limit", MOST_TRADES), MOST_TRADES)
        newest = self._market.last_trade_id(product.symbol)
        last_id = min(newest, _whole(query, "after", newest + 1) - 1)
        first_id = max(1, last_id - limit + 1, _whole(query, "before", 0) + 1)
        return [pair_trade_row(trade) for trade in reversed(self._market.trades(product.symbol, first_id, last_id))]

    def pair_candles(self, query: Query, id_: str) -> Rows:
        product, interval = self._pair(id_), SECONDS.get(query.get("granularity", "60"))
        if interval is None:
            raise Wrong(400, {"message": "Unsupported granularity"})
        start_ms, end_ms = _iso_ms(query.get("start")), _iso_ms(query.get("end"))
        if start_ms is None or end_ms is None:
            start_ms, end_ms = None, self._market.now_ms()
        elif (end_ms - start_ms) // length_ms(interval) > MOST_PAIR_CANDLES:
            raise Wrong(400, {"message": TOO_LONG})
        found = self._market.candles(product.symbol, interval, start_ms, end_ms, MOST_PAIR_CANDLES + 1)
        return [pair_candle_row(candle) for candle in reversed(found) if candle.trades]

    def _product(self, id_: str) -> Product:
        if product := self._products.by_id.get(id_):
            return product
        raise Wrong(404, {"error": "NOT_FOUND", "error_details": NO_PRODUCT, "message": NO_PRODUCT})

    def _pair(self, id_: str) -> Product:
        if product := self._products.pair(id_):
            return product
        raise Wrong(404, {"message": "NotFound"})


def written(answer: Rows) -> bytes:
    return msgspec.json.encode(answer)


def candle_row(product: Product, candle: InventedCandle) -> Rows:
    return {
        "start": str(candle.open_ms // 1000), "low": candle.low, "high": candle.high, "open": candle.open,
        "close": candle.close, "volume": product.size(candle.volume),
    }  # fmt: skip


def trade_row(product: Product, trade: InventedTrade) -> Rows:
    """Of Advanced Trade; `side` is the maker's."""
    return {
        "trade_id": str(trade.trade_id), "product_id": product.id, "price": trade.price,
        "size": product.size(trade.quantity), "time": time_text(trade.time_ms),
        "side": MAKERS[trade.buyer_is_maker].upper(),
    }  # fmt: skip


def pair_trade_row(trade: InventedTrade) -> Rows:
    return {
        "trade_id": trade.trade_id, "side": MAKERS[trade.buyer_is_maker], "size": trade.quantity,
        "price": trade.price, "time": time_text(trade.time_ms),
    }  # fmt: skip


def _whole(query: Query, name: str, default: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else default


def _seconds_ms(query: Query, name: str) -> int:
    text = query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise invalid(f"valid {name} is required")
    return int(text) * 1000


def _iso_ms(text: str | None) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000) if text else None
    except ValueError:
        raise Wrong(400, {"message": "invalid time"}) from None


def pair_candle_row(candle: InventedCandle) -> Rows:
    """Numbers, in an order of its own."""
    figures = (candle.low, candle.high, candle.open, candle.close, candle.volume)
    return [candle.open_ms // 1000, *(msgspec.Raw(figure.encode()) for figure in figures)]


_ID = "([^/]+)"
ENDPOINTS: tuple[tuple[re.Pattern[str], Callable[..., Rows]], ...] = (
    (re.compile(f"{BROKERAGE}/time"), Answers.time),
    (re.compile(f"{BROKERAGE}/market/products"), Answers.products),
    (re.compile(f"{BROKERAGE}/market/products/{_ID}"), Answers.product),
    (re.compile(f"{BROKERAGE}/market/products/{_ID}/candles"), Answers.candles),
    (re.compile(f"{BROKERAGE}/market/products/{_ID}/ticker"), Answers.ticker),
    (re.compile(f"{BROKERAGE}/market/product_book"), Answers.product_book),
    (re.compile("/v2/currencies"), Answers.fiat),
    (re.compile("/v2/currencies/crypto"), Answers.crypto),
    (re.compile("/v2/exchange-rates"), Answers.rates),
    (re.compile("/time"), Answers.pair_time),
    (re.compile("/currencies"), Answers.assets),
    (re.compile("/products"), Answers.pairs),
    (re.compile(f"/products/{_ID}"), Answers.pair),
    (re.compile(f"/products/{_ID}/book"), Answers.pair_book),
    (re.compile(f"/products/{_ID}/ticker"), Answers.pair_ticker),
    (re.compile(f"/products/{_ID}/stats"), Answers.pair_stats),
    (re.compile(f"/products/{_ID}/trades"), Answers.pair_trades),
    (re.compile(f"/products/{_ID}/candles"), Answers.pair_candles),
)
