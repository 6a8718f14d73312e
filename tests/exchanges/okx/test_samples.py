"""Recorded payloads of the real exchange and its sister venue, where they are at hand: exact counts, exact figures."""

import json
from pathlib import Path

import pytest

from exchanges.contract import Output
from exchanges.events import Depth, Gap
from exchanges.okx import CARD, rest
from exchanges.okx.feed import OkxFeed
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.okx.markets import SPOT

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "okx"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")


def outputs(name: str, feed: OkxFeed | None = None) -> list[Output]:
    feed = feed or OkxFeed(Instruments())
    lines = [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]
    return [output for line in lines for output in feed.receive(line["raw"], int(line["received"] * 1e9))]


def test_each_candle_is_closed_once_before_the_next_begins() -> None:
    found = [candle for candle in outputs("ws_candles_okcoin.jsonl") if candle.symbol == "BTC-USD"]  # type: ignore[union-attr]
    assert [(candle.open_ms, candle.closed) for candle in found] == [  # type: ignore[union-attr]
        (1685221620000, False), (1685221620000, True), (1685221680000, False),
    ]  # fmt: skip


def test_the_recorded_books_are_proven_by_their_checksums() -> None:
    """Of the time before sequence numbers; the two updates are empty and repeat the checksum."""
    feed = OkxFeed(Instruments())
    found = outputs("ws_book_okcoin.jsonl", feed)
    assert [(depth.symbol, depth.type) for depth in found] == [  # type: ignore[union-attr]
        (symbol, "snapshot") for symbol in ("USDC-USDT", "USDT-USD", "BTC-USD", "ETH-USD")
    ]
    assert [len(depth.bids) for depth in found] == [30, 49, 261, 118]  # type: ignore[union-attr]
    assert feed.book("USDC-USDT", 1) is not None


def test_a_recorded_book_that_lost_a_level_has_a_gap() -> None:
    feed = OkxFeed(Instruments())
    first = json.loads((SAMPLES / "ws_book_okcoin.jsonl").read_text().splitlines()[0])["raw"]
    [gap] = feed.receive(first.replace('"2076.832799"', '"2076.832798"'), 1)
    assert isinstance(gap, Gap) and gap.reason == "checksum"


def test_the_documented_book_frames_follow_each_other() -> None:
    feed = OkxFeed(Instruments())
    [snapshot] = feed.receive((SAMPLES / "ws_book_snapshot.json").read_text(), 1)
    assert isinstance(snapshot, Depth) and (snapshot.type, snapshot.sequence, len(snapshot.bids)) == (
        "snapshot",
        123456,
        8,
    )
    assert list(feed.receive((SAMPLES / "ws_book_update.json").read_text(), 2)) == []  # the same levels once more
    book = feed.book("BTC-USDT", 3)
    assert book is not None and book.sequence == 123457


def listed(name: str) -> dict[str, Instrument]:
    found = rest.read_instruments((SAMPLES / name).read_bytes())
    assert all(CARD.spelled and CARD.spelled(one.venue_symbol) == one.symbol for one in found)
    return {one.symbol: one for one in found}


def test_recorded_instruments() -> None:
    assert list(listed("rest_instruments_spot.json")) == ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "USDT-USD"]
    swaps = listed("rest_instruments_swap.json")
    assert list(swaps) == ["BTC-USD-PERP_BTC", "ETH-USDT-PERP", "BTC-USDT-PERP"]
    assert [one.contract_size for one in swaps.values()] == ["100", "0.1", "0.01"]
    assert [one.quantity_increment for one in swaps.values()] == [None, "0.001", "0.0001"]
    options = listed("rest_instruments_option.json")
    assert list(options) == [f"BTC-USD-20241217-{end}_BTC" for end in ("92000-C", "92000-P", "94000-C", "94000-P")]
    put = options["BTC-USD-20241217-94000-P_BTC"]
    assert (put.strike, put.option_type, put.contract_size, put.expiry_us) == (
        "94000", "put", "0.01", 1734422400000000,
    )  # fmt: skip


def test_the_recorded_ticker() -> None:
    ticker = rest.read_ticker((SAMPLES / "rest_ticker.json").read_bytes(), SPOT, 1)
    assert (ticker.last_price, ticker.bid_quantity, ticker.event_us) == ("77218.1", "2.46761283", 1787416524064000)
    assert (ticker.volume_24h, ticker.quote_volume_24h) == ("8409.04706791", "652281908.20076346")
