"""Recorded payloads of the real exchange, where they are at hand: exact counts, exact figures."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.binance_futures import rest
from exchanges.binance_futures.feed import FuturesFeed
from exchanges.contract import Fetch, Output, Request
from exchanges.decimals import plain
from exchanges.events import Depth, Level
from exchanges.symbols import Instrument, Instruments

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "binance_futures"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")

BTC = Instrument(symbol="BTC-USDT-PERP", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="perpetual")
SNAPSHOT_S = 1618677449.032109  # when rest_book.json was received


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def at_ns(line: dict[str, Any]) -> int:
    return int(line["received"] * 1e9)


def test_the_recorded_book_is_proven_by_its_snapshot_and_never_breaks() -> None:
    feed, found, answered = FuturesFeed(Instruments()), list[Output](), False
    body = (SAMPLES / "rest_book.json").read_bytes()
    for line in lines("ws_book.jsonl"):
        if not answered and line["received"] > SNAPSHOT_S:
            answered = True
            found += feed.answered(Request("/fapi/v1/depth?symbol=XMRUSDT&limit=1000"), body, int(SNAPSHOT_S * 1e9))
        found += feed.receive(line["raw"], at_ns(line))
    assert isinstance(found[0], Fetch)
    depths = [output for output in found[1:] if isinstance(output, Depth)]
    assert [depth.sequence for depth in depths][:3] == [335340613732, 335340617232, 335340620059]
    book = feed.book("XMRUSDT", 1)
    assert book is not None and book.sequence == 335340680336
    assert (book.bids, book.asks) == _replayed(json.loads(body))


def _replayed(snapshot: dict[str, Any]) -> tuple[tuple[Level, ...], ...]:
    """The same book by the plainest means."""
    diffs = [json.loads(line["raw"])["data"] for line in lines("ws_book.jsonl")]
    result = []
    for ours, theirs, sign in (("bids", "b", -1), ("asks", "a", 1)):
        side = {Decimal(price): Decimal(quantity) for price, quantity in snapshot[ours]}
        for diff in diffs:
            if diff["u"] >= snapshot["lastUpdateId"]:
                side.update({Decimal(price): Decimal(quantity) for price, quantity in diff[theirs]})
        ordered = sorted((price for price in side if side[price]), key=lambda price: sign * price)
        result.append(tuple((plain(price), plain(side[price])) for price in ordered))
    return tuple(result)


def test_recorded_rest_bodies() -> None:
    instruments = rest.read_instruments((SAMPLES / "rest_instruments.json").read_bytes())
    assert [(market.symbol, market.price_increment) for market in instruments] == [
        ("BTC-USDT-PERP", "0.1"),
        ("ETH-USDT-PERP", "0.01"),
        ("BTC-USDT-20220325", "0.1"),
    ]
    assert [market.min_notional for market in instruments] == ["10", "10", "10"]
    candles = rest.read_candles((SAMPLES / "rest_candles.json").read_bytes(), BTC, "1d", 1634950000 * 10**9)
    assert [candle.open_ms - candles[0].open_ms for candle in candles] == [86_400_000 * n for n in range(5)]
    trades = rest.read_trades((SAMPLES / "rest_trades.json").read_bytes(), BTC, 1)
    assert [trade.trade_id for trade in trades][:2] == ["3947543021", "3947544017"] and len(trades) == 5
    ticker = rest.read_ticker((SAMPLES / "rest_ticker.json").read_bytes(), BTC, 1)
    assert (ticker.last_price, ticker.last_quantity, ticker.volume_24h) == ("47028.59", "0.023", "471823.103")
    depth = rest.read_depth((SAMPLES / "rest_book.json").read_bytes(), BTC, 1)
    assert (len(depth.bids), len(depth.asks), depth.event_us) == (250, 250, 1618677448965000)
