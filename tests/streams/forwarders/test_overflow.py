"""What is missing, and the gap that says so: it stands where the last missing event would have stood."""

import json

import pytest

from streams.forwarders.overflow import dropped, gap, lost_until
from streams.position import START, Position


@pytest.mark.parametrize(
    ("read", "first", "until"),
    [
        (Position(5, 3), Position(5, 4), None),
        (Position(5, 3), Position(6, 1), None),
        (START, Position(6, 1), None),
        (Position(5, 3), Position(5, 9), Position(5, 8)),
        (Position(5, 3), Position(6, 9), Position(6, 8)),
        (START, Position(6, 9), Position(6, 8)),
    ],
)
def test_what_does_not_follow_is_missing(read, first, until):
    assert lost_until(read, first) == until


def test_only_within_an_epoch_can_be_counted():
    assert dropped(Position(5, 3), Position(5, 8)) == 5
    assert dropped(Position(5, 3), Position(6, 8)) is None


def test_the_gap_takes_the_place_of_the_last_missing_event_and_says_after_which():
    sample = b'{"event":"trade","venue_symbol":"BTCUSDT","source":"live","sandbox":true,"price":1.5}'
    said = json.loads(gap("binance.trade.BTC-USDT", Position(5, 3), Position(5, 8), 1234, sample))
    assert said == {
        "event": "gap",
        "topic": "binance.trade.BTC-USDT",
        "exchange": "binance",
        "symbol": "BTC-USDT",
        "venue_symbol": "BTCUSDT",
        "event_time": None,
        "received_time": 1234,
        "epoch": 5,
        "seq": 8,
        "source": "live",
        "sandbox": True,
        "reason": "overflow",
        "from_time": None,
        "repair": "none",
        "dropped": 5,
        "from": {"epoch": 5, "seq": 3},
    }


def test_without_an_event_of_the_topic_the_venues_spelling_is_not_known():
    assert json.loads(gap("binance.trade.A-B", Position(5, 3), Position(6, 8), 1, b""))["venue_symbol"] is None
