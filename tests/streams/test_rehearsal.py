"""What a loop keeps of a shard that another still carries, and how one book is made of another."""

import random
from dataclasses import dataclass

import pytest

from exchanges.book import Book
from exchanges.decimals import Number
from exchanges.events import Candle, Depth, Gap, Ticker, Trade
from streams.rehearsal import HEARD, Rehearsal, Said, difference

BTC = {"symbol": "BTC-USDT", "venue_symbol": "BTCUSDT", "received_ns": 1}
TRADES, TICKERS, BOOK, CANDLES = ((stream, "BTC-USDT") for stream in ("trade", "ticker", "depth", "candle_1m"))


def trade(number: int) -> Trade:
    one = Number("1")
    return Trade(**BTC, trade_id=str(number), price=one, quantity=one, side="buy", trade_us=None)


def candle(open_ms: int, closed: bool) -> Candle:
    figures = dict.fromkeys(("open", "high", "low", "close", "volume", "quote_volume", "trades"))
    return Candle(**BTC, interval="1m", open_ms=open_ms, close_ms=open_ms + 59_999, closed=closed, **figures)


def depth(kind: str = "snapshot", stream: str = "depth", **sides: tuple) -> Depth:
    return Depth(**BTC, stream=stream, type=kind, bids=sides.get("bids", ()), asks=sides.get("asks", ()))


def test_trades_and_closed_candles_that_the_other_has_said_are_not_said_again() -> None:
    rehearsal = Rehearsal([TRADES, CANDLES])
    for event in (trade(1), trade(2), trade(3), candle(0, True), candle(60_000, True), candle(120_000, False)):
        rehearsal.take(event)
    assert [event.trade_id for event in rehearsal.unsaid(TRADES, Said({"1", "2"}))] == ["3"]
    assert [event.open_ms for event in rehearsal.unsaid(CANDLES, Said({"0"}))] == [60_000, 120_000]


def test_of_a_running_candle_only_the_newest_picture_is_told_and_none_once_it_was_said_closed() -> None:
    rehearsal = Rehearsal([CANDLES])
    for event in (candle(0, False), candle(0, False), candle(0, True), candle(60_000, False), candle(60_000, False)):
        rehearsal.take(event)
    assert [(event.open_ms, event.closed) for event in rehearsal.unsaid(CANDLES)] == [(0, True), (60_000, False)]
    assert rehearsal.unsaid(CANDLES, Said({"0", "60000"})) == []


def test_a_picture_is_not_told_where_the_other_had_a_newer_one() -> None:
    rehearsal = Rehearsal([TICKERS])
    rehearsal.take(Ticker(**BTC, last_price=Number("1"), event_us=7))
    assert [len(rehearsal.unsaid(TICKERS, until_us=us)) for us in (6, 7, 8, None)] == [1, 0, 0, 1]


def test_where_not_all_that_was_said_is_kept_what_came_before_the_last_known_was_said_too() -> None:
    rehearsal = Rehearsal([TRADES])
    for number in range(1, 6):
        rehearsal.take(trade(number))
    assert [event.trade_id for event in rehearsal.unsaid(TRADES, Said({"3"}, whole=False))] == ["4", "5"]
    assert [event.trade_id for event in rehearsal.unsaid(TRADES, Said({"3"}))] == ["1", "2", "4", "5"]


def test_it_follows_where_something_was_both_heard_here_and_said_there() -> None:
    rehearsal = Rehearsal([TRADES, CANDLES, TICKERS])
    rehearsal.take(Ticker(**BTC))
    assert rehearsal.follows({})
    rehearsal.take(trade(5))
    assert not rehearsal.follows({TRADES: Said({"3"})})
    rehearsal.take(candle(0, True))
    assert rehearsal.follows({TRADES: Said({"3"}), CANDLES: Said({"0"})})


def test_of_pictures_only_the_newest_is_kept() -> None:
    rehearsal = Rehearsal([TICKERS])
    for price in ("1", "2"):
        rehearsal.take(Ticker(**BTC, last_price=Number(price)))
    assert [event.last_price for event in rehearsal.unsaid(TICKERS)] == ["2"]


def test_it_is_proven_once_every_book_is_and_until_a_gap() -> None:
    rehearsal = Rehearsal([TRADES, BOOK, ("depth_5", "BTC-USDT")])
    assert not rehearsal.proven
    rehearsal.take(depth())
    rehearsal.take(depth("delta"))
    assert not rehearsal.proven
    rehearsal.take(depth(stream="depth_5"))
    assert rehearsal.proven
    rehearsal.take(Gap(**BTC, stream="depth", reason="sequence", from_us=None))
    assert not rehearsal.proven and not rehearsal.broken


@pytest.mark.parametrize("want", [TRADES, CANDLES])
def test_a_missing_trade_or_candle_breaks_it(want: tuple[str, str]) -> None:
    rehearsal = Rehearsal([want])
    rehearsal.take(trade(1))
    rehearsal.take(Gap(**BTC, stream=want[0], reason="sequence", from_us=None))
    assert rehearsal.broken


@pytest.mark.parametrize(("count", "broken"), [(HEARD, False), (HEARD + 1, True)])
def test_more_trades_than_are_kept_break_it(count: int, broken: bool) -> None:
    rehearsal = Rehearsal([TRADES])
    for number in range(count):
        rehearsal.take(trade(number))
    assert rehearsal.broken is broken


@dataclass
class Levels:
    """Random sides that do not cross."""

    dice: random.Random

    def bids(self) -> tuple:
        return self._side(1, 500)

    def asks(self) -> tuple:
        return self._side(501, 1000)

    def _side(self, low: int, high: int) -> tuple:
        prices = self.dice.sample(range(low, high), self.dice.randrange(0, 40))
        return tuple((Number(str(price)), Number(str(self.dice.randrange(1, 4)))) for price in sorted(prices))


@pytest.mark.parametrize("seed", range(20))
def test_the_difference_makes_the_second_book_of_the_first_best_levels_first(seed: int) -> None:
    levels = Levels(random.Random(seed))
    first, second = ((levels.bids(), levels.asks()) for _ in range(2))
    book, wanted = Book(), Book()
    book.replace(*first)
    wanted.replace(*second)
    bids, asks = difference((list(first[0]), list(first[1])), depth(bids=second[0], asks=second[1]))
    book.apply(bids, asks)
    assert book.best() == wanted.best()
    assert [int(price) for price, _ in bids] == sorted((int(price) for price, _ in bids), reverse=True)
    assert [int(price) for price, _ in asks] == sorted(int(price) for price, _ in asks)
    assert difference(second, depth(bids=second[0], asks=second[1])) == ((), ())
