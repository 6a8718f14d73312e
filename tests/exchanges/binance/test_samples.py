"""Recorded payloads of the real exchange, where they are at hand: exact counts, exact figures."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.binance import rest
from exchanges.binance.feed import BinanceFeed
from exchanges.contract import Fetch, Output, Request
from exchanges.decimals import plain
from exchanges.events import Depth, Level, Ticker, Trade
from exchanges.symbols import Instrument, Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "binance"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")

BTC = Instrument(symbol="BTC-USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="spot")
SNAPSHOT_S = 1618677378.57624  # when rest_book.json was received


def test_the_recorded_book_is_proven_by_its_snapshot_and_never_breaks() -> None:
    feed = BinanceFeed(Instruments())
    found: list[Output] = []
    lines = [json.loads(line) for line in (SAMPLES / "ws_book.jsonl").read_text().splitlines()]
    body, answered = (SAMPLES / "rest_book.json").read_bytes(), False
    for line in lines:
        if not answered and line["received"] > SNAPSHOT_S:
            answered = True
            request = Request("/api/v1/depth?symbol=ONTTRY&limit=1000")
            found += feed.answered(request, body, int(SNAPSHOT_S * 1e9))
        found += feed.receive(line["raw"], int(line["received"] * 1e9))
    assert isinstance(found[0], Fetch)
    depths = [output for output in found[1:] if isinstance(output, Depth)]
    assert [depth.sequence for depth in depths][:3] == [282106, 282107, 282109]
    book = feed.book("ONTTRY", 1)
    assert book is not None and book.sequence == 282150
    assert (book.bids, book.asks) == _replayed(json.loads(body), [json.loads(line["raw"])["data"] for line in lines])


def _replayed(snapshot: dict[str, Any], diffs: list[dict[str, Any]]) -> tuple[tuple[Level, ...], ...]:
    """The same book by the plainest means."""
    result = []
    for ours, theirs, sign in (("bids", "b", -1), ("asks", "a", 1)):
        side = {Decimal(price): Decimal(quantity) for price, quantity in snapshot[ours]}
        for diff in diffs:
            if diff["u"] > snapshot["lastUpdateId"]:
                side.update({Decimal(price): Decimal(quantity) for price, quantity in diff[theirs]})
        ordered = sorted((price for price in side if side[price]), key=lambda price: sign * price)
        result.append(tuple((plain(price), plain(side[price])) for price in ordered))
    return tuple(result)


def test_one_frame_of_each_other_stream() -> None:
    feed = BinanceFeed(Instruments())
    [trade] = feed.receive((SAMPLES / "ws_trade_stream.json").read_text(), 1)
    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.price, trade.quantity, trade.side) == ("705291099", "4149.74", "0.4387", "sell")
    [ticker] = feed.receive((SAMPLES / "ws_ticker_24h.json").read_text(), 1)
    assert isinstance(ticker, Ticker)
    assert (ticker.last_price, ticker.quote_volume_24h) == ("1792.84", "840180761.513581")


def test_recorded_rest_bodies() -> None:
    instruments = rest.read_instruments((SAMPLES / "rest_instruments.json").read_bytes())
    assert [market.symbol for market in instruments] == ["BTC-USDT", "ETH-USDT"]
    assert [market.price_increment for market in instruments] == ["0.01", "0.01"]
    candles = rest.read_candles((SAMPLES / "rest_candles.json").read_bytes(), BTC, "1m", 1634950000 * 10**9)
    assert len(candles) == 10
    assert [candle.open_ms - candles[0].open_ms for candle in candles] == [60_000 * n for n in range(10)]
    trades = rest.read_trades((SAMPLES / "rest_trades.json").read_bytes(), BTC, 1)
    assert [int(trade.trade_id) for trade in trades] == list(range(1111468873, 1111468883))
