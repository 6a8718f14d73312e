"""What the ticker streams say, as figures of ours: the day's, and the best prices."""

from typing import Protocol

from exchanges.binance import frames, names
from exchanges.decimals import unsigned
from exchanges.tickers import Figures


def whole(day: frames.Day) -> Figures:
    """Of `@ticker`"""
    last_quantity = unsigned(day.Q) if names.existing(day.c) else None
    return {**short(day), **best(day), "last_quantity": last_quantity}


class DayFigures(Protocol):
    """The figures of the last 24 hours, by their names."""

    c: str
    o: str
    h: str
    l: str  # noqa: E741
    v: str
    q: str


def short(day: DayFigures) -> Figures:
    """Of `@miniTicker`"""
    return {
        "last_price": names.existing(day.c),
        "open_24h": names.existing(day.o),
        "high_24h": names.existing(day.h),
        "low_24h": names.existing(day.l),
        "volume_24h": unsigned(day.v),
        "quote_volume_24h": unsigned(day.q),
    }


def best(prices: frames.Day | frames.Best) -> Figures:
    """Of `@bookTicker`; a side that does not exist has no quantity either."""
    bid, ask = names.existing(prices.b), names.existing(prices.a)
    return {
        "bid_price": bid,
        "bid_quantity": unsigned(prices.B) if bid else None,
        "ask_price": ask,
        "ask_quantity": unsigned(prices.A) if ask else None,
    }


def best_row(row: frames.BestRow) -> Figures:
    """Of `/ticker/bookTicker`"""
    bid, ask = names.existing(row.bidPrice), names.existing(row.askPrice)
    return {
        "bid_price": bid,
        "bid_quantity": unsigned(row.bidQty) if bid else None,
        "ask_price": ask,
        "ask_quantity": unsigned(row.askQty) if ask else None,
    }


NO_BEST: Figures = dict.fromkeys(("bid_price", "bid_quantity", "ask_price", "ask_quantity"))
