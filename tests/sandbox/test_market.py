"""The invented market agrees with itself: trades, candles, books, windows, across history and the present."""

import subprocess
import sys
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges import intervals
from exchanges.decimals import plain
from exchanges.intervals import DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS
from exchanges.invented import InventedCandle, InventedTrade
from sandbox.book import LEVELS
from sandbox.market import Market
from sandbox.tape import FIRST_MS
from tests.sandbox_server import ROOT

NOW_MS = 1_795_000_012_345  # 2026-11-18, in the middle of every interval
MOST_TRADES = 60_000  # that a test adds up by hand
BTC = "BTC-USDT"
SLOW, MIDDLE, FAST = ((6, 20), (200, 20), (4_000, 2))  # each is woven from blocks of another length


def market(rate: int = 200, symbols: int = 20, seed: int = 1, now_ms: int = NOW_MS) -> Market:
    return Market(seed, rate, symbols, lambda: now_ms)


MARKETS = {shape: market(*shape) for shape in (SLOW, MIDDLE, FAST)}
shapes = st.sampled_from([SLOW, MIDDLE, FAST])
moments_ms = st.integers(FIRST_MS + 2 * DAY_MS, NOW_MS)


def total(numbers: list[str]) -> str:
    return plain(sum(map(Decimal, numbers), Decimal(0)))


def added_up(candle: InventedCandle, trades: list[InventedTrade]) -> tuple:
    prices = [Decimal(trade.price) for trade in trades]
    bought = [trade for trade in trades if not trade.buyer_is_maker]
    return (
        trades[0].price, plain(max(prices)), plain(min(prices)), trades[-1].price,
        total([trade.quantity for trade in trades]), total([trade.quote_quantity for trade in trades]),
        total([trade.quantity for trade in bought]), total([trade.quote_quantity for trade in bought]),
        len(trades), trades[0].trade_id, trades[-1].trade_id,
    )  # fmt: skip


@given(shapes, st.sampled_from(INTERVALS), moments_ms)
@settings(max_examples=150, deadline=None)
def test_a_candle_agrees_with_the_trades_between_its_open_and_its_close(shape, interval, at_ms):
    invented = MARKETS[shape]
    open_ms = intervals.open_ms(interval, at_ms)
    candle = invented.candle(BTC, interval, open_ms)
    assert candle is not None
    if candle.trades > MOST_TRADES:
        return
    trades = list(invented.trades_between(BTC, open_ms - 1, min(candle.close_ms, NOW_MS)))
    assert candle.closed == (candle.close_ms < NOW_MS)
    if trades:
        _, _, _, _, *figures, _ = vars_of(candle)
        assert tuple(figures) == added_up(candle, trades)
    else:
        before = invented.trades(BTC, *[invented.last_trade_id(BTC, open_ms)] * 2)[0]
        assert {candle.open, candle.high, candle.low, candle.close} == {before.price}
        assert (candle.volume, candle.quote_volume, candle.trades, candle.first_id) == ("0", "0", 0, -1)


def vars_of(candle: InventedCandle) -> list:
    return [getattr(candle, name) for name in candle.__struct_fields__]


@given(
    shapes,
    st.sampled_from([("5m", "1m"), ("1h", "5m"), ("1d", "1h"), ("3d", "1d"), ("1w", "1d"), ("1M", "1d")]),
    moments_ms,
)
@settings(max_examples=80, deadline=None)
def test_a_candle_agrees_with_the_shorter_ones_inside(shape, pair, at_ms):
    long, short = pair
    invented = MARKETS[shape]
    candle = invented.candle(BTC, long, intervals.open_ms(long, at_ms))
    parts = invented.candles(BTC, short, candle.open_ms, candle.close_ms, 1000)
    assert (candle.open, candle.close) == (parts[0].open, parts[-1].close)
    assert Decimal(candle.high) == max(Decimal(part.high) for part in parts)
    assert Decimal(candle.low) == min(Decimal(part.low) for part in parts)
    assert candle.quote_volume == total([part.quote_volume for part in parts])
    assert candle.taker_buy_volume == total([part.taker_buy_volume for part in parts])
    assert candle.trades == sum(part.trades for part in parts)


@given(shapes, moments_ms, st.integers(1, 5_000))
@settings(max_examples=60, deadline=None)
def test_ids_run_without_a_hole_and_find_their_time(shape, at_ms, count):
    invented = MARKETS[shape]
    first_id = invented.last_trade_id(BTC, at_ms) + 1
    trades = invented.trades(BTC, first_id, first_id + count - 1)
    assert [trade.trade_id for trade in trades] == list(range(first_id, first_id + len(trades)))
    assert all(before.time_ms <= after.time_ms for before, after in pairwise(trades))
    assert all(0 <= after.order_id - before.order_id <= 1 for before, after in pairwise(trades))
    assert all(at_ms < trade.time_ms <= NOW_MS for trade in trades)
    for trade in trades[:20]:
        low, high = invented.order_trade_ids(BTC, trade.order_id)
        assert low <= trade.trade_id <= high <= invented.last_trade_id(BTC, trade.time_ms)


def test_one_order_has_one_price_side_and_time():
    trades = MARKETS[MIDDLE].trades_between(BTC, NOW_MS - HOUR_MS, NOW_MS)
    of_order: dict[int, set] = {}
    for trade in trades:
        of_order.setdefault(trade.order_id, set()).add((trade.price, trade.buyer_is_maker, trade.time_ms))
    assert all(len(same) == 1 for same in of_order.values())
    assert len(of_order) < len(trades)


@pytest.mark.parametrize("shape", [SLOW, MIDDLE, FAST])
def test_the_present_is_served_as_the_history_of_later(shape):
    rate, symbols = shape
    then, later = market(rate, symbols), market(rate, symbols, now_ms=NOW_MS + DAY_MS)
    last_id = then.last_trade_id(BTC)
    served = [
        trade for at_ms in range(NOW_MS - 5_000, NOW_MS, 7) for trade in then.trades_between(BTC, at_ms, at_ms + 7)
    ]
    assert served == list(later.trades_between(BTC, NOW_MS - 5_000, NOW_MS - 5_000 + 7 * len(range(0, 5_000, 7))))
    assert then.trades(BTC, last_id - 50, last_id + 50) == later.trades(BTC, last_id - 50, last_id)


def test_nothing_of_the_future_is_served():
    invented = MARKETS[FAST]
    assert invented.trades(BTC, invented.last_trade_id(BTC) + 1, 10**15) == []
    assert invented.candles(BTC, "1m", NOW_MS - MINUTE_MS, NOW_MS + DAY_MS, 100)[-1].open_ms <= NOW_MS
    assert invented.candle(BTC, "1m", NOW_MS + MINUTE_MS) is None


@pytest.mark.parametrize("interval", INTERVALS)
def test_history_begins_with_the_first_trade(interval):
    invented = MARKETS[SLOW]
    first, second = invented.candles(BTC, interval, 0, NOW_MS, 2)
    assert first.open_ms <= invented.trades(BTC, 1, 1)[0].time_ms <= first.close_ms
    assert first.first_id == 1 and second.open_ms == first.close_ms + 1
    newest = invented.candles(BTC, interval, None, None, 3)
    assert newest[-1].open_ms <= NOW_MS <= newest[-1].close_ms and not newest[-1].closed


@given(shapes, moments_ms, st.integers(1, 40_000), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_a_snapshot_and_the_changes_after_it_give_a_later_snapshot(shape, start_ms, length_ms, steps):
    invented = MARKETS[shape]
    end_ms = min(NOW_MS, start_ms + length_ms)
    book = invented.depth(BTC, LEVELS, start_ms)
    sides, update_id = (dict(book.bids), dict(book.asks)), book.update_id
    times_ms = sorted({start_ms, end_ms, *range(start_ms, end_ms, length_ms // steps or 1)})
    for before_ms, after_ms in pairwise(times_ms):
        changed = invented.depth_changes(BTC, before_ms, after_ms)
        if changed is None:
            continue
        assert changed.first_update_id == update_id + 1
        update_id = changed.update_id
        for side, levels in zip(sides, (changed.bids, changed.asks), strict=True):
            side.update(levels)
            for price, quantity in levels:
                if quantity == "0":
                    del side[price]
        assert max(map(Decimal, sides[0])) < min(map(Decimal, sides[1]))
    later = invented.depth(BTC, LEVELS, end_ms)
    assert (dict(later.bids), dict(later.asks), later.update_id) == (*sides, update_id)


@pytest.mark.parametrize(("shape", "length_ms"), [(SLOW, 3_000_000), (MIDDLE, 200_000), (FAST, 2_000)])
def test_a_trade_happens_at_the_best_price_within_what_is_offered(shape, length_ms):
    invented = MARKETS[shape]
    tops = invented.tops(BTC, NOW_MS - length_ms, NOW_MS)
    first_id = invented.last_trade_id(BTC, NOW_MS - length_ms) + 1
    trades = invented.trades(BTC, first_id + 1, first_id + len(tops) - 1)
    for top, trade in zip(tops, trades, strict=False):
        price, quantity = top.bids[0] if trade.buyer_is_maker else top.asks[0]
        assert price == trade.price
        assert Decimal(quantity) >= Decimal(trade.quantity)
    assert len({trade.buyer_is_maker for trade in trades}) == 2


@given(shapes, moments_ms, st.integers(1, 3_000), st.integers(0, 3_000))
@settings(max_examples=150, deadline=None)
def test_changes_complete_any_book_that_was_taken_on_their_way(shape, start_ms, all_ms, half_ms):
    """A snapshot lies inside the first changes that are applied to it: a level that came and went is among them."""
    invented = MARKETS[shape]
    book = invented.depth(BTC, LEVELS, start_ms + min(half_ms, all_ms))
    changed = invented.depth_changes(BTC, start_ms, start_ms + all_ms)
    later = invented.depth(BTC, LEVELS, start_ms + all_ms)
    for side, changes, expected in (
        (dict(book.bids), changed.bids if changed else (), later.bids),
        (dict(book.asks), changed.asks if changed else (), later.asks),
    ):
        side.update(changes)
        assert {price: quantity for price, quantity in side.items() if quantity != "0"} == dict(expected)


def test_a_book_is_sorted_and_as_deep_as_asked():
    book = MARKETS[MIDDLE].depth(BTC, 50)
    bids, asks = ([Decimal(price) for price, _ in side] for side in (book.bids, book.asks))
    assert bids == sorted(bids, reverse=True) and asks == sorted(asks) and bids[0] < asks[0]
    assert len(set(bids)) == len(set(asks)) == 50
    assert all(Decimal(quantity) > 0 for _, quantity in (*book.bids, *book.asks))


def test_a_window_agrees_with_its_trades():
    invented = MARKETS[SLOW]
    window = invented.window(BTC, HOUR_MS)
    trades = list(invented.trades_between(BTC, NOW_MS - HOUR_MS, NOW_MS))
    assert (window.first_id, window.last_id, window.trades) == (trades[0].trade_id, trades[-1].trade_id, len(trades))
    assert (window.open, window.last, window.last_quantity) == (trades[0].price, trades[-1].price, trades[-1].quantity)
    assert window.volume == total([trade.quantity for trade in trades])
    assert window.previous_close == invented.trades(BTC, window.first_id - 1, window.first_id - 1)[0].price


def test_every_market_has_a_name_and_increments_of_its_own():
    invented = market(rate=5_000, symbols=3_000)
    instruments = invented.instruments()
    assert [instrument.symbol for instrument in instruments[:2]] == ["BTC-USDT", "ETH-USDT"]
    assert len({instrument.symbol for instrument in instruments}) == 3_000
    assert len({f"{instrument.base}{instrument.quote}".lower() for instrument in instruments}) == 3_000
    for instrument in (*instruments[:26], *instruments[-5:]):
        last_id = invented.last_trade_id(instrument.symbol)
        trade = invented.trades(instrument.symbol, last_id, last_id)[0]
        assert Decimal(trade.price) % Decimal(instrument.price_increment) == 0
        assert Decimal(trade.quantity) % Decimal(instrument.quantity_increment) == 0
        decimals = Decimal(instrument.price_increment) * Decimal(instrument.quantity_increment)
        assert decimals >= Decimal("0.00000001")


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_the_price_stays_in_reach_for_years(seed):
    invented = market(rate=20, symbols=26, seed=seed, now_ms=FIRST_MS + 3_600 * DAY_MS)
    for instrument in invented.instruments():
        years = invented.candles(instrument.symbol, "1M", None, None, 200)
        first = Decimal(years[0].open)
        assert all(first / 3 < Decimal(month.low) <= Decimal(month.high) < first * 3 for month in years)


def test_another_seed_is_another_market_and_the_same_seed_the_same_in_any_process():
    program = (
        "from sandbox.market import Market\n"
        f"market = Market({{seed}}, 200, 20, lambda: {NOW_MS})\n"
        f"print(market.candles('{BTC}', '1h', None, None, 5), market.depth('{BTC}', 5), market.instruments()[:30])"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program.format(seed=seed)],
            cwd=ROOT, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": salt},
        ).stdout
        for seed, salt in ((1, "1"), (1, "2"), (2, "1"))
    ]  # fmt: skip
    assert told[0] == told[1] != told[2]
    assert "BTC-USDT" in told[0]
