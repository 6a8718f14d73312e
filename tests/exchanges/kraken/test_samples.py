"""Recorded payloads of the real exchange, where they are at hand: exact counts, exact figures."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.contract import Output
from exchanges.decimals import plain
from exchanges.events import Candle, Level, Ticker, Trade
from exchanges.kraken import CARD, rest
from exchanges.kraken.feed import KrakenFeed
from exchanges.symbols import Instrument, Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "kraken"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")

BTC = Instrument(symbol="BTC-USD", venue_symbol="BTC/USD", base="BTC", quote="USD", kind="spot")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def outputs(name: str) -> tuple[KrakenFeed, list[Output]]:
    feed = CARD.feed(Instruments())
    assert isinstance(feed, KrakenFeed)
    found = [
        output
        for line in lines(name)
        for output in feed.receive(line["raw"], int(Decimal(str(line["received"] or 0)) * 10**9))
    ]
    return feed, found


def test_every_checksum_of_the_recorded_book_holds() -> None:
    feed, found = outputs("v2_book_session.jsonl")
    frames = [json.loads(line["raw"], parse_float=Decimal) for line in lines("v2_book_session.jsonl")]
    books = [frame["data"][0] for frame in frames if frame.get("channel") == "book"]
    book = feed.book("MINA/GBP", 1)
    assert book is not None and book.symbol == "MINA-GBP"
    assert (book.bids, book.asks) == _replayed(books, 25)
    assert found[0].venue_symbol == "MINA/GBP"  # type: ignore[union-attr]


def _replayed(books: list[dict[str, Any]], depth: int) -> tuple[tuple[Level, ...], ...]:
    """The same book by the plainest means."""
    result = []
    for name, sign in (("bids", -1), ("asks", 1)):
        side: dict[Decimal, Decimal] = {}
        for book in books:
            for level in book[name]:
                side[level["price"]] = level["qty"]
            ordered = sorted((price for price in side if side[price]), key=lambda price: sign * price)
            side = {price: side[price] for price in ordered[:depth]}
        result.append(tuple((plain(price), plain(quantity)) for price, quantity in side.items()))
    return tuple(result)


def test_every_checksum_of_the_recorded_book_of_v1_holds() -> None:
    feed, _ = outputs("ws_book_v1.jsonl")
    book = feed.book("USDC/GBP", 1)
    assert book is not None and (book.bids[0][0], book.asks[0][0]) == ("0.719", "0.7194")
    assert book.symbol == "USDC-GBP"


def test_a_digit_that_is_changed_anywhere_in_the_best_ten_breaks_the_checksum() -> None:
    feed, found = CARD.feed(Instruments()), list[Output]()
    for line in lines("ws_book_v1.jsonl"):
        found += feed.receive(line["raw"].replace("1525.17927939", "1525.17927938"), 1)
    assert Counter(type(output).__name__ for output in found) == {"Depth": 4, "Gap": 1}


def test_single_frames_of_v2() -> None:
    _, found = outputs("v2_frames.jsonl")
    trades = [output for output in found if isinstance(output, Trade)]
    assert [(trade.trade_id, trade.price, trade.quantity, trade.side) for trade in trades] == [
        ("107612614", "77313.3", "0.0084064", "buy"),
        ("105702534", "77120", "0.00048389", "buy"),
    ]
    candles = [output for output in found if isinstance(output, Candle)]
    assert [(candle.open_ms, candle.trades, candle.closed) for candle in candles] == [
        (1791309960000, 5, False),
        (1791309960000, 12, False),
    ]


def test_a_ticker_of_v1() -> None:
    _, found = outputs("ws_ticker_v1.jsonl")
    last = found[-1]
    assert isinstance(last, Ticker)
    assert (last.last_price, last.open_24h, last.volume_24h) == ("58729", "58229.7", "3403.55795458")


def test_a_ticker_of_v2() -> None:
    [ticker] = CARD.feed(Instruments()).receive((SAMPLES / "v2_ws_ticker.json").read_text(), 1)
    assert isinstance(ticker, Ticker)
    assert (ticker.symbol, ticker.last_price, ticker.open_24h) == ("BTC-USD", "105899.4", "105649.4")


def test_recorded_rest_bodies() -> None:
    [usdt] = rest.read_instruments((SAMPLES / "rest_instruments.json").read_bytes())
    assert (usdt.symbol, usdt.venue_symbol, usdt.price_increment) == ("BTC-USDT", "BTC/USDT", "0.1")
    trades = rest.read_trades((SAMPLES / "rest_trades.json").read_bytes(), BTC, 1)
    assert len(trades) == 14 and {trade.side for trade in trades} == {"sell"}
    assert trades[0].trade_us == 1385579841777400
    ticker = rest.read_ticker((SAMPLES / "rest_ticker.json").read_bytes(), BTC, 1)
    assert (ticker.last_price, ticker.ask_price, ticker.volume_24h) == ("560.87711", "562.26651", "600.91850325")
    depth = rest.read_depth((SAMPLES / "rest_book.json").read_bytes(), BTC, 1)
    assert (depth.bids[0], len(depth.bids), len(depth.asks)) == (("526.26", "0.5"), 3, 3)
