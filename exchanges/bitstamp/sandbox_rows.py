"""What Bitstamp says of a market, from the exchange's side: trades, books, candles, the day as rows to be written."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from exchanges.bitstamp.sandbox_markets import amount, price
from exchanges.intervals import DAY_MS
from exchanges.invented import Invented, InventedCandle, InventedDepth, InventedTrade, Level
from exchanges.symbols import Instrument

Row = dict[str, Any]
SHOWN = 100  # levels a side of a channel
WHOLE = 5000  # and of the book by REST
ORDERS = 10**15  # their numbers are long ones


def match(market: Instrument, one: InventedTrade) -> Row:
    """A frame of `live_trades`; the taker's order is the younger one."""
    taker, maker = ORDERS + 2 * one.order_id + 1, ORDERS + 2 * one.order_id
    buyer, seller = (maker, taker) if one.buyer_is_maker else (taker, maker)
    return {
        "id": one.trade_id, "timestamp": str(one.time_ms // 1000), "amount": _float(one.quantity),
        "amount_str": amount(one.quantity), "price": _float(one.price), "price_str": price(one.price, market),
        "type": int(one.buyer_is_maker), "microtimestamp": str(one.time_ms * 1000), "buy_order_id": buyer,
        "sell_order_id": seller,
    }  # fmt: skip


def transaction(market: Instrument, one: InventedTrade) -> Row:
    """A row of `/transactions/`."""
    return {
        "date": str(one.time_ms // 1000), "tid": str(one.trade_id), "amount": amount(one.quantity),
        "type": str(int(one.buyer_is_maker)), "price": price(one.price, market),
    }  # fmt: skip


def book(market: Instrument, found: InventedDepth, at_ms: int, orders: bool = False) -> Row:
    """A whole book, or what changed of it; with `orders` each level is one order, and has its number."""
    return {
        "timestamp": str(at_ms // 1000), "microtimestamp": str(at_ms * 1000),
        "bids": _levels(market, found.bids, orders), "asks": _levels(market, found.asks, orders),
    }  # fmt: skip


def candle(market: Instrument, one: InventedCandle) -> Row:
    figures = {name: price(getattr(one, name), market) for name in ("open", "high", "low", "close")}
    return {"timestamp": str(one.open_ms // 1000), **figures, "volume": amount(one.volume)}


def day(invented: Invented, market: Instrument, now_ms: int) -> Row:
    """The figures of 24 hours; `open` is the day's first price."""
    window = invented.window(market.symbol, DAY_MS, now_ms)
    today = invented.candle(market.symbol, "1d", now_ms - now_ms % DAY_MS, now_ms)
    volume = Decimal(window.volume)
    average = Decimal(window.quote_volume) / volume if volume else Decimal(window.last)
    change = (Decimal(window.last) / Decimal(window.open) - 1) * 100
    return {
        "timestamp": str(now_ms // 1000), "open": price(today.open if today else window.open, market),
        "high": price(window.high, market), "low": price(window.low, market), "last": price(window.last, market),
        "volume": amount(window.volume), "vwap": price(str(average), market), "bid": price(window.bid[0], market),
        "ask": price(window.ask[0], market), "side": "0", "open_24": price(window.open, market),
        "percent_change_24": f"{change:.2f}",
    }  # fmt: skip


def _levels(market: Instrument, side: Sequence[Level], orders: bool) -> list[list[str]]:
    rows = [[price(one, market), amount(quantity)] for one, quantity in side]
    return [[*row, str(ORDERS + int(row[0].replace(".", "")))] for row in rows] if orders else rows


def _float(number: str) -> Decimal:
    """They send it as a JSON number beside the text."""
    return Decimal(number)
