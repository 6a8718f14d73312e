"""Their rows as our events, from REST and WebSocket alike."""

from collections.abc import Sequence

from exchanges import intervals
from exchanges.decimals import Number, unsigned
from exchanges.events import Candle, Depth, Ticker, Trade
from exchanges.okx import frames, names, quantities
from exchanges.okx.quantities import Contract


def trade(
    row: frames.TradeRow, symbol: str, venue_symbol: str, contract: Contract | None, received_ns: int, live: bool
) -> Trade:
    """A match has one time of theirs, which of a live one is the time of the event too."""
    price, trade_us = unsigned(row.px), names.micros(row.ts)
    names.whole(row.tradeId)
    return Trade(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, event_us=trade_us if live else None,
        trade_id=row.tradeId, price=price, quantity=quantities.base(contract, row.sz, price), side=row.side,
        trade_us=trade_us, venue_quantity=unsigned(row.sz) if contract else None,
    )  # fmt: skip


def ticker(
    row: frames.TickerRow, symbol: str, venue_symbol: str, contract: Contract | None, received_ns: int
) -> Ticker:
    """`volCcy24h` is the quote volume of spot and the base volume of derivatives, whose quote volume is not sent."""
    last, bid, ask = _existing(row.last), _existing(row.bidPx), _existing(row.askPx)
    base, other = (row.vol24h, row.volCcy24h) if contract is None else (row.volCcy24h, "")
    return Ticker(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, event_us=names.micros(row.ts),
        last_price=last, last_quantity=_quantity(contract, row.lastSz, last),
        bid_price=bid, bid_quantity=_quantity(contract, row.bidSz, bid),
        ask_price=ask, ask_quantity=_quantity(contract, row.askSz, ask),
        open_24h=_existing(row.open24h), high_24h=_existing(row.high24h), low_24h=_existing(row.low24h),
        volume_24h=_existing(base), quote_volume_24h=_existing(other),
    )  # fmt: skip


def candle(
    row: frames.CandleRow, symbol: str, venue_symbol: str, spot: bool, interval: str, received_ns: int
) -> Candle:
    opening, open_, high, low, close, volume, other, quote_volume, confirm = row
    open_ms = names.millis(opening)
    return Candle(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, interval=interval,
        open_ms=open_ms, close_ms=intervals.close_ms(interval, open_ms),
        open=unsigned(open_), high=unsigned(high), low=unsigned(low), close=unsigned(close),
        volume=unsigned(volume if spot else other), quote_volume=unsigned(quote_volume), trades=None,
        closed=confirm == "1",
    )  # fmt: skip


def picture(
    row: frames.BookRow, symbol: str, venue_symbol: str, contract: Contract | None, received_ns: int,
    stream: str = "depth",
) -> Depth:  # fmt: skip
    """A whole book."""
    return Depth(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, event_us=names.micros(row.ts),
        stream=stream, type="snapshot", bids=_side(contract, row.bids), asks=_side(contract, row.asks),
        sequence=row.seqId,
    )  # fmt: skip


def _side(contract: Contract | None, side: Sequence[Sequence[str]]) -> tuple[tuple[Number, Number], ...]:
    return tuple(quantities.levels(contract, side))


def _existing(number: str) -> Number | None:
    return unsigned(number) if number else None


def _quantity(contract: Contract | None, quantity: str, price: Number | None) -> Number | None:
    return quantities.base(contract, quantity, price) if quantity and price else None
