"""A changed book is kept whole as often as joiners need it and no oftener."""

import pytest

from streams.kept_books import EVENTS, LEAST_S, MOST_S, KeptBooks
from streams.numbering import Line


def line(symbol: str = "BTC-USDT", stream: str = "depth", epoch: int = 7, seq: int = 100) -> Line:
    return Line(f"binance.{stream}.{symbol}", stream, symbol, symbol, epoch, seq)


@pytest.mark.parametrize(
    ("later", "after_s", "due"),
    [
        (line(seq=100), 60.0, False),  # nothing changed
        (line(seq=101), MOST_S - 0.1, False),
        (line(seq=101), MOST_S, True),
        (line(seq=100 + EVENTS), LEAST_S, True),
        (line(seq=99 + EVENTS), LEAST_S, False),
        (line(seq=5000), LEAST_S - 0.1, False),
        (line(epoch=8, seq=2), LEAST_S, True),  # nobody can go on from the book before a gap
    ],
)
def test_a_kept_book_is_kept_again_after_many_events_or_long_enough(later: Line, after_s: float, due: bool) -> None:
    books = KeptBooks()
    books.keep(line(), 1000.0)
    assert books.due([later], 1000.0 + after_s) == [later] * due


def test_only_books_are_kept_and_the_one_longest_kept_first() -> None:
    books, trades = KeptBooks(), line(stream="trade")
    old, new, never = line("A"), line("B"), line("C")
    books.keep(new, 1001.0)
    books.keep(old, 1000.0)
    for one in (old, new):
        one.seq += EVENTS
    assert books.due([trades, new, old, never], 1010.0) == [never, old, new]
