"""A match as a trade.

`direction` is read as the taker's side: every library does, their documents only say "direction".
"""

from exchanges.decimals import plain, unsigned
from exchanges.deribit import units
from exchanges.deribit.frames import TradeRow
from exchanges.events import Trade


def trade(symbol: str, row: TradeRow, in_quote: bool, received_ns: int) -> Trade:
    price = unsigned(row.price)
    return Trade(
        symbol=symbol, venue_symbol=row.instrument_name, received_ns=received_ns, event_us=row.timestamp * 1000,
        trade_id=row.trade_id, price=price, quantity=units.base(row.amount, price, in_quote), side=row.direction,
        trade_us=row.timestamp * 1000, number=row.trade_seq, venue_quantity=plain(row.amount) if in_quote else None,
    )  # fmt: skip
