"""A book that another loop has kept with its last word goes on as this loop's own."""

import time

from msgspec import structs

from exchanges.events import Depth
from streams import exact
from streams.history import Kept
from streams.numbering import Line, Numbering
from streams.rehearsal import difference


def take_book_over(numbering: Numbering, line: Line, kept: Kept, book: Depth | None) -> None:
    """Says what is different in our book; where either is not known as it stands, a gap, and ours whole."""
    if book is None or kept.book is None or kept.book_position != kept.position:
        numbering.gap(line, "failover", time.time_ns())
        if book:
            numbering.take(book)
        return
    bids, asks = difference(exact.sides(kept.book), book)
    if bids or asks:
        numbering.take(structs.replace(book, type="delta", bids=bids, asks=asks))
