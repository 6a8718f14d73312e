"""Contracts as base units.

Source: https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments (ctVal, ctMult, ctType).
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import NamedTuple

from exchanges.decimals import ZERO, Number, plain, unsigned
from exchanges.errors import BadFrame
from exchanges.events import Level
from exchanges.okx import names
from exchanges.symbols import Instrument, Instruments

EXACT = Context(prec=250)
ROUNDED = Context(prec=18, rounding=ROUND_HALF_EVEN)


class Contract(NamedTuple):
    """What one contract stands for: base units, or quote units of an inverse contract."""

    size: Decimal
    inverse: bool

    def base(self, contracts: Number, price: Number) -> Number:
        """Base units of so many contracts at that price."""
        if contracts == ZERO:
            return ZERO
        amount = EXACT.multiply(Decimal(contracts), self.size)
        if not self.inverse:
            return plain(amount)
        if price == ZERO:
            raise BadFrame("an inverse contract at a price of 0", "price")
        return plain(ROUNDED.divide(amount, Decimal(price)))


UNKNOWN = Contract(Decimal("NaN"), inverse=False)  # of a market whose terms are not known


def contract_or_unknown(instruments: Instruments, venue_symbol: str) -> Contract | None:
    """contract(), for frames that say something also where the contract's size is not known."""
    try:
        return contract(instruments, venue_symbol)
    except BadFrame:
        return UNKNOWN


def contract(instruments: Instruments, venue_symbol: str) -> Contract | None:
    """Of the market; None for spot, which counts in base units. BadFrame where the contract's size is not known."""
    instrument = instruments.by_venue_symbol.get(venue_symbol)
    if names.is_spot(instrument, venue_symbol):
        return None
    if instrument is None or instrument.contract_size is None:
        raise BadFrame(f"the size of a contract of {venue_symbol[:60]!r} is not known", "contract size")
    return _contract(instrument.contract_size, inverse(instrument))


def of(instrument: Instrument) -> Contract | None:
    """contract(), of a market that is at hand."""
    return contract(Instruments((instrument,)), instrument.venue_symbol)


def inverse(instrument: Instrument) -> bool:
    """An inverse contract is counted in its quote and settles in its base; options are counted in their base."""
    return instrument.kind in ("perpetual", "future") and instrument.settle == instrument.base


def base(contract: Contract | None, quantity: str, price: Number) -> Number:
    """What they sent, in base units."""
    number = unsigned(quantity)
    return number if contract is None else contract.base(number, price)


def levels(contract: Contract | None, side: Iterable[Sequence[str]]) -> list[Level]:
    """Their levels `[price, quantity, …]` in base units; BadFrame for what is no level."""
    if contract is None:
        return [(unsigned(level[0]), unsigned(level[1])) for level in side]
    prices = [(unsigned(level[0]), unsigned(level[1])) for level in side]
    return [(price, contract.base(quantity, price)) for price, quantity in prices]


@lru_cache(maxsize=8192)
def _contract(size: Number, inverse: bool) -> Contract:
    return Contract(Decimal(size), inverse)
