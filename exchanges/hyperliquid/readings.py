"""Rows that a connection and HTTP share, as events. Quantities are base units already."""

from decimal import Decimal

from exchanges import intervals
from exchanges.decimals import ZERO, Number, unsigned
from exchanges.events import Candle, Level, Trade
from exchanges.hyperliquid import frames, names
from exchanges.tickers import Figures

Sides = tuple[tuple[Level, ...], tuple[Level, ...]]  # bids and asks, best first


def trade(symbol: str, row: frames.TradeRow, received_ns: int) -> Trade:
    """`tid` is unique within a market and its time only, so it is told as it is."""
    time_us = row.time * 1000
    return Trade(
        symbol=symbol, venue_symbol=row.coin, received_ns=received_ns, event_us=time_us, trade_id=str(row.tid),
        price=unsigned(row.px), quantity=unsigned(row.sz), side=names.SIDES[row.side], trade_us=time_us,
    )  # fmt: skip


def candle(symbol: str, row: frames.CandleRow, received_ns: int, closed: bool) -> Candle:
    """They send no quote volume. BadFrame where it is not anchored in UTC."""
    open_ms = names.opened(row.i, row.t)
    return Candle(
        symbol=symbol, venue_symbol=row.s, received_ns=received_ns, interval=row.i, open_ms=open_ms,
        close_ms=intervals.close_ms(row.i, open_ms), open=unsigned(row.o), high=unsigned(row.h), low=unsigned(row.l),
        close=unsigned(row.c), volume=unsigned(row.v), quote_volume=None, trades=row.n, closed=closed,
    )  # fmt: skip


def levels(side: list[frames.Level]) -> tuple[Level, ...]:
    """Best first, as they send them."""
    return tuple([(unsigned(level.px), unsigned(level.sz)) for level in side])


def crossed(bids: tuple[Level, ...], asks: tuple[Level, ...]) -> bool:
    """Both sides best first."""
    return bool(bids and asks) and Decimal(bids[0][0]) >= Decimal(asks[0][0])


def best(bbo: frames.Best) -> Figures:
    """A side that does not exist is null there."""
    bid, ask = bbo.bbo
    return {
        "bid_price": unsigned(bid.px) if bid else None,
        "bid_quantity": unsigned(bid.sz) if bid else None,
        "ask_price": unsigned(ask.px) if ask else None,
        "ask_quantity": unsigned(ask.sz) if ask else None,
    }


def day(context: frames.Context) -> Figures:
    """`markPx` and `midPx` are prices of no trade, so neither is the last price. A market that is younger than a day
    has no price of a day ago."""
    open_24h = _optional(context.prevDayPx)
    return {
        "open_24h": None if open_24h == ZERO else open_24h,
        "volume_24h": _optional(context.dayBaseVlm),
        "quote_volume_24h": _optional(context.dayNtlVlm),
    }


def _optional(figure: Decimal | None) -> Number | None:
    return None if figure is None else unsigned(figure)
