"""The judge finds what is wrong: a lost trade, a repeated one, a hole, an epoch without a gap, a wrong level."""

from typing import Any

import pytest

from tests.faults.judge import Event, Facts, Judge, Known, Sides, Verdict

TRADE, DEPTH = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT"


class Small:
    """Trade n costs n and a half; book n has one bid at n and one ask at n + 1."""

    def number(self, topic: str, trade_id: str) -> int:
        return int(trade_id)

    def trade(self, topic: str, number: int) -> Facts:
        return {"price": f"{number}.5", "side": "buy"}

    def book(self, topic: str, event: Event) -> Sides | None:
        n = event["sequence"]
        return None if n is None else ({str(n): "1"}, {str(n + 1): "2.5"})

    def first_levels(self, topic: str) -> int:
        return 0


class Deep(Small):
    """Book n has 40 bids from n downwards and 40 asks from n + 1 upwards; it may begin with 2."""

    def book(self, topic: str, event: Event) -> Sides | None:
        n = event["sequence"]
        return {str(n - depth): "1" for depth in range(40)}, {str(n + 1 + depth): "1" for depth in range(40)}

    def first_levels(self, topic: str) -> int:
        return 2


def trade(seq: int, number: int, epoch: int = 1, **members: Any) -> Event:
    said = {"event": "trade", "epoch": epoch, "seq": seq, "source": "live", "trade_id": str(number)}
    return {**said, "price": f"{number}.5", "side": "buy", **members}


def gap(epoch: int, seq: int = 1) -> Event:
    return {"event": "gap", "epoch": epoch, "seq": seq, "reason": "disconnect"}


def repaired(seq: int, epoch: int, complete: bool = True) -> Event:
    return {"event": "repaired", "epoch": epoch, "seq": seq, "count": 1, "complete": complete}


def snapshot(seq: int, n: int, epoch: int = 1) -> Event:
    sides = {"bids": [[n, 1]], "asks": [[n + 1, "2.5"]]}
    return {"event": "depth", "type": "snapshot", "epoch": epoch, "seq": seq, "sequence": n, **sides}


def delta(seq: int, n: int, bids: list[Any], asks: list[Any], epoch: int = 1) -> Event:
    return {"event": "depth", "type": "delta", "epoch": epoch, "seq": seq, "sequence": n, "bids": bids, "asks": asks}


def moved(seq: int, n: int) -> Event:
    """The change from book n - 1 to book n."""
    return delta(seq, n, [[n, 1], [n - 1, 0]], [[n + 1, "2.5"], [n, 0]])


def reply(**members: Any) -> Event:
    return {"action": "subscribe", "result": True, **members}


def refused(code: str) -> Event:
    return {"action": "subscribe", "result": False, "error": {"code": code}}


def judged(topic: str, *events: Event, known: Known | None = None) -> Verdict:
    judge = Judge(topic, known or Small())
    for event in events:
        judge.hear(event)
    return judge.verdict()


@pytest.mark.parametrize(
    "events",
    [
        [trade(1, 7), trade(2, 8), trade(3, 9)],
        [trade(1, 7), gap(2), trade(2, 8, 2, source="backfill"), repaired(3, 2), trade(4, 9, 2)],
        [trade(1, 7), gap(2), gap(3), trade(2, 9, 3), trade(3, 8, 3, source="backfill"), repaired(4, 3)],
        [trade(1, 7), reply(recovered=True), trade(2, 8)],
        [trade(1, 7), reply(), trade(5, 7, 4), trade(6, 8, 4)],
        [refused("unavailable"), reply(), trade(2, 8)],
        [reply(), trade(5, 8, source="backfill"), repaired(6, 1), trade(7, 11), trade(8, 12)],
        [trade(1, 7), {"event": "status", "seq": None, "epoch": 9, "status": "live"}, trade(2, 8)],
    ],
    ids=[
        "in order",
        "repaired before",
        "repaired late",
        "resumed",
        "subscribed anew",
        "asked again",
        "joined at the end of a late repair",
        "a status is not counted",
    ],
)
def test_nothing_is_found_where_nothing_is_wrong(events: list[Event]) -> None:
    assert judged(TRADE, *events).clean


def test_a_trade_that_never_came_is_lost_and_told_once() -> None:
    judge = Judge(TRADE, Small())
    for event in (trade(1, 7), trade(2, 8), gap(2), trade(2, 11, 2)):
        judge.hear(event)
    assert judge.verdict().lost == [f"{TRADE}: trade 9", f"{TRADE}: trade 10"]
    judge.hear(trade(3, 12, 2))
    assert judge.verdict() == Verdict(trades=1)


@pytest.mark.parametrize("again", [trade(3, 7), trade(3, 8, source="backfill")], ids=["live", "backfill"])
def test_a_trade_that_came_twice_is_duplicated(again: Event) -> None:
    verdict = judged(TRADE, trade(1, 7), trade(2, 8), again)
    assert len(verdict.duplicated) == 1 and not verdict.lost and not verdict.wrong


def test_a_position_that_came_twice_is_duplicated() -> None:
    assert judged(TRADE, trade(1, 7), trade(2, 8), trade(2, 9)).duplicated == [f"{TRADE}: (1, 2) after (1, 2)"]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([trade(1, 7), trade(3, 8)], "hole: (1, 3) after (1, 1)"),
        ([trade(1, 7), reply(recovered=True), trade(3, 8)], "hole: (1, 3) after (1, 1)"),
        ([trade(1, 7), trade(1, 8, 2)], "an epoch that no gap explains: (2, 1) after (1, 1), trade"),
        ([trade(1, 7), gap(2, seq=4)], "an epoch that no gap explains: (2, 4) after (1, 1), gap"),
        ([trade(1, 7), gap(2), trade(2, 8, 2), repaired(3, 2, complete=False)], "an incomplete repair: 1"),
        ([trade(1, 7, price="7.50001")], "a wrong trade: 7: price is 7.50001, not 7.5"),
        ([trade(1, 7, side="sell")], "a wrong trade: 7: side is sell, not buy"),
        ([trade(1, 7), {"event": "lagged", "dropped": 4}], "lagged: 4"),
        ([refused("unknown_pair")], "refused: unknown_pair"),
        ([trade(1, 7), reply(recovered=False), trade(9, 9)], "not resumed: (1, 1)"),
    ],
)
def test_what_breaks_the_contract_is_found(events: list[Event], found: str) -> None:
    assert judged(TRADE, *events).wrong == [f"{TRADE}: {found}"]


def test_books_that_agree_are_counted_and_those_that_cannot_be_known_are_not() -> None:
    verdict = judged(DEPTH, snapshot(1, 5), moved(2, 6), {**delta(3, 7, [], []), "sequence": None})
    assert verdict == Verdict(books=2)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (
            [snapshot(1, 5), delta(2, 6, [[6, 1]], [[7, "2.5"], [6, 0]])],
            "a wrong book: after (1, 2): bid 5 is 1, not None; 2 levels, not 1",
        ),
        (
            [snapshot(1, 5), delta(2, 6, [[6, 1], [5, 0]], [[7, "2.50001"], [6, 0]])],
            "a wrong book: after (1, 2): ask 7 is 2.50001, not 2.5; 1 levels, not 1",
        ),
        ([moved(1, 5)], "a change of a book that is not known: (1, 1)"),
        ([snapshot(1, 5), gap(2), delta(2, 6, [], [], 2)], "a change of a book that is not known: (2, 2)"),
        ([snapshot(1, 5), moved(3, 6)], "hole: (1, 3) after (1, 1)"),
    ],
    ids=["a level too many", "a wrong quantity", "before any snapshot", "after a gap", "a change left out"],
)
def test_a_wrong_book_is_found(events: list[Event], found: str) -> None:
    assert judged(DEPTH, *events).wrong == [f"{DEPTH}: {found}"]


@pytest.mark.parametrize(
    ("bids", "is_right"),
    [([9, 8], True), ([9, 8, 7], True), ([9, 7], False), (range(9, -31, -1), True), (range(9, -30, -1), False)],
    ids=["the first levels", "one more", "a level left out", "whole", "nearly whole"],
)
def test_a_book_may_begin_with_its_best_levels_where_that_is_said(bids: Any, is_right: bool) -> None:
    book = {**snapshot(1, 9), "bids": [[price, 1] for price in bids], "asks": [[10, 1], [11, 1]]}
    assert judged(DEPTH, book, known=Deep()).clean is is_right


def test_verdicts_add_up() -> None:
    one = Verdict(lost=["a"], trades=1) + Verdict(duplicated=["b"], wrong=["c"], trades=2, books=3)
    assert one == Verdict(["a"], ["b"], ["c"], 3, 3)
    assert not one.clean
