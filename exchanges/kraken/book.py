"""One market's book by Kraken's rules: absolute levels, cut to the subscribed depth, proven by a CRC32 of the best ten.

Source: https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2
"""

import zlib
from collections.abc import Iterable
from functools import lru_cache

from exchanges.book import Book
from exchanges.decimals import Number, unsigned
from exchanges.depths import Break, Delta, ProvenBook
from exchanges.events import Level

DEPTHS = (10, 25, 100, 500, 1000)  # that can be subscribed to
DEEPEST = DEPTHS[-1]
CHECKED = 10  # levels a side that the checksum is over, whatever the depth
LOT_DECIMALS = 8  # of nearly every market
Sent = tuple[str, str]  # price and quantity as they were written
Places = tuple[int, int]  # decimals of prices and quantities


class KrakenBook(ProvenBook):
    """`depth` is the subscribed one: levels pushed beyond it get no removal, they have to be forgotten.

    `listed` are the decimals that the market's rules tell, where they are known.
    """

    def __init__(self, depth: int, listed: Places = (0, 0)) -> None:
        super().__init__()
        self.book = Book(kept=depth)
        self._listed = listed
        self._places: Places = (0, 0)  # as far as they were written

    def snapshot(
        self, bids: Iterable[Sent], asks: Iterable[Sent], checksum: int | None, event_us: int | None, received_ns: int
    ) -> None:
        """The whole book. Break where it is not the one that the checksum is of; v1 sends none with it."""
        self._places = (0, 0)
        proven_us = self.last_proven_us
        self.start(self._levels(bids), self._levels(asks), received_ns=received_ns, event_us=event_us)
        self._check(checksum, proven_us)
        if self.book.crossed:
            self.lose()
            raise Break("the book is crossed")

    def update(
        self, bids: Iterable[Sent], asks: Iterable[Sent], checksum: int | None, event_us: int | None, received_ns: int
    ) -> Delta:
        """The delta of the window. Break where the book is no longer the exchange's."""
        proven_us = self.last_proven_us
        delta = self.apply(self._levels(bids), self._levels(asks), received_ns=received_ns, event_us=event_us)
        self._check(checksum, proven_us)
        return delta

    def checksum(self, places: Places | None = None) -> int:
        """Of the book as it stands: asks from the lowest, then bids from the highest."""
        bids, asks = self.book.best(CHECKED)
        price_places, quantity_places = places or self._places
        return zlib.crc32(
            "".join(
                [_digits(price, price_places) + _digits(quantity, quantity_places) for price, quantity in asks + bids]
            ).encode()
        )

    def _check(self, checksum: int | None, proven_us: int | None) -> None:
        if checksum is None or checksum == (ours := self.checksum()):
            return
        if any(checksum == self.checksum(places) for places in self._other_places()):
            return
        self.lose()
        self.last_proven_us = proven_us
        raise Break(f"the checksum is {checksum}, the book's {ours}")

    def _other_places(self) -> list[Places]:
        """The decimals that all levels may have had before somebody wrote them down without zeros at the end."""
        prices, quantities = (max(pair) for pair in zip(self._places, self._listed, strict=True))
        return [(prices, quantities), (prices, max(quantities, LOT_DECIMALS))]

    def _levels(self, side: Iterable[Sent]) -> list[Level]:
        """Canonical, and the decimals that were written noted: all levels have the most that any was sent with.

        On the wire each has as many as its market's precision. Who wrote a frame down may have lost zeros at the end;
        then the longest says what the others had.
        """
        price_places, quantity_places = self._places
        result = []
        for price, quantity in side:
            level = unsigned(price), unsigned(quantity)
            price_places = max(price_places, _written(price, level[0]))
            quantity_places = max(quantity_places, _written(quantity, level[1]))
            result.append(level)
        self._places = price_places, quantity_places
        return result


def listed_depth(levels: int) -> int:
    """The subscribed depth that a snapshot of so many levels a side tells, where nothing else does."""
    return next((depth for depth in DEPTHS if levels <= depth), levels)


def _written(text: str, number: Number) -> int:
    """The decimals of a number as it was written; of one with an exponent, what it stands for."""
    return len((number if "e" in text or "E" in text else text).partition(".")[2])


@lru_cache(maxsize=16_384)  # most of the best levels stay from one update to the next
def _digits(number: Number, places: int) -> str:
    whole, _, fraction = number.partition(".")
    return (whole + fraction.ljust(places, "0")).lstrip("0")
