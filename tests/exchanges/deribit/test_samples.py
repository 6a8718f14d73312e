"""Recorded payloads of the real exchange, where they are at hand: exact counts, exact figures."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.contract import Feed, Output
from exchanges.decimals import plain
from exchanges.deribit import CARD, rest
from exchanges.events import Candle, Ticker, Trade
from exchanges.symbols import Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "deribit"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def outputs(name: str, feed: Feed | None = None) -> list[Output]:
    feed = feed or CARD.feed(Instruments())
    return [output for line in lines(name) for output in feed.receive(line["raw"], int(line["received"] * 1e9))]


def test_the_recorded_books_are_chained_and_never_break() -> None:
    feed = CARD.feed(Instruments())
    outputs("ws_book.jsonl", feed)
    frames = [json.loads(line["raw"], parse_float=Decimal)["params"]["data"] for line in lines("ws_book.jsonl")]
    markets = {frame["instrument_name"] for frame in frames}
    assert len(markets) == 10
    for market in markets:
        book = feed.book(market, 1)
        assert book is not None and (dict(book.bids), dict(book.asks)) == _plainest(frames, market)


def _plainest(frames: list[dict[str, Any]], market: str) -> tuple[dict[str, str], dict[str, str]]:
    result: list[dict[str, str]] = []
    for side in ("bids", "asks"):
        levels: dict[Decimal, Decimal] = {}
        for frame in frames:
            for action, price, amount in frame[side] if frame["instrument_name"] == market else ():
                levels.pop(price, None) if action == "delete" else levels.update({price: amount})
        result.append({plain(price): plain(Decimal(amount)) for price, amount in levels.items()})
    return result[0], result[1]


def test_an_empty_side_of_a_recorded_ticker_is_absent() -> None:
    first, second = outputs("ws_ticker.jsonl")[:2]
    assert isinstance(first, Ticker) and isinstance(second, Ticker)
    assert (first.symbol, first.bid_price, first.last_price) == ("ETH-USD-20210507-2100-C_ETH", None, None)
    assert (second.symbol, second.bid_price, second.ask_quantity) == ("ETH-USD-20210430-2560-P_ETH", "0.083", "240")


def test_the_recorded_trade_and_candle() -> None:
    feed = CARD.feed(Instruments())
    trade, later = feed.receive((SAMPLES / "ws_trades.json").read_text(), 1)
    assert isinstance(trade, Trade) and isinstance(later, Trade)
    assert (trade.trade_id, trade.side, trade.quantity) == ("403691824", "sell", "0.000108348818185265644")
    assert later.venue_quantity == "750"
    [candle] = feed.receive((SAMPLES / "ws_candle.json").read_text(), 1)
    assert isinstance(candle, Candle)
    assert (candle.interval, candle.open_ms, candle.quote_volume) == ("1m", 1767200040000, "83970")


def test_recorded_rest_bodies() -> None:
    [perpetual] = rest.read_instruments((SAMPLES / "rest_instrument_perpetual.json").read_bytes())
    assert (perpetual.symbol, perpetual.contract_size, perpetual.min_notional) == ("BTC-USD-PERP_BTC", "10", "10")
    assert perpetual.quantity_increment is perpetual.expiry_us is None
    [option] = rest.read_instruments((SAMPLES / "rest_instrument_option.json").read_bytes())
    assert (option.symbol, option.strike, option.option_type) == ("BTC-USD-20241227-100000-C_BTC", "100000", "call")
    assert (option.quantity_increment, option.settle, option.expiry_us) == ("0.1", "BTC", 1735300800000000)
    trades = rest.read_trades((SAMPLES / "rest_trades.json").read_bytes(), perpetual, 1)
    assert len(trades) == len({trade.trade_id for trade in trades}) == 7
    assert [trade.trade_us for trade in trades] == sorted(trade.trade_us or 0 for trade in trades)
    assert (trades[0].price, trades[0].venue_quantity, trades[0].side) == ("77315.5", "20", "buy")
