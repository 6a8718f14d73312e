"""Their rows as our events, from REST and WebSocket alike."""

from collections.abc import Sequence

from exchanges import intervals
from exchanges.decimals import ZERO, Number, unsigned
from exchanges.errors import BadFrame
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
    last, bid, ask = _price(row.last), _price(row.bidPx), _price(row.askPx)
    base, other = (row.vol24h, row.volCcy24h) if contract is None else (row.volCcy24h, "")
    return Ticker(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, event_us=names.micros(row.ts),
        last_price=last, last_quantity=_quantity(contract, row.lastSz, last),
        bid_price=bid, bid_quantity=_quantity(contract, row.bidSz, bid),
        ask_price=ask, ask_quantity=_quantity(contract, row.askSz, ask),
        open_24h=_price(row.open24h), high_24h=_price(row.high24h), low_24h=_price(row.low24h),
        volume_24h=_existing(base), quote_volume_24h=_existing(other),
    )  # fmt: skip


def candle(
    row: Sequence[str], symbol: str, venue_symbol: str, spot: bool, interval: str, received_ns: int,
    now_ms: int | None = None,
) -> Candle:  # fmt: skip
    """One that does not say whether it is final is so when it ended before `now_ms`."""
    opening, open_, high, low, close, volume, other, *added = row
    open_ms = names.millis(opening)
    close_ms = intervals.close_ms(interval, open_ms)
    quote_volume, closed = (
        _added(added) if added else (other if spot else None, now_ms is not None and close_ms < now_ms)
    )
    return Candle(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, interval=interval,
        open_ms=open_ms, close_ms=close_ms,
        open=unsigned(open_), high=unsigned(high), low=unsigned(low), close=unsigned(close),
        volume=unsigned(volume if spot else other), trades=None, closed=closed,
        quote_volume=None if quote_volume is None else unsigned(quote_volume),
    )  # fmt: skip


def best(row: frames.BookRow, symbol: str, venue_symbol: str, contract: Contract | None, received_ns: int) -> Ticker:
    """Best bid and ask alone, as a ticker."""
    [(bid, bid_quantity)] = _side(contract, row.bids[:1]) or [(None, None)]
    [(ask, ask_quantity)] = _side(contract, row.asks[:1]) or [(None, None)]
    return Ticker(
        symbol=symbol, venue_symbol=venue_symbol, received_ns=received_ns, event_us=names.micros(row.ts),
        bid_price=bid, bid_quantity=bid_quantity, ask_price=ask, ask_quantity=ask_quantity,
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


def _price(number: str) -> Number | None:
    """There is no price of 0, so that it stands for none like empty text."""
    price = _existing(number)
    return None if price == ZERO else price


def _quantity(contract: Contract | None, quantity: str, price: Number | None) -> Number | None:
    known = quantity and price and contract is not quantities.UNKNOWN
    return quantities.base(contract, quantity, price) if known and price else None


def _added(columns: Sequence[str]) -> tuple[str, bool]:
    """The quote volume, and whether the candle is final."""
    if len(columns) < 2 or columns[1] not in ("0", "1"):
        raise BadFrame(f"no quote volume and sign of a final candle: {str(columns)[:60]}", "candle")
    return columns[0], columns[1] == "1"
