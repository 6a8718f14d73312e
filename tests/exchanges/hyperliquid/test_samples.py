"""Recorded payloads of the real exchange, where they are at hand: exact counts, exact figures."""

import json
from pathlib import Path

import pytest

from exchanges.contract import Output
from exchanges.events import Candle, Depth, Ticker
from exchanges.hyperliquid import CARD, rest
from exchanges.symbols import Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "hyperliquid"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")


def outputs(name: str) -> list[Output]:
    feed = CARD.feed(Instruments())
    frames = [json.loads(line)["raw"] for line in (SAMPLES / name).read_text().splitlines()]
    return [output for frame in frames for output in feed.receive(frame, 1)]


def test_of_the_recorded_tickers_one_has_both_parts_and_of_the_candles_one_is_closed() -> None:
    found = outputs("ws_frames.jsonl")
    tickers = [output for output in found if isinstance(output, Ticker)]
    assert (tickers[1].bid_price, tickers[1].ask_quantity, tickers[1].last_price) == ("83757", "0.00016", None)
    assert (tickers[1].open_24h, tickers[1].quote_volume_24h) == ("84086", "3096053627.5618200302")
    candles = [output for output in found if isinstance(output, Candle)]
    assert [(candle.closed, candle.trades) for candle in candles] == [(False, 36), (True, 36), (False, 88)]


def test_the_recorded_book_is_one_snapshot_of_twenty_levels() -> None:
    [book] = outputs("ws_book.jsonl")
    assert isinstance(book, Depth) and (book.type, book.symbol) == ("snapshot", "BTC-USDC-PERP")
    assert (len(book.bids), len(book.asks), book.event_us) == (20, 20, 1754870444265000)


def test_recorded_rest_bodies() -> None:
    listed = rest.read_instruments((SAMPLES / "rest_instruments.json").read_bytes())
    assert [one.symbol for one in listed if one.status == "delisted"] == ["MATIC-USDC-PERP"] and len(listed) == 6
    bitcoin = listed[0]
    assert (bitcoin.symbol, bitcoin.quantity_increment, bitcoin.settle) == ("BTC-USDC-PERP", "0.00001", "USDC")
    body = (SAMPLES / "rest_candles.json").read_bytes()
    candles = rest.read_candles(body, bitcoin, "1h", 1790359300000 * 1_000_000)
    assert [candle.closed for candle in candles] == [True, True, True, True, False]
    assert (candles[0].volume, candles[0].trades, candles[0].quote_volume) == ("3997.94344", 35095, None)
    depth = rest.read_depth((SAMPLES / "rest_book.json").read_bytes(), bitcoin, 1)
    assert (len(depth.bids), depth.bids[0], depth.asks[0]) == (5, ("83767", "6.87634"), ("83768", "0.30543"))
