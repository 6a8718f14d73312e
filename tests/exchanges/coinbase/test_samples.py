"""Recorded payloads of the real exchange, where they are at hand: exact counts, exact figures."""

import json
from pathlib import Path

import pytest

from exchanges.coinbase import CARD, rest
from exchanges.contract import Output
from exchanges.events import Candle, Depth, Gap, Ticker, Trade
from exchanges.symbols import Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "coinbase"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")


def outputs(name: str) -> list[Output]:
    """What the feed makes of a file of frames, or of one frame."""
    feed, text = CARD.feed(Instruments()), (SAMPLES / name).read_text()
    frames = [json.loads(line)["raw"] for line in text.splitlines()] if name.endswith("l") else [text]
    return [output for frame in frames for output in feed.receive(frame, 1)]


def test_the_candle_of_a_recorded_connection_of_advanced_trade() -> None:
    found = outputs("advanced_session.jsonl")
    [candle] = [output for output in found if isinstance(output, Candle)]
    assert (candle.open_ms, candle.close, candle.volume) == (1786309500000, "1919.42", "46.258414")


def test_a_recorded_trade_marked_sell_was_bought_at_the_ask() -> None:
    """The recording itself shows that the side they send is the maker's: the ticker's ask is the trade's price."""
    found = outputs("advanced_session.jsonl")
    trade = next(output for output in found if isinstance(output, Trade) and output.symbol == "ETH-USD")
    ticker = next(output for output in found[found.index(trade) :] if isinstance(output, Ticker))
    assert (trade.price, trade.side) == ("1919.38", "buy")
    assert (ticker.symbol, ticker.ask_price) == ("ETH-USD", "1919.38")


def test_a_recorded_snapshot() -> None:
    [depth] = outputs("advanced_ws_l2_snapshot.json")
    assert isinstance(depth, Depth)
    assert (depth.bids[0], depth.asks[0], depth.sequence) == (("68900", "1.5"), ("68901", "0.5"), 0)
    assert len(depth.bids) == len(depth.asks) == 3


def test_recorded_frames_of_the_exchange() -> None:
    """The update is of another day than the snapshot, and would cross its book."""
    found = outputs("exchange_frames.jsonl")
    assert [type(output) for output in found] == [Trade, Depth, Gap, Ticker]
    trade, depth, _, ticker = found
    assert isinstance(trade, Trade) and isinstance(depth, Depth) and isinstance(ticker, Ticker)
    assert (trade.trade_id, trade.side, trade.trade_us) == ("147587438", "buy", 1616298447112041)
    assert (depth.bids[0], len(depth.asks), depth.sequence) == (("37209.96", "0.04016376"), 3, None)
    assert (ticker.open_24h, ticker.last_quantity, ticker.bid_quantity) == ("31677.61", "0.00061522", None)


def test_recorded_products_of_both_interfaces() -> None:
    body = (SAMPLES / "advanced_rest_product.json").read_bytes()
    [bitcoin] = rest.read_instruments(body)
    assert (bitcoin.symbol, bitcoin.price_increment, bitcoin.quantity_increment) == ("BTC-USD", "0.01", "0.00000001")
    ticker = rest.read_ticker(body, bitcoin, 1)
    assert (ticker.last_price, ticker.bid_price, ticker.volume_24h) == ("68923.67", None, "11005.02587005")
    pairs = rest.read_instruments((SAMPLES / "exchange_rest_products.json").read_bytes())
    assert len(pairs) == 10 and {pair.status for pair in pairs} == {"trading"}
    assert pairs[2].symbol == "LTC-BTC" and pairs[2].price_increment == "0.00001"
