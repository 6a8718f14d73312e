"""A match, or the fills of one order at one price, as a trade."""

from exchanges.binance import frames, names
from exchanges.decimals import unsigned
from exchanges.events import Trade


def trade(symbol: str, match: frames.Match | frames.Aggregate, trade_id: int, received_ns: int) -> Trade:
    return Trade(
        symbol=symbol, venue_symbol=match.s, received_ns=received_ns, event_us=names.micros(match.E),
        trade_id=str(trade_id), price=unsigned(match.p), quantity=unsigned(match.q),
        side=names.side(match.m), trade_us=names.micros(match.T),
    )  # fmt: skip
