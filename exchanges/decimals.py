"""Exact numbers as canonical decimal text: plain notation, no exponent, no trailing zeros, never a binary float.

One value has one spelling, so equal numbers are equal text: levels of a book can be keyed by it, and what goes to a
client needs no conversion at all.
"""

import re
from decimal import Decimal
from typing import NewType

from exchanges.errors import BadFrame

Number = NewType("Number", str)

ZERO = Number("0")
LONGEST = 100  # characters; no exchange sends more, and an exponent must not expand without bound

# One pass for what exchanges send: plain notation, padded with zeros or not; one of the groups is the canonical text.
_padded = re.compile(
    r"(-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9])0*|(-?(?:0|[1-9][0-9]*))(?:\.0*)?",
).fullmatch
_decimal = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?").fullmatch


def plain(value: str | int | Decimal) -> Number:
    """The canonical text of a number an exchange sent; BadFrame where it is not a finite number."""
    text = value if type(value) is str else str(value)
    if len(text) > LONGEST:
        raise BadFrame(f"number of {len(text)} characters: {text[:20]}…")
    if match := _padded(text):
        number = match[match.lastindex or 0]
        return ZERO if number == "-0" else Number(number)
    if not _decimal(text):
        raise BadFrame(f"not a finite number: {text!r}")
    if "e" in text or "E" in text or text[0] in "+.":
        text = format(Decimal(text), "f")
    return _trimmed(text)


def unsigned(value: str | int | Decimal) -> Number:
    """plain(), for what is never below zero (a quantity, a price of a spot market); BadFrame where it is."""
    number = plain(value)
    if number[0] == "-":
        raise BadFrame(f"a negative number: {number}", "negative")
    return number


def optional(value: str | int | Decimal | None) -> Number | None:
    """plain(), where an absent value (null, empty text) stays absent."""
    return None if value is None or value == "" else plain(value)


def _trimmed(text: str) -> Number:
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
    whole, _, fraction = digits.partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return ZERO if number == "0" else Number(sign + number)
