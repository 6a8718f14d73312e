"""Which candle is final, where the exchange does not say."""

from msgspec.structs import replace

from exchanges.events import Candle
from exchanges.intervals import MINUTE_MS
from exchanges.running_candles import GRACE_MS, RunningCandles

OPEN_MS = 1_700_000_040_000
FIRST = Candle(
    symbol="BTC-USDT", venue_symbol="BTCUSDT", received_ns=1, interval="1m", open_ms=OPEN_MS,
    close_ms=OPEN_MS + MINUTE_MS - 1, open="10", high="12", low="9", close="11", volume="5", quote_volume=None,
    trades=None, closed=False,
)  # fmt: skip
SECOND = replace(FIRST, open_ms=OPEN_MS + MINUTE_MS, close_ms=FIRST.close_ms + MINUTE_MS, close="12", received_ns=2)


def final(candle: Candle, received_ns: int) -> Candle:
    return replace(candle, closed=True, received_ns=received_ns)


def test_the_next_one_ends_the_one_before():
    candles = RunningCandles()
    assert list(candles.update(FIRST)) == [FIRST]
    assert list(candles.update(replace(FIRST, close="12"))) == [replace(FIRST, close="12")]
    assert list(candles.update(SECOND)) == [final(replace(FIRST, close="12"), 2), SECOND]


def test_a_quiet_markets_one_ends_by_the_clock_and_once():
    candles = RunningCandles()
    list(candles.update(FIRST))
    over_ns = (FIRST.close_ms + GRACE_MS) * 1_000_000
    assert list(candles.passed(over_ns)) == []
    assert list(candles.passed(over_ns + 1_000_000)) == [final(FIRST, over_ns + 1_000_000)]
    assert list(candles.passed(over_ns + 2_000_000)) == []
    assert list(candles.update(SECOND)) == [SECOND]


def test_what_comes_after_the_end_is_final_too():
    candles = RunningCandles()
    list(candles.update(FIRST))
    list(candles.update(SECOND))
    assert list(candles.update(FIRST)) == [final(FIRST, 1)]
    list(candles.passed(SECOND.close_ms * 2_000_000))
    assert list(candles.update(SECOND)) == [final(SECOND, 2)]


def test_a_snapshot_begins_anew_with_its_last_one():
    candles = RunningCandles()
    assert list(candles.snapshot([FIRST, SECOND])) == [final(FIRST, 1), SECOND]
    assert list(candles.snapshot([FIRST])) == [FIRST]
    assert list(candles.snapshot([])) == []


def test_one_that_is_no_longer_wanted_is_forgotten():
    candles = RunningCandles()
    list(candles.update(FIRST))
    candles.keep({("BTCUSDT", "5m")})
    assert list(candles.update(SECOND)) == [SECOND]
