"""The markets of the invented exchange: their names, increments, and how their prices and quantities are written.

Inside, a price is an index on the listing's grid and a quantity a number of lots; both are integers.
Price of index i: (grid_ticks * i + offset_ticks) ticks.
"""

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from exchanges.decimals import Number, plain
from exchanges.symbols import Instrument

# base, quote, first price, decimals of the price, decimals of the quantity
KNOWN = (
    ("BTC", "USDT", "62150", 2, 5), ("ETH", "USDT", "3120", 2, 4), ("BNB", "USDT", "588", 3, 3),
    ("SOL", "USDT", "148", 3, 3), ("XRP", "USDT", "0.5175", 5, 1), ("DOGE", "USDT", "0.1235", 6, 0),
    ("ADA", "USDT", "0.4012", 5, 1), ("TRX", "USDT", "0.1208", 6, 1), ("AVAX", "USDT", "29.4", 4, 2),
    ("LINK", "USDT", "14.7", 4, 2), ("DOT", "USDT", "6.31", 4, 2), ("LTC", "USDT", "78.2", 3, 3),
    ("BCH", "USDT", "395", 3, 3), ("NEAR", "USDT", "5.12", 4, 1), ("UNI", "USDT", "9.43", 4, 2),
    ("ATOM", "USDT", "7.18", 4, 2), ("ETC", "USDT", "26.6", 4, 2), ("FIL", "USDT", "5.77", 4, 2),
    ("ETH", "BTC", "0.05021", 6, 2), ("SOL", "BTC", "0.00238", 7, 1), ("APT", "USDT", "8.92", 4, 2),
    ("ARB", "USDT", "0.7713", 5, 1), ("OP", "USDT", "1.634", 5, 2), ("SUI", "USDT", "0.9127", 5, 1),
    ("1000SATS", "USDT", "0.00053", 8, 0), ("币安人生", "USDT", "0.1719", 6, 0),
)  # fmt: skip
KNOWN_BASES = {base for base, *_ in KNOWN}
CONSONANTS, VOWELS = "BDFGKLMNPRSTVXZ", "AEIOU"
TYPICAL_NOTIONAL = {"USDT": 2000.0, "BTC": 0.03}  # of one resting order; a size, not a price
GRID_SHARE = 25_000  # a grid step is 1/25,000 of the first price
CACHED_TEXTS = 65_536


@dataclass(frozen=True)
class Listing:
    """One market. `first_index` is where its price starts, `typical_lots` the size of a usual resting order."""

    instrument: Instrument
    price_decimals: int
    quantity_decimals: int
    grid_ticks: int
    offset_ticks: int
    first_index: int
    typical_lots: int

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    def price(self, index: int) -> Number:
        return text_of(self.grid_ticks * index + self.offset_ticks, self.price_decimals)

    def quantity(self, lots: int) -> Number:
        return text_of(lots, self.quantity_decimals)

    def notional(self, weighted: int, lots: int) -> Number:
        """The sum of price times quantity, from the sums of index times lots and of lots."""
        ticks = self.grid_ticks * weighted + self.offset_ticks * lots
        return _written(ticks, self.price_decimals + self.quantity_decimals)


def _written(units: int, decimals: int) -> Number:
    """The canonical text of units / 10**decimals."""
    if not decimals:
        return Number(str(units))
    digits = str(units).zfill(decimals + 1)
    fraction = digits[-decimals:].rstrip("0")
    return Number(f"{digits[:-decimals]}.{fraction}" if fraction else digits[:-decimals])


text_of = lru_cache(CACHED_TEXTS)(_written)


def listings(seed: int, count: int) -> list[Listing]:
    """The first `count` markets; the well-known names come first."""
    known = [_listing(seed, *row) for row in KNOWN[:count]]
    return known + [_invented(seed, number) for number in range(count - len(known))]


def _invented(seed: int, number: int) -> Listing:
    dice = Random(f"{seed}:listing:{number}")
    decimals = int(dice.random() * 6)
    digits = 200_000 + int(dice.random() * 700_000)
    return _listing(seed, _name(number), "USDT", text_of(digits, decimals), decimals, int(dice.random() * 4))


def _name(number: int) -> str:
    """Four letters, then a number where there are no more of them; unique by construction."""
    letters = ""
    for alphabet in (CONSONANTS, VOWELS, CONSONANTS, VOWELS):
        number, digit = divmod(number, len(alphabet))
        letters += alphabet[digit]
    name = f"{letters}{number}" if number else letters
    return f"{name}X" if name in KNOWN_BASES else name


def _listing(seed: int, base: str, quote: str, price: str, decimals: int, quantity_decimals: int) -> Listing:
    symbol = f"{base}-{quote}"
    dice = Random(f"{seed}:{symbol}")
    whole, _, fraction = price.partition(".")
    ticks = int(whole + fraction.ljust(decimals, "0"))
    ticks += int(ticks * (dice.random() - 0.5) / 20)
    grid = max(1, ticks // GRID_SHARE)
    lots = TYPICAL_NOTIONAL[quote] * 10 ** (decimals + quantity_decimals) / ticks
    instrument = Instrument(
        symbol=symbol,
        venue_symbol=symbol,
        base=base,
        quote=quote,
        kind="spot",
        price_increment=text_of(1, decimals),
        quantity_increment=text_of(1, quantity_decimals),
        min_quantity=text_of(1, quantity_decimals),
        max_quantity=plain(9_000_000),
        min_notional=plain(5) if quote == "USDT" else plain("0.0001"),
    )
    return Listing(
        instrument, decimals, quantity_decimals, grid, int(dice.random() * grid), ticks // grid, max(20, int(lots))
    )
