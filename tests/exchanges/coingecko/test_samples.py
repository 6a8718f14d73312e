"""Recorded answers of the real source, where they are at hand: exact counts, exact figures."""

from pathlib import Path

import pytest

from exchanges.coingecko import CARD, rest
from exchanges.contract import Request
from exchanges.errors import BadFrame
from exchanges.events import Candle, Rejected, Ticker
from exchanges.intervals import length_ms
from exchanges.symbols import Instrument, Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "coingecko"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")

BTC = Instrument(symbol="BTC-MYR", venue_symbol="bitcoin", base="BTC", quote="MYR", kind="spot")
RECORDED_NS = 1_621_092_868 * 10**9  # Sat, 15 May 2021 15:34:28 GMT
UPDATED_NS = 1_621_094_466 * 10**9


def body(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def test_recorded_candles_are_stamped_with_their_end() -> None:
    """The last one ends 26 minutes after it was recorded: it is the running one."""
    candles = rest.read_candles(body("rest_candles.json"), BTC, "4h", RECORDED_NS)
    assert len(candles) == 180
    assert {(b.open_ms - a.open_ms) for a, b in zip(candles, candles[1:], strict=False)} == {length_ms("4h")}
    assert [candle.closed for candle in candles] == [True] * 179 + [False]
    first, last = candles[0], candles[-1]
    assert (first.open_ms, first.open, first.low) == (1618516800000 - 14_400_000, "260184.16", "257817.26")
    assert (last.open_ms, last.close_ms, last.close) == (1621080000000, 1621094399999, "204937.95")
    assert {candle.volume for candle in candles} == {None}


def test_recorded_figures_of_a_coin() -> None:
    ticker = rest.read_ticker(body("rest_ticker.json"), BTC, UPDATED_NS)
    assert (ticker.last_price, ticker.high_24h, ticker.low_24h) == ("202369", "211637", "198102")
    assert (ticker.quote_volume_24h, ticker.volume_24h, ticker.bid_price) == ("254459451496", None, None)
    assert ticker.event_us == 1621094383867000
    assert rest.read_ticker(body("rest_simple_price.json"), BTC, UPDATED_NS).last_price == "203620"


def test_recorded_coins_of_which_two_share_a_symbol() -> None:
    rejected: list[Rejected] = []
    coins = rest.read_instruments(body("rest_instruments.json"), rejected)
    assert (len(coins), rejected) == (40, [])
    assert [coin.symbol for coin in coins if coin.base == "HAC"] == ["HAC-USD", "HAC-USD.hackspace-capital"]
    assert len({coin.symbol for coin in coins}) == 40


def test_the_tickers_of_other_exchanges_are_not_read() -> None:
    with pytest.raises(BadFrame, match="other exchanges"):
        rest.read_ticker(body("rest_exchange_tickers.json"), BTC, UPDATED_NS)


def test_the_feed_reads_the_same_answers() -> None:
    feed = CARD.feed(Instruments([BTC]))
    days, markets = "/coins/bitcoin/ohlc?days=30&vs_currency=myr", "/coins/markets?ids=bitcoin&vs_currency=myr"
    candles = list(feed.answered(Request(days), body("rest_candles.json"), RECORDED_NS))
    assert len(candles) == 180 and all(isinstance(one, Candle) and one.symbol == "BTC-MYR" for one in candles)
    [ticker] = feed.answered(Request(markets), body("rest_ticker.json"), UPDATED_NS)
    assert isinstance(ticker, Ticker) and ticker.symbol == "BTC-MYR"
