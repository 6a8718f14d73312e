"""The local order book of one market: each rule of the exchange's procedure. Whole conversations are in cases/."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from exchanges import seeded
from exchanges.binance.rest import snapshot_request
from exchanges.book import MARGIN, WINDOW
from exchanges.contract import Fetch, Output
from exchanges.decimals import Number
from exchanges.depths import Break
from exchanges.events import Depth, Gap, Level
from exchanges.seeded import SeededBook, Start, Update
from exchanges.seeded_books import SHALLOW, THIN, SeededBooks
from exchanges.snapshots import AT_ONCE, Snapshots
from exchanges.symbols import Instruments

ONE = Number("1")


def update(first: int, last: int, bid: str | None = None, quantity: str = "1") -> Update:
    bids = [(Number(bid), Number(quantity))] if bid else []
    return Update(first, last, last * 1000, last, bids, [])


def start(update_id: int, limit: int = 5000) -> Start:
    return Start(update_id, [(Number("10"), ONE)], [(Number("20"), ONE)], limit, 0)


def proven(update_id: int = 100) -> SeededBook:
    book = SeededBook()
    book.push(update(update_id, update_id))
    assert book.seed(start(update_id))
    return book


def bids(book: SeededBook) -> list[str]:
    return [price for price, _ in book.book.best()[0]]


def test_nothing_is_shown_before_a_snapshot_came() -> None:
    book = SeededBook()
    assert [book.push(update(n, n, "10")) for n in (1, 2, 3)] == [None] * 3
    assert not book.proven
    assert book.waiting == 3


@pytest.mark.parametrize(
    ("update_id", "joined"), [(98, False), (99, False), (100, True), (104, True), (105, True), (106, True)]
)
def test_a_snapshot_before_the_first_diff_is_too_old(update_id: int, joined: bool) -> None:
    book = SeededBook()
    book.push(update(100, 104))
    book.push(update(105, 105))
    assert book.seed(start(update_id)) is joined
    assert book.proven is joined


def test_the_diff_that_straddles_the_snapshot_is_applied() -> None:
    book = SeededBook()
    book.push(update(100, 102, "11"))
    book.push(update(103, 107, "12"))
    assert book.seed(start(105))
    assert bids(book) == ["12", "10"]
    assert book.sequence == 107


def test_diffs_up_to_the_snapshot_are_dropped() -> None:
    book = SeededBook()
    book.push(update(100, 105, "11"))
    assert book.seed(start(105))
    assert bids(book) == ["10"]


def test_a_snapshot_ahead_of_the_stream_waits_for_it() -> None:
    book = SeededBook()
    book.push(update(100, 100))
    assert book.seed(start(110))
    assert book.push(update(101, 105, "11")) is None
    assert book.push(update(106, 112, "12")) == (((Number("12"), ONE),), ())


def test_a_hole_in_the_buffer_asks_for_a_snapshot_behind_it() -> None:
    book = SeededBook()
    book.push(update(100, 101))
    book.push(update(105, 106))
    assert not book.seed(start(101))
    assert not book.seed(start(104))
    assert book.seed(start(105))


def test_the_next_diff_must_join_the_last() -> None:
    book = proven(100)
    assert book.push(update(101, 102, "11")) is not None
    with pytest.raises(Break, match="103 is missing, 104 came"):
        book.push(update(104, 105, "12"))
    assert not book.proven
    assert book.waiting == 1


def test_a_crossed_book_is_a_break() -> None:
    book = proven(100)
    with pytest.raises(Break, match="crossed"):
        book.push(update(101, 101, "20"))
    assert not book.proven


def test_a_crossed_snapshot_proves_nothing() -> None:
    book = SeededBook()
    book.push(update(100, 100))
    crossed = Start(100, [(Number("21"), ONE)], [(Number("20"), ONE)], 5000, 0)
    assert not book.seed(crossed)
    assert book.seed(start(101))


def test_a_full_buffer_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeded, "BUFFERED", 3)
    book = SeededBook()
    for number in range(100, 104):
        book.push(update(number, number))
    assert book.waiting == 1
    assert not book.seed(start(102))
    assert book.seed(start(103))


def test_a_proven_book_goes_on_while_it_is_seeded_again() -> None:
    book = proven(100)
    book.seed_again()
    assert book.push(update(101, 103, "11")) is not None
    assert book.waiting == 0
    assert not book.seed(start(99))
    assert book.proven
    assert book.seed(start(102))
    assert (book.sequence, bids(book)) == (103, ["11", "10"])
    assert not book.seeding


def test_few_snapshots_are_under_way_at_once() -> None:
    queue = Snapshots()
    for number in range(AT_ONCE + 2):
        queue.ask(f"M{number}")
    assert queue.due(0) == [f"M{number}" for number in range(AT_ONCE)]
    assert queue.due(0) == []
    queue.ended("M1")
    assert queue.due(0) == [f"M{AT_ONCE}"]


def test_a_snapshot_under_way_is_not_asked_for_twice() -> None:
    queue = Snapshots()
    queue.ask("M")
    assert queue.due(0) == ["M"]
    queue.ask("M")
    assert queue.due(0) == []


def test_a_snapshot_that_has_to_wait_is_due_at_its_time() -> None:
    queue = Snapshots()
    queue.ask("M", 500)
    queue.ask("M", 0)
    assert queue.due(499) == []
    assert queue.due(500) == ["M"]


def side(first: int, count: int, step: int) -> list[Level]:
    return [(Number(str(first + step * index)), ONE) for index in range(count)]


def new_books() -> SeededBooks:
    return SeededBooks(Instruments(), snapshot_request, 5000)


def test_a_truncated_book_that_runs_short_is_replaced_without_a_gap() -> None:
    needed = int(MARGIN * WINDOW)
    books = new_books()
    [fetch] = books.diff("M", update(100, 100))
    assert isinstance(fetch, Fetch)
    full = Start(100, side(100_000, needed, -1), side(200_000, 3, 1), needed, 0)
    [first] = books.snapshot("M", full)
    assert isinstance(first, Depth) and len(first.bids) == WINDOW
    removed, again = books.diff("M", update(101, 101, "100000", "0"))
    assert isinstance(removed, Depth) and len(removed.bids) == 2  # one level left the window, one moved in
    assert again == replace(fetch, patient=True)  # the book goes on meanwhile
    [second] = books.diff("M", update(102, 102, "99999", "0"))
    assert isinstance(second, Depth) and second.type == "delta"
    outputs = list(books.snapshot("M", Start(101, side(99_999, needed + 50, -1), side(200_000, 3, 1), 5000, 0)))
    assert [(type(output), output.type, output.sequence) for output in outputs] == [(Depth, "snapshot", 102)]  # type: ignore[union-attr]
    assert outputs[0].bids[0] == ("99998", "1")  # type: ignore[union-attr]


def fetches(outputs: Iterable[Output]) -> list[tuple[str, int, bool]]:
    """Market, weight and patience of those that are requests."""
    asked = [output for output in outputs if isinstance(output, Fetch)]
    return [(one.request.query["symbol"], one.request.weight, one.patient) for one in asked]


def cut(update_id: int, count: int, limit: int) -> Start:
    return Start(update_id, side(100_000, count, -1), side(200_000, count, 1), limit, 0)


def test_many_books_begin_with_their_best_levels_and_become_whole_one_after_another() -> None:
    books, markets = new_books(), [f"M{number}" for number in range(20)]
    list(books.want({market: {"depth"} for market in markets}))
    asked = [fetch for market in markets for fetch in fetches(books.diff(market, update(100, 100)))]
    assert asked == [(market, 5, False) for market in markets[:AT_ONCE]]
    for market in markets:
        outputs = list(books.snapshot(market, cut(100, SHALLOW, SHALLOW)))
        assert isinstance(outputs[0], Depth) and len(outputs[0].bids) == SHALLOW
        asked += fetches(outputs)
    assert [weight for _, weight, _ in asked] == [5] * len(markets)
    later = [fetch for market in markets for fetch in fetches(books.diff(market, update(101, 101)))]
    assert later == [("M0", 250, True)]
    outputs = list(books.snapshot("M0", cut(101, 2000, 5000)))
    assert isinstance(outputs[0], Depth) and (outputs[0].type, len(outputs[0].bids)) == ("snapshot", WINDOW)
    assert fetches(outputs) == [("M1", 250, True)]


def test_a_book_whose_best_levels_run_out_gets_new_ones_at_once() -> None:
    books, markets = new_books(), [f"M{number}" for number in range(20)]
    list(books.want({market: {"depth"} for market in markets}))
    list(books.diff("M0", update(100, 100)))
    list(books.snapshot("M0", cut(100, SHALLOW, SHALLOW)))
    assert fetches(books.diff("M0", update(101, 101))) == [("M0", 250, True)]
    gone = [(Number(str(100_000 - index)), Number("0")) for index in range(SHALLOW - THIN + 1)]
    outputs = list(books.diff("M0", replace(update(102, 102), bids=gone)))
    assert fetches(outputs) == [("M0", 5, False)]
    [state] = books.snapshot("M0", cut(102, SHALLOW, SHALLOW))
    assert isinstance(state, Depth) and len(state.bids) == SHALLOW


def test_a_book_of_which_a_whole_side_has_gone_beyond_what_is_known_is_no_longer_proven() -> None:
    books = new_books()
    list(books.want({"M": {"depth_20"}}))
    list(books.diff("M", update(100, 100)))
    list(books.snapshot("M", cut(100, SHALLOW, SHALLOW)))
    gone = [(Number(str(100_000 - index)), Number("0")) for index in range(SHALLOW)]
    outputs = list(books.diff("M", replace(update(101, 101), bids=gone)))
    assert [type(output) for output in outputs] == [Gap, Fetch]
    assert books.state("M", 0) is None


def test_who_wants_only_the_best_levels_asks_for_no_more() -> None:
    books = new_books()
    list(books.want({"M": {"depth_20"}}))
    assert fetches(books.diff("M", update(100, 100))) == [("M", 5, False)]
    list(books.snapshot("M", cut(100, SHALLOW, SHALLOW)))
    assert fetches(books.diff("M", update(101, 101))) == []


def test_a_gap_is_told_to_every_depth_stream_of_the_market_and_to_no_other() -> None:
    books = new_books()
    list(books.want({"M": {"depth", "depth_5"}, "N": {"depth"}}))
    list(books.diff("M", update(100, 100)))
    list(books.snapshot("M", Start(100, side(9, 3, -1), side(10, 3, 1), 5000, 0)))
    gaps = [output for output in books.diff("M", update(105, 105)) if isinstance(output, Gap)]
    assert [(gap.symbol, gap.stream, gap.reason, gap.repair) for gap in gaps] == [
        ("M", "depth", "sequence", "none"),
        ("M", "depth_5", "sequence", "none"),
    ]
    assert books.state("M", 0) is None


def test_a_picture_that_did_not_change_is_not_told_again() -> None:
    books = new_books()
    list(books.want({"M": {"depth_5"}}))
    list(books.diff("M", update(100, 100)))
    [picture] = books.snapshot("M", Start(100, side(20, 10, -1), side(30, 3, 1), 5000, 0))
    assert isinstance(picture, Depth) and picture.stream == "depth_5"
    far, near = update(101, 101, "11", "7"), update(102, 102, "20", "7")
    assert list(books.diff("M", replace(far, received_ns=10**9))) == []
    assert list(books.tick(2 * 10**9)) == []
    [picture] = books.diff("M", replace(near, received_ns=3 * 10**9))
    assert isinstance(picture, Depth) and picture.bids[0] == ("20", "7")


def test_a_market_that_is_no_longer_wanted_is_forgotten() -> None:
    books = new_books()
    list(books.want({"M": {"depth"}}))
    list(books.diff("M", update(100, 100)))
    list(books.want({}))
    assert list(books.snapshot("M", Start(100, [], [], 5000, 0))) == []
    assert list(books.diff("M", update(101, 101))) == []


@pytest.mark.parametrize(("update_id", "joined"), [(94, False), (95, True), (99, False), (100, True)])
def test_a_snapshot_that_ends_with_the_named_update_before_joins(update_id: int, joined: bool) -> None:
    book = SeededBook(joins=lambda update, local_id: update.first_id <= local_id or update.previous_id == local_id)
    book.push(replace(update(100, 104), previous_id=95))
    assert book.seed(start(update_id)) is joined


def test_a_book_shows_no_more_than_its_window_and_keeps_it_when_it_starts_over() -> None:
    book = SeededBook(window=1)
    book.push(update(100, 100, "9"))
    assert book.seed(start(99)) is False
    assert book.seed(start(100))
    book.push(update(101, 101, "11"))
    assert bids(book) == ["11"]
