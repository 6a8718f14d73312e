"""What Hyperliquid says of a market, from the exchange's side: trades, books, candles, states as rows to be written."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from exchanges.decimals import plain
from exchanges.hyperliquid.sandbox_markets import Market, text
from exchanges.intervals import DAY_MS
from exchanges.invented import Invented, InventedCandle, InventedTrade, Level

Row = dict[str, Any]
IDS = 2**50  # a trade's id is a hash of so many bits
SPREAD_OUT = 0x9E3779B97F4A7C15  # odd, so that no two trades of a market share an id
WHOLE, FAST = 20, 5  # levels a side


def trade(market: Market, one: InventedTrade) -> Row:
    tid = one.trade_id * SPREAD_OUT % IDS
    buyer, seller = (f"0x{one.order_id * 2 + side:040x}" for side in (0, 1))
    return {
        "coin": market.coin, "side": "A" if one.buyer_is_maker else "B", "px": text(one.price),
        "sz": text(one.quantity), "time": one.time_ms, "hash": f"0x{tid:064x}", "tid": tid, "users": [buyer, seller],
    }  # fmt: skip


def levels(side: Iterable[Level]) -> list[Row]:
    return [{"px": text(price), "sz": text(quantity), "n": 1} for price, quantity in side]


def book(invented: Invented, market: Market, count: int, at_ms: int) -> Row:
    """The time is that of the push, not of the last change."""
    found = invented.depth(market.source.symbol, count, at_ms)
    return {"coin": market.coin, "time": at_ms, "levels": [levels(found.bids), levels(found.asks)]}


def candle(market: Market, one: InventedCandle) -> Row:
    return {
        "t": one.open_ms, "T": one.close_ms, "s": market.coin, "i": one.interval, "o": text(one.open),
        "c": text(one.close), "h": text(one.high), "l": text(one.low), "v": text(one.volume), "n": one.trades,
    }  # fmt: skip


def context(invented: Invented, market: Market, until_ms: int | None = None) -> Row:
    """The state of a market; perpetuals have more to say than spot."""
    window = invented.window(market.source.symbol, DAY_MS, until_ms)
    middle = plain((Decimal(window.bid[0]) + Decimal(window.ask[0])) / 2)
    row = {
        "prevDayPx": text(window.open), "dayNtlVlm": text(window.quote_volume), "markPx": text(window.last),
        "midPx": text(middle), "dayBaseVlm": text(window.volume),
    }  # fmt: skip
    if market.spot:
        return {**row, "circulatingSupply": "1000000.0", "coin": market.coin, "totalSupply": "1000000.0"}
    more = {"funding": "0.0000125", "openInterest": "1000.0", "premium": "0.0", "oraclePx": row["markPx"]}
    return {**row, **more, "impactPxs": [text(window.bid[0]), text(window.ask[0])]}


def delisted() -> Row:
    """The state of a perpetual that is traded no more."""
    none = dict.fromkeys(("funding", "openInterest", "dayNtlVlm", "dayBaseVlm"), "0.0")
    return {**none, "prevDayPx": "0.5", "markPx": "0.5", "oraclePx": "0.5", "midPx": None, "premium": None,
            "impactPxs": None}  # fmt: skip
