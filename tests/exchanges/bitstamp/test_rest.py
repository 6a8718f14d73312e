"""Bitstamp's REST API: requests as the exchange documents them, and what answers and errors come to."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from exchanges.bitstamp import CARD, rest
from exchanges.errors import BadFrame, Forbidden, RateLimited, Refused, ServerFault, UnknownMarket
from exchanges.events import Rejected
from exchanges.intervals import HOUR_MS, MINUTE_MS
from exchanges.symbols import Instrument
from tests.exchanges.fuzz import anything, mutated, read_by_all

BITCOIN = Instrument(symbol="BTC-USD", venue_symbol="btcusd", base="BTC", quote="USD", kind="spot")
MARKET = {
    "name": "BTC/USD", "market_symbol": "btcusd", "base_currency": "BTC", "base_decimals": 8,
    "counter_currency": "USD", "counter_decimals": 0, "minimum_order_value": "10", "trading": "Enabled",
    "instant_order_counter_decimals": 2, "instant_and_market_orders": "Enabled", "market_type": "SPOT",
}  # fmt: skip
PERPETUAL = {**MARKET, "name": "BTC/USD-PERP", "market_symbol": "btcusd-perp", "market_type": "PERPETUAL"}
START_MS = 1_790_000_040_000
CANDLES = {"data": {"pair": "BTC/USD", "ohlc": [
    {"timestamp": str(START_MS // 1000 + 60 * at), "open": "62000", "high": "62010.50", "low": "61990",
     "close": "62005", "volume": volume} for at, volume in enumerate(("0.50000000", "0.00000000"))
]}}  # fmt: skip
TRADES = [
    {"date": "1790000001", "tid": "412000007", "amount": "0.50000000", "type": "1", "price": "62000"},
    {"date": "1790000000", "tid": 412000001, "amount": "0.01000000", "type": "0", "price": "62000.50"},
]
DAY = {"timestamp": "1790000000", "open": "61000", "high": "62500", "low": "60900", "last": "62000", "volume": "12.5",
       "vwap": "61800", "bid": "61999", "ask": "62001", "side": "0", "open_24": "61500"}  # fmt: skip
BOOK = {"timestamp": "1790000000", "microtimestamp": "1790000000123456", "bids": [["62000", "1.0"], ["0.00", "3"]],
        "asks": [["62001", "2.50000000"]]}  # fmt: skip
BODIES = [json.dumps(one) for one in ([MARKET], CANDLES, TRADES, DAY, BOOK)]


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_spot_markets_are_listed_with_the_steps_that_their_decimals_say() -> None:
    euro = {**MARKET, "market_symbol": "etheur", "base_currency": "ETH", "counter_currency": "EUR", "base_decimals": 0,
            "counter_decimals": 2, "trading": "Disabled", "minimum_order_amount": "0.00100000",
            "maximum_order_value": "0"}  # fmt: skip
    bitcoin, ether = rest.read_instruments(body([MARKET, PERPETUAL, euro]))
    assert bitcoin == Instrument(
        symbol="BTC-USD", venue_symbol="btcusd", base="BTC", quote="USD", kind="spot", price_increment="1",
        quantity_increment="0.00000001", min_notional="10", contract_size="1",
    )  # fmt: skip
    assert (ether.symbol, ether.status, ether.price_increment, ether.quantity_increment) == (
        "ETH-EUR", "halted", "0.01", "1",
    )  # fmt: skip
    assert (ether.min_quantity, ether.max_notional) == ("0.001", None)


def test_a_broken_row_is_lost_alone() -> None:
    rejected: list[Rejected] = []
    wrong = [{**MARKET, "base_decimals": 99}, {**MARKET, "market_symbol": ""}, {}, MARKET]
    assert [one.symbol for one in rest.read_instruments(body(wrong), rejected)] == ["BTC-USD"]
    assert [one.kind for one in rejected] == ["row: shape", "row: shape", "row: decimals"]
    with pytest.raises(BadFrame):
        rest.read_instruments(body(wrong))


def test_candles_are_asked_for_by_both_ends_and_as_many_as_lie_between_them() -> None:
    request = rest.candles_request(BITCOIN, "1h", 3 * HOUR_MS, 8 * HOUR_MS)
    assert request.target == "/api/v2/ohlc/btcusd/?step=3600&limit=5&start=10800&end=28799"
    page = rest.candles_request(BITCOIN, "1m", 0, 5000 * MINUTE_MS)
    assert (page.query["limit"], page.query["end"]) == ("1000", "59999")
    assert rest.candles_request(BITCOIN, "1m", 0, 5000 * MINUTE_MS, 3).query["end"] == "179"
    assert rest.newest_candles_request(BITCOIN, "1d", 2).target == "/api/v2/ohlc/btcusd/?step=86400&limit=2"


def test_a_candle_is_closed_when_its_end_has_passed() -> None:
    first, second = rest.read_candles(body(CANDLES), BITCOIN, "1m", (START_MS + MINUTE_MS) * 1_000_000)
    assert (first.open_ms, first.close_ms, first.high, first.volume) == (
        START_MS, START_MS + MINUTE_MS - 1, "62010.5", "0.5",
    )  # fmt: skip
    assert (first.closed, second.closed, second.volume, second.trades, second.quote_volume) == (
        True, False, "0", None, None,
    )  # fmt: skip
    with pytest.raises(BadFrame, match="opens at"):
        rest.read_candles(body(CANDLES), BITCOIN, "1h", 1)


def test_trades_are_turned_round_so_that_the_oldest_is_first() -> None:
    first, second = rest.read_trades(body(TRADES), BITCOIN, 1)
    assert [(one.trade_id, one.side, one.price) for one in (first, second)] == [
        ("412000001", "buy", "62000.5"), ("412000007", "sell", "62000"),
    ]  # fmt: skip
    assert first.trade_us == 1_790_000_000_000_000 and rest.trades_request(BITCOIN, "5", 9).target == (
        "/api/v2/transactions/btcusd/?time=hour"
    )


def test_the_opening_of_the_ticker_is_that_of_24_hours_ago_and_not_that_of_the_day() -> None:
    ticker = rest.read_ticker(body(DAY), BITCOIN, 1)
    assert (ticker.open_24h, ticker.bid_price, ticker.volume_24h) == ("61500", "61999", "12.5")
    assert (ticker.bid_quantity, ticker.quote_volume_24h, ticker.event_us) == (None, None, 1_790_000_000_000_000)
    assert rest.read_ticker(body({"timestamp": "1"}), BITCOIN, 1).last_price is None


def test_a_book_comes_whole_without_levels_of_no_price() -> None:
    book = rest.read_depth(body(BOOK), BITCOIN, 1)
    assert (book.bids, book.asks) == ((("62000", "1"),), (("62001", "2.5"),))
    assert (book.event_us, book.sequence) == (1_790_000_000_123_456, None)
    with pytest.raises(BadFrame, match="crossed"):
        rest.read_depth(body({**BOOK, "asks": [["62000", "1"]]}), BITCOIN, 1)


@pytest.mark.parametrize(
    ("status", "headers", "said", "error"),
    [
        (429, {}, b"", RateLimited),
        (400, {}, body({"status": "error", "response_code": "400.002"}), RateLimited),
        (403, {}, b"<html>", Forbidden),
        (451, {}, b"", Forbidden),
        (404, {}, body({"status": "error", "reason": "Market not found."}), UnknownMarket),
        (503, {"Retry-After": "7"}, b"", ServerFault),
        (400, {}, body({"code": "missing", "errors": []}), Refused),
        (200, {}, body({"error": "Bitstamp.net is under scheduled maintenance."}), Refused),
        (200, {}, body({"status": "error", "reason": {"__all__": ["no"]}, "code": "API0004"}), Refused),
    ],
)
def test_errors_are_read_by_status_and_by_response_code(
    status: int, headers: dict[str, str], said: bytes, error: type[Exception]
) -> None:
    found = rest.read_error(status, headers, said)
    assert type(found) is error and str(found).startswith(f"Bitstamp: HTTP {status}")


def test_how_long_to_wait_is_what_they_say_within_bounds() -> None:
    waits = [rest.read_error(429, {"retry-after": said}, b"") for said in ("7", "999999", "soon", "½")]
    assert [one.retry_after_s for one in waits if isinstance(one, RateLimited)] == [7, 3600, 60, 60]


def test_an_answer_is_no_error() -> None:
    assert [rest.read_error(200, {}, one.encode()) for one in BODIES] == [None] * len(BODIES)
    assert rest.used_weight({}) is None and CARD.rest is rest


@settings(max_examples=300, deadline=None)
@given(said=anything | mutated(BODIES))
def test_no_body_raises_anything_but_our_own_errors(said: str | bytes) -> None:
    read_by_all(rest, said, BITCOIN)
