"""Events and rows as JSON: one encoder for stream, REST and files, in which no number passes through a float.

Numbers are canonical text already, so they are written as they stand. Times become integers of milliseconds.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from exchanges.decimals import Number, plain
from exchanges.events import Candle, Depth, Event, Gap, Level, Repaired, Status, Ticker, Trade

NumbersAs = Literal["number", "text"]

_quoted = msgspec.json.Encoder().encode


def quoted(text: str) -> str:
    """A JSON string."""
    return _quoted(text).decode()


def head(event: str, exchange: str, symbol: str, venue_symbol: str, topic: str | None = None) -> str:
    """The members that are the same for every event of one kind and topic; open, to be followed by more."""
    named = f'"topic":{quoted(topic)},' if topic else ""
    return (
        f'{{"event":"{event}",{named}"exchange":"{exchange}",'
        f'"symbol":{quoted(symbol)},"venue_symbol":{quoted(venue_symbol)}'
    )


def times(event: Event) -> str:
    """`event_time` and `received_time`."""
    return f',"event_time":{_ms(event.event_us)},"received_time":{event.received_ns // 1_000_000}'


def body(event: Event) -> str:
    """The members that only this kind of event has, each behind a comma."""
    return _BODIES[type(event)](event)


def event_text(event: Event, exchange: str, extra: str = "") -> str:
    """One event outside any topic, as `normalize` writes it; `extra` is further members, each behind a comma."""
    name: str = event.name  # type: ignore[attr-defined]
    return f"{head(name, exchange, event.symbol, event.venue_symbol)}{times(event)}{extra}{body(event)}}}"


def levels(side: Sequence[Level]) -> str:
    """`[[price,quantity],…]`"""
    return "[" + ",".join([f"[{price},{quantity}]" for price, quantity in side]) + "]"


def rows(value: object, numbers: NumbersAs = "number") -> bytes:
    """Any tree of mappings, sequences, Decimals, text, integers, booleans and None as JSON; Decimals exact.

    TypeError for a float: it would no longer be what the exchange sent.
    """
    return msgspec.json.encode(_exact(value, numbers))


def _exact(value: object, numbers: NumbersAs) -> object:
    match value:
        case Decimal():
            return plain(value) if numbers == "text" else msgspec.Raw(plain(value).encode())
        case Mapping():
            return {str(key): _exact(item, numbers) for key, item in value.items()}
        case list() | tuple():
            return [_exact(item, numbers) for item in value]
        case float():
            raise TypeError(f"a float has no place here: {value!r}")
        case _:
            return value


def _ms(time_us: int | None) -> str:
    return "null" if time_us is None else str(time_us // 1000)


def _or_null(number: Number | None) -> str:
    return number or "null"


def _trade(event: Trade) -> str:
    side = f'"{event.side}"' if event.side else "null"
    venue = f',"venue_quantity":{event.venue_quantity}' if event.venue_quantity is not None else ""
    return (
        f',"trade_id":{quoted(event.trade_id)},"price":{event.price},"quantity":{event.quantity}{venue},'
        f'"side":{side},"trade_time":{_ms(event.trade_us)}'
    )


_TICKER_FIELDS = Ticker.__struct_fields__[len(Event.__struct_fields__) :]


def _ticker(event: Ticker) -> str:
    return "".join([f',"{name}":{_or_null(getattr(event, name))}' for name in _TICKER_FIELDS])


def _depth(event: Depth) -> str:
    sequence = "null" if event.sequence is None else event.sequence
    return f',"type":"{event.type}","bids":{levels(event.bids)},"asks":{levels(event.asks)},"sequence":{sequence}'


def _candle(event: Candle) -> str:
    trades, closed = "null" if event.trades is None else event.trades, "true" if event.closed else "false"
    return (
        f',"interval":"{event.interval}","open_time":{event.open_ms},"close_time":{event.close_ms},'
        f'"open":{_or_null(event.open)},"high":{_or_null(event.high)},"low":{_or_null(event.low)},'
        f'"close":{_or_null(event.close)},"volume":{_or_null(event.volume)},'
        f'"quote_volume":{_or_null(event.quote_volume)},"trades":{trades},"closed":{closed}'
    )


def _gap(event: Gap) -> str:
    return f',"reason":"{event.reason}","from_time":{_ms(event.from_us)},"repair":"{event.repair}"'


def _repaired(event: Repaired) -> str:
    complete = "true" if event.complete else "false"
    return f',"from_time":{_ms(event.from_us)},"to_time":{_ms(event.to_us)},"count":{event.count},"complete":{complete}'


def _status(event: Status) -> str:
    return f',"status":"{event.status}","detail":{quoted(event.detail)}'


_BODIES: dict[type[Event], Callable[..., str]] = {
    Trade: _trade,
    Ticker: _ticker,
    Depth: _depth,
    Candle: _candle,
    Gap: _gap,
    Repaired: _repaired,
    Status: _status,
}
