"""Events read back from their JSON with every number exact."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import msgspec

from exchanges.decimals import Number
from exchanges.events import Candle, Level, Ticker, Trade

SIDES = frozenset({"bids", "asks"})


def _numbers(kinds: Iterable[type]) -> frozenset[str]:
    hints = {name: hint for kind in kinds for name, hint in get_type_hints(kind).items()}
    return frozenset(name for name, hint in hints.items() if Number in (hint, *get_args(hint)))


NUMBERS = _numbers((Trade, Ticker, Candle))  # the members that are exact numbers, also where they look like integers
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def read(text: bytes) -> dict[str, Any]:
    """The event's members; prices and quantities are Decimal, levels `[[Decimal, Decimal], …]`, times integers."""
    return {name: _value(name, value) for name, value in _decode(text).items()}


def levels(side: Iterable[tuple[str, str]]) -> list[list[Decimal]]:
    """A side of a book, its texts as Decimal."""
    return [[Decimal(price), Decimal(quantity)] for price, quantity in side]


def _value(name: str, value: Any) -> Any:
    if name in SIDES:
        return levels(value)
    return Decimal(value) if name in NUMBERS and value is not None else value


class _Levels(msgspec.Struct):
    bids: list[tuple[msgspec.Raw, msgspec.Raw]]
    asks: list[tuple[msgspec.Raw, msgspec.Raw]]


_levels = msgspec.json.Decoder(_Levels).decode


def sides(text: bytes) -> tuple[list[Level], list[Level]]:
    """Bids and asks of a depth event as the canonical text that a book is keyed by."""
    found = _levels(text)
    return _side(found.bids), _side(found.asks)


def _side(side: Iterable[tuple[msgspec.Raw, msgspec.Raw]]) -> list[Level]:
    return [(Number(bytes(price).decode()), Number(bytes(quantity).decode())) for price, quantity in side]
