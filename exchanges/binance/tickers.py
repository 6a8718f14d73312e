"""The ticker of each market on one connection, made from two streams: the day's figures, and the best prices."""

from collections.abc import Collection

from exchanges.binance import frames, names
from exchanges.decimals import Number, unsigned
from exchanges.events import Ticker

Figures = dict[str, Number | None]


class Tickers:
    """What each market's streams said last, by venue symbol."""

    def __init__(self) -> None:
        self._said: dict[str, Figures] = {}

    def keep(self, markets: Collection[str]) -> None:
        """Forget the others."""
        self._said = {market: figures for market, figures in self._said.items() if market in markets}

    def event(self, symbol: str, market: str, received_ns: int, event_us: int | None, figures: Figures) -> Ticker:
        """The figures of this frame beside what the market's other stream said last."""
        said = self._said.setdefault(market, {})
        said.update(figures)
        return Ticker(symbol=symbol, venue_symbol=market, received_ns=received_ns, event_us=event_us, **said)


def whole(day: frames.Day) -> Figures:
    """Of `@ticker`"""
    last_quantity = unsigned(day.Q) if names.existing(day.c) else None
    return {**short(day), **best(day), "last_quantity": last_quantity}


def short(day: frames.Day | frames.ShortDay) -> Figures:
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
