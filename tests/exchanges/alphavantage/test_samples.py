"""Recorded answers of the real source, where they are at hand: exact counts, exact figures."""

from pathlib import Path

import pytest

from exchanges.alphavantage import CARD, names, rest
from exchanges.contract import Request
from exchanges.events import Candle
from exchanges.symbols import Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "alphavantage"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")

IBM = names.stock("IBM")
NOW_NS = 1_790_000_000 * 10**9


def test_recorded_bars_of_a_winter_and_a_summer_evening() -> None:
    """18:45 in New York is 23:45 UTC in February, 19:55 is 23:55 UTC in August."""
    winter = rest.read_candles((SAMPLES / "rest_candles_2021.json").read_bytes(), IBM, "5m", NOW_NS)
    summer = rest.read_candles((SAMPLES / "rest_candles_2024.json").read_bytes(), IBM, "5m", NOW_NS)
    assert (len(winter), len(summer)) == (4, 2)
    last = winter[-1]
    assert (last.open_ms, last.close_ms) == (1_613_778_300_000, 1_613_778_599_999)
    assert (last.close, last.volume, last.closed) == ("119.18", "1250", True)
    assert [candle.volume for candle in winter] == ["353", "490", "701", "1250"]
    assert (summer[-1].open_ms, summer[-1].high, summer[-1].volume) == (1_722_642_900_000, "188.36", "60")


def test_a_recorded_overview_names_its_share() -> None:
    [share] = rest.read_instruments((SAMPLES / "rest_overview.json").read_bytes())
    assert (share.symbol, share.venue_symbol, share.kind, share.quote) == ("IBM", "IBM", "stock", "USD")


def test_the_feed_reads_the_same_answers() -> None:
    target = "/query?function=TIME_SERIES_INTRADAY&symbol=IBM&interval=5min"
    feed = CARD.feed(Instruments())
    events = list(feed.answered(Request(target), (SAMPLES / "rest_candles_2024.json").read_bytes(), NOW_NS))
    assert [(type(one), one.symbol, one.stream) for one in events] == [(Candle, "IBM", "candle_5m")] * 2
