"""Events made of Alpaca's rows, which are the same on a connection and over HTTP. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from exchanges.alpaca import frames, names
from exchanges.decimals import Number, unsigned
from exchanges.errors import BadFrame
from exchanges.events import Candle, Level, Trade
from exchanges.tickers import Figures

SHARES_US = names.micros("2025-11-03T05:00:00Z")  # from then on, midnight in New York, quotes of stocks are in shares
LOT = 100  # before, in round lots
VOID = ("canceled", "incorrect")  # what became of a stock's trade that is none


def trade(symbol: str, venue_symbol: str, row: frames.TradeRow, received_ns: int) -> Trade:
    """Of stocks the taker's side is not said."""
    side = names.SIDES.get(row.tks or "")
    if row.tks and side is None:
        raise BadFrame(f"an unknown side: {row.tks[:20]!r}", "side")
    if row.i >= 2**64:
        raise BadFrame("an id that is too long", "id")
    time_us = names.micros(row.t)
    return Trade(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, event_us=time_us, trade_us=time_us,
        trade_id=str(row.i), price=unsigned(row.p), quantity=unsigned(row.s), side=side,
    )  # fmt: skip


def last(row: frames.TradeRow) -> Figures:
    return {"last_price": unsigned(row.p), "last_quantity": unsigned(row.s)}


def offers(row: frames.QuoteRow) -> Figures:
    """Sizes of stocks, which are known by their tape, were lots once."""
    unit = LOT if row.z and names.micros(row.t) < SHARES_US else 1
    bid_price, bid_quantity = _offer(unsigned(row.bp), _size(row.bs, unit))
    ask_price, ask_quantity = _offer(unsigned(row.ap), _size(row.as_, unit))
    return {
        "bid_price": bid_price, "bid_quantity": bid_quantity, "ask_price": ask_price, "ask_quantity": ask_quantity,
    }  # fmt: skip


def candle(
    symbol: str, venue_symbol: str, interval: str, row: frames.BarRow, received_ns: int, closed: bool | None = None
) -> Candle:
    """Closed, if not told, when its time is over. A volume in the quote is not sent, only a rounded average price."""
    open_ms, close_ms = names.spans(venue_symbol, interval, names.micros(row.t))
    over = close_ms < received_ns // 1_000_000
    return Candle(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, interval=interval, open_ms=open_ms,
        close_ms=close_ms, open=unsigned(row.o), high=unsigned(row.h), low=unsigned(row.l), close=unsigned(row.c),
        volume=unsigned(row.v), quote_volume=None, trades=row.n, closed=over if closed is None else closed,
    )  # fmt: skip


def levels(side: Iterable[frames.Level] | None) -> list[Level]:
    return [(unsigned(level.p), unsigned(level.s)) for level in side or ()]


def _size(size: Decimal, unit: int) -> Number:
    """Read before it is multiplied, which overflows where the exponent has no bound."""
    number = unsigned(size)
    return number if unit == 1 else unsigned(Decimal(number) * unit)


def _offer(price: Number, quantity: Number) -> tuple[Number | None, Number | None]:
    return (None, None) if price == "0" else (price, quantity)
