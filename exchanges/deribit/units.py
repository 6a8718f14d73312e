"""Deribit's amounts in base units: inverse futures count US dollars, everything else its base asset.

Source: https://docs.deribit.com/api-reference/market-data/public-get_instruments, `amount` of trades and books.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal

from exchanges.decimals import ZERO, Number, plain, unsigned
from exchanges.deribit import names
from exchanges.errors import BadFrame
from exchanges.events import Level
from exchanges.symbols import Instrument

_divided = Context(prec=18, rounding=ROUND_HALF_EVEN).divide


def counts_quote(instrument: Instrument | None, venue_symbol: str) -> bool:
    """Whether amounts of this market are in its quote. A market that is not known is judged by its spelling; BadFrame
    for a combination, which no document gives a unit in its base."""
    if instrument is not None and instrument.settle is not None:
        return instrument.kind in ("perpetual", "future") and instrument.settle == instrument.base
    spelled = names.spelled(venue_symbol)
    if spelled is None and instrument is None:
        raise BadFrame(f"a combination, or no market: {venue_symbol[:60]}", "combination")
    return spelled is not None and spelled.counts_quote


def base(amount: Decimal, price: Number, in_quote: bool) -> Number:
    """An amount in base units, rounded half-even to 18 digits where it has to be divided."""
    number = unsigned(amount)
    if not in_quote or number == ZERO:
        return number
    if price == ZERO:
        raise BadFrame("an amount at a price of zero", "price")
    return plain(_divided(Decimal(number), Decimal(price)))


def levels(side: Iterable[tuple[Decimal, Decimal]], in_quote: bool) -> list[Level]:
    """Price and amount of each level."""
    found = []
    for price, amount in side:
        number = unsigned(price)
        found.append((number, base(amount, number, in_quote)))
    return found
