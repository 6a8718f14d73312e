"""Kraken's book: the published checksums, and that a client's window stays the exchange's best levels."""

import zlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.depths import Break
from exchanges.events import Level
from exchanges.kraken.book import KrakenBook, listed_depth

Change = tuple[int, int]  # price in ticks, quantity in lots

changes = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), min_size=1, max_size=6)


def texts(side: list[Change], base: int) -> list[tuple[str, str]]:
    return [(f"{base + price}.0", f"0.0000000{quantity}") for price, quantity in side]


def theirs(side: dict[int, int], reverse: bool, base: int) -> list[tuple[str, str]]:
    return texts([(price, side[price]) for price in sorted(side, reverse=reverse)], base)


def crc(asks: list[tuple[str, str]], bids: list[tuple[str, str]]) -> int:
    levels = asks[:10] + bids[:10]
    return zlib.crc32("".join(text.replace(".", "").lstrip("0") for level in levels for text in level).encode())


def told(window: dict[str, str], delta: tuple[Level, ...]) -> None:
    window.update(delta)
    for price in [price for price, quantity in window.items() if quantity == "0"]:
        del window[price]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(changes, changes), max_size=25), st.sampled_from([10, 25]))
def test_any_updates_keep_the_window_and_the_checksum(
    steps: list[tuple[list[Change], list[Change]]], depth: int
) -> None:
    sides: tuple[dict[int, int], dict[int, int]] = ({30: 1}, {1: 1})
    book, bids, asks = KrakenBook(depth), {"130": "0.00000001"}, {"1001": "0.00000001"}
    first = theirs(sides[0], True, 100), theirs(sides[1], False, 1000)
    book.snapshot(*first, crc(first[1], first[0]), 5, 5)
    for step in steps:
        for side, side_changes, reverse in zip(sides, step, (True, False), strict=True):
            for price, quantity in side_changes:
                side[price] = quantity
                if not quantity:
                    del side[price]
            for price in sorted(side, reverse=reverse)[depth:]:
                del side[price]
        best = theirs(sides[0], True, 100), theirs(sides[1], False, 1000)
        delta = book.update(texts(step[0], 100), texts(step[1], 1000), crc(best[1], best[0]), 6, 6)
        told(bids, delta[0])
        told(asks, delta[1])
        for window, levels in zip((bids, asks), best, strict=True):
            assert {Decimal(price): Decimal(quantity) for price, quantity in window.items()} == {
                Decimal(price): Decimal(quantity) for price, quantity in levels
            }


def test_a_wrong_checksum_is_a_break_and_what_was_proven_before_stays_known() -> None:
    book = KrakenBook(10)
    book.snapshot([("1.0", "1.0")], [("2.0", "1.0")], None, 77, 7)
    with pytest.raises(Break, match="checksum"):
        book.update([("1.0", "2.0")], [], 1, 88, 8)
    assert not book.proven and book.last_proven_us == 77


@pytest.mark.parametrize("sides", [([("2.0", "1.0")], [("1.0", "1.0")]), ([("2.0", "1.0")], [("2.0", "1.0")])])
def test_a_crossed_snapshot_is_no_book(sides: tuple[list[tuple[str, str]], list[tuple[str, str]]]) -> None:
    with pytest.raises(Break, match="crossed"):
        KrakenBook(10).snapshot(*sides, None, 1, 1)


def test_numbers_with_an_exponent_count_as_written_out() -> None:
    plain, short = KrakenBook(10), KrakenBook(10)
    plain.snapshot([("1.0", "0.00000001")], [("2.0", "1.50000000")], None, 1, 1)
    short.snapshot([("1.0", "1e-08")], [("2.0", "1.50000000")], None, 1, 1)
    assert plain.checksum() == short.checksum() == zlib.crc32(b"20" + b"150000000" + b"10" + b"1")


@pytest.mark.parametrize(
    ("listed", "digits"),
    [((0, 0), ("20", "150000000", "10", "200000000")), ((2, 3), ("200", "1500", "100", "2000"))],
)
def test_zeros_that_a_recording_lost_are_found_again(listed: tuple[int, int], digits: tuple[str, ...]) -> None:
    book = KrakenBook(10, listed)
    book.snapshot([("1.0", "2.0")], [("2.0", "1.5")], zlib.crc32("".join(digits).encode()), 1, 1)
    assert book.proven


def test_the_digits_as_written_come_before_the_rules_of_the_market() -> None:
    book = KrakenBook(10, (5, 8))
    book.snapshot([("1.0", "2.000")], [("2.0", "1.500")], zlib.crc32(b"2015001020" + b"00"), 1, 1)
    assert book.proven


def test_a_snapshot_tells_the_depth_where_nothing_else_does() -> None:
    assert [listed_depth(count) for count in (0, 10, 11, 25, 101, 1000, 1200)] == [10, 10, 25, 25, 500, 1000, 1200]
