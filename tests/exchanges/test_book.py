"""The order book: windows stay exact under any diffs, truncated sides know what they do not know."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges import book as module
from exchanges.book import Book
from exchanges.decimals import Number, plain

Levels = list[tuple[Number, Number]]

prices = st.integers(1, 60).map(lambda ticks: plain(Decimal(ticks) / 4))
quantities = st.sampled_from(["0", "0", "0.5", "1", "2.25"]).map(Number)
sides = st.lists(st.tuples(prices, quantities), max_size=12)


class Window:
    """A client that knows nothing but snapshots and deltas."""

    def __init__(self, bids: Levels, asks: Levels) -> None:
        self.bids, self.asks = dict(bids), dict(asks)

    def apply(self, bids: Levels, asks: Levels) -> None:
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in changes:
                if quantity == "0":
                    del side[price]  # a delta never removes what the client does not have
                else:
                    assert side.get(price) != quantity  # nor tells what the client has already
                    side[price] = quantity

    def best(self) -> tuple[Levels, Levels]:
        bids = sorted(self.bids.items(), key=lambda level: -Decimal(level[0]))
        return bids, sorted(self.asks.items(), key=lambda level: Decimal(level[0]))


def naive(side: dict[Number, Number], changes: Levels, count: int, sign: int) -> Levels:
    for price, quantity in changes:
        side[price] = quantity
        if quantity == "0":
            del side[price]
    return sorted(side.items(), key=lambda level: sign * Decimal(level[0]))[:count]


@pytest.mark.parametrize("window", [1, 5, 1000])
@settings(max_examples=60, deadline=None)
@given(first=st.tuples(sides, sides), diffs=st.lists(st.tuples(sides, sides), max_size=15))
def test_the_deltas_keep_the_window_of_a_client_exact(
    window: int, first: tuple[Levels, Levels], diffs: list[tuple[Levels, Levels]]
) -> None:
    book = Book(window)
    book.replace(*first)
    bids, asks = (dict(level for level in side if level[1] != "0") for side in first)
    client = Window(*map(list, book.best()))
    for changed_bids, changed_asks in diffs:
        delta = book.apply(changed_bids, changed_asks)
        client.apply(*map(list, delta))
        expected = (
            naive(bids, _known(bids, changed_bids), window, -1),
            naive(asks, _known(asks, changed_asks), window, 1),
        )
        assert client.best() == expected
        assert tuple(map(list, book.best())) == expected
        for side, sign in zip(delta, (-1, 1), strict=True):
            ranks = [sign * Decimal(price) for price, _ in side]
            assert ranks == sorted(ranks)


def _known(side: dict[Number, Number], changes: Levels) -> Levels:
    """Without removals of levels that are not there at that moment."""
    there, kept = set(side), []
    for price, quantity in changes:
        if quantity != "0":
            there.add(price)
        elif price in there:
            there.discard(price)
        else:
            continue
        kept.append((price, quantity))
    return kept


def levels(*prices: str) -> Levels:
    return [(Number(price), Number("1")) for price in prices]


def test_what_lies_beyond_a_truncated_snapshot_is_unknown_and_ignored() -> None:
    book = Book(window=3)
    book.replace(levels("10", "9"), levels("11", "12"), limit=2)
    assert book.apply(levels("8"), levels("13")) == ((), ())
    assert book.apply(levels("9.5"), levels("11.5")) == (tuple(levels("9.5")), tuple(levels("11.5")))
    assert book.best() == (tuple(levels("10", "9.5", "9")), tuple(levels("11", "11.5", "12")))


def test_the_worst_level_of_a_truncated_snapshot_is_still_known() -> None:
    book = Book(window=3)
    book.replace(levels("10", "9"), [], limit=2)
    assert book.apply([(Number("9"), Number("5"))], []) == (((Number("9"), Number("5")),), ())
    assert book.apply([(Number("9"), Number("0"))], []) == (((Number("9"), Number("0")),), ())
    assert book.apply(levels("9"), []) == (tuple(levels("9")), ())


def test_a_side_with_fewer_levels_than_the_limit_is_whole() -> None:
    book = Book(window=3)
    book.replace(levels("10"), levels("11", "12"), limit=2)
    assert book.apply(levels("8"), levels("13")) == (tuple(levels("8")), ())


def test_a_truncated_side_that_loses_levels_is_short_before_the_window_is() -> None:
    book = Book(window=5)
    book.replace(levels(*map(str, range(20, 10, -1))), [], limit=10)
    for price in (20, 19, 18, 17):
        assert not book.short
        book.apply([(Number(str(price)), Number("0"))], [])
    assert not book.short
    book.apply([(Number("16"), Number("0"))], [])
    assert book.short
    assert len(book.best()[0]) == 5


def test_a_side_that_grows_without_end_forgets_its_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAPACITY", 4)
    book = Book(window=2)
    book.replace([], [])
    book.apply([], levels("1", "2", "3", "4", "5", "6"))
    assert [price for price, _ in book.best(10)[1]] == ["1", "2", "3", "4"]
    assert book.apply([], levels("4.5")) == ((), ())


@pytest.mark.parametrize(("bid", "ask", "crossed"), [("9", "10", False), ("10", "10", True), ("11", "10", True)])
def test_a_bid_that_is_not_below_the_ask_is_crossed(bid: str, ask: str, crossed: bool) -> None:
    book = Book()
    book.replace(levels(bid), levels(ask))
    assert book.crossed is crossed


def test_an_empty_side_is_not_crossed() -> None:
    book = Book()
    book.replace(levels("1"), [])
    assert not book.crossed


def test_prices_finer_than_the_decimal_context_keep_their_order() -> None:
    fine = [f"1.{'0' * 40}{digit}" for digit in "123"]
    book = Book()
    book.replace(levels(*fine), levels())
    assert [price for price, _ in book.best()[0]] == fine[::-1]
