"""Recorded payloads of the real source, where they are at hand: exact counts, exact figures."""

import json
from collections import Counter
from pathlib import Path

import pytest

from exchanges.alpaca import CARD, rest
from exchanges.alpaca.polled import instrument
from exchanges.errors import UnknownMarket
from exchanges.events import Rejected, Ticker
from exchanges.symbols import Instrument, Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "alpaca"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")
NOW_NS = 1_790_000_000_000_000_000


def body(name: str) -> bytes:
    return (SAMPLES / f"rest_{name}.json").read_bytes()


def market(venue_symbol: str) -> Instrument:
    known = Instruments()
    known.spelled = CARD.spelled
    return instrument(venue_symbol, known)


def test_the_recorded_frames_are_four_tickers_two_trades_a_candle_and_a_book() -> None:
    feed = CARD.feed(Instruments())
    frames = [json.loads(line)["raw"] for line in (SAMPLES / "ws_frames.jsonl").read_text().splitlines()]
    found = [output for frame in frames for output in feed.receive(frame, 1)]
    assert len(frames) == 11  # of which four say nothing of a market
    [lots, *_] = [one for one in found if isinstance(one, Ticker)]  # of 2024: 4 and 5 hundred shares
    assert (lots.symbol, lots.bid_quantity, lots.ask_quantity) == ("FAKEPACA", "400", "500")
    assert Counter(type(one).__name__ for one in found) == {"Ticker": 4, "Trade": 2, "Candle": 1, "Depth": 1}
    assert [one.symbol for one in found if not isinstance(one, Rejected)][-2:] == ["BTC-USD", "AAPL"]


def test_recorded_candles_of_stocks_open_at_midnight_in_new_york() -> None:
    rejected: list[Rejected] = []
    candles = rest.read_candles(body("candles_stocks"), market("AAPL"), "1d", NOW_NS, rejected=rejected)
    assert [(one.open_ms, one.close, one.trades) for one in candles] == [
        (1643691600000, "174.61", 732412), (1643778000000, "175.84", 675034)
    ]  # fmt: skip
    assert [one.kind for one in rejected] == ["page"]  # the recorded answer goes on
    [minute] = rest.read_candles(body("candles_stocks_latest"), market("SPY"), "1m", NOW_NS)
    assert (minute.volume, minute.closed) == ("2100", True)


def test_a_recorded_day_of_crypto_that_opens_in_chicago_is_no_day_of_ours() -> None:
    rejected: list[Rejected] = []
    assert rest.read_candles(body("candles_crypto"), market("BTC/USD"), "1d", NOW_NS, rejected=rejected) == []
    assert [one.kind for one in rejected] == ["row: alignment"]
    [minute] = rest.read_candles(body("candles_crypto_latest"), market("BTC/USD"), "1m", NOW_NS)
    assert (minute.open_ms, minute.volume) == (1653646680000, "0.01")


@pytest.mark.parametrize(
    ("name", "of", "bid", "ask", "last"),
    [
        ("ticker_crypto", "ETH/USD", "1817", "1817.7", None),
        ("ticker_crypto_latest", "BTC/USD", "40517.08", "40765.93", None),
        ("ticker_stocks", "AAPL", "159.52", "158.8", None),
        ("ticker_stocks_latest", "AAPL", "161.1", "161.11", None),
        ("snapshots_crypto", "ETH/USD", "3374.33", "3374.34", "3373.04"),
    ],
)
def test_recorded_quotes_and_snapshots(name: str, of: str, bid: str, ask: str, last: str | None) -> None:
    ticker = rest.read_ticker(body(name), market(of), NOW_NS)
    assert (ticker.bid_price, ticker.ask_price, ticker.last_price) == (bid, ask, last)
    with pytest.raises(UnknownMarket):
        rest.read_ticker(body(name), market("NOPE/USD"), NOW_NS)


@pytest.mark.parametrize(
    ("name", "of", "ids", "side"),
    [
        ("trades_crypto", "BTC/USD", ["293648598"], "buy"),
        ("trades_crypto_latest", "BTC/USD", ["26932440"], "buy"),
        ("trades_stocks", "AAPL", ["151", "168"], None),
        ("trades_stocks_latest", "AAPL", ["22730"], None),
    ],
)
def test_recorded_trades(name: str, of: str, ids: list[str], side: str | None) -> None:
    trades = rest.read_trades(body(name), market(of), NOW_NS)
    assert [one.trade_id for one in trades] == ids and {one.side for one in trades} == {side}


def test_the_recorded_asset_is_a_stock() -> None:
    [apple] = rest.read_instruments(body("instruments_stocks"))
    assert (apple.symbol, apple.kind, apple.quote, apple.status) == ("AAPL", "stock", "USD", "trading")
