"""Coinbase's REST APIs: requests as the exchange documents them, and what answers and errors come to."""

import json
from typing import Any

import pytest

from exchanges.coinbase import CARD, rest
from exchanges.errors import (
    BadFrame,
    ExchangeError,
    Forbidden,
    NotAuthenticated,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)
from exchanges.events import Rejected
from exchanges.symbols import Instrument

BTC = Instrument(symbol="BTC-USD", venue_symbol="BTC-USD", base="BTC", quote="USD", kind="spot", contract_size="1")
BIT = Instrument(
    symbol="BTC-USD-20260424", venue_symbol="BIT-24APR26-CDE", base="BTC", quote="USD", kind="future",
    contract_size="0.01",
)  # fmt: skip
SPOT = {
    "product_id": "BTC-USD", "product_type": "SPOT", "base_currency_id": "BTC", "quote_currency_id": "USD",
    "status": "online", "price_increment": "0.01", "quote_increment": "0.01", "base_increment": "0.00000001",
    "base_min_size": "0.00000001", "base_max_size": "3400", "quote_min_size": "1", "quote_max_size": "150000000",
    "alias": "", "alias_to": ["BTC-USDC"],
}  # fmt: skip
DETAILS = {
    "contract_expiry": "2026-04-24T15:00:00Z", "contract_size": "0.01", "contract_root_unit": "BTC",
    "contract_expiry_type": "EXPIRING", "funding_rate": "",
}  # fmt: skip
FUTURE = {
    "product_id": "BIT-24APR26-CDE", "product_type": "FUTURE", "base_currency_id": "", "quote_currency_id": "USD",
    "status": "", "price_increment": "5", "quote_increment": "0.01", "base_increment": "1", "base_min_size": "1",
    "quote_min_size": "0", "future_product_details": DETAILS,
}  # fmt: skip
CANDLE = {"start": "1790000040", "low": "0.5", "high": "2.0", "open": "1.0", "close": "1.5", "volume": "10.0"}


def read(*products: dict[str, Any], rejected: list[Rejected] | None = None) -> list[Instrument]:
    return rest.read_instruments(json.dumps({"products": products, "num_products": 9}).encode(), rejected)


def test_both_kinds_are_asked_for_since_none_means_spot_alone() -> None:
    assert [request.query["product_type"] for request in rest.instruments_requests()] == ["SPOT", "FUTURE"]


def test_a_spot_market_has_its_price_increment_not_that_of_the_quote() -> None:
    assert read(SPOT) == [
        Instrument(
            symbol="BTC-USD", venue_symbol="BTC-USD", base="BTC", quote="USD", kind="spot", price_increment="0.01",
            quantity_increment="0.00000001", min_quantity="0.00000001", max_quantity="3400", min_notional="1",
            max_notional="150000000", contract_size="1",
        )
    ]  # fmt: skip


def test_a_future_is_named_by_its_underlying_and_counted_in_base_units() -> None:
    [found] = read(FUTURE)
    assert found == Instrument(
        symbol="BTC-USD-20260424", venue_symbol="BIT-24APR26-CDE", base="BTC", quote="USD", kind="future",
        settle="USD", price_increment="5", quantity_increment="0.01", min_quantity="0.01", contract_size="0.01",
        expiry_us=1777042800000000,
    )  # fmt: skip


@pytest.mark.parametrize("details", [{"contract_expiry_type": "PERPETUAL"}, {"funding_rate": "0.0000125"}])
def test_what_pays_funding_is_a_perpetual_also_with_a_far_expiry(details: dict[str, str]) -> None:
    [found] = read({**FUTURE, "future_product_details": {**DETAILS, **details}})
    assert (found.symbol, found.kind, found.expiry_us) == ("BTC-USD-PERP", "perpetual", None)


def test_two_contracts_of_one_underlying_and_day_are_told_apart() -> None:
    found = read(FUTURE, {**FUTURE, "product_id": "BTI-24APR26-CDE"})
    assert [one.symbol for one in found] == ["BTC-USD-20260424", "BTC-USD-20260424.BTI-24APR26-CDE"]


def test_another_name_of_a_market_is_no_market() -> None:
    alias = {**SPOT, "product_id": "BTC-USDC", "quote_currency_id": "USDC", "alias": "BTC-USD"}
    assert [one.symbol for one in read(SPOT, alias)] == ["BTC-USD"]


@pytest.mark.parametrize("change", [{"is_disabled": True}, {"trading_disabled": True}, {"status": "offline"}])
def test_what_does_not_trade_is_halted(change: dict[str, Any]) -> None:
    assert read({**SPOT, **change})[0].status == "halted"


def test_a_broken_row_does_not_take_the_others_with_it() -> None:
    rejected: list[Rejected] = []
    rows = (SPOT, {**SPOT, "product_type": "EQUITY"}, {**FUTURE, "future_product_details": {}}, {"product_id": 1})
    assert len(read(*rows, rejected=rejected)) == 1
    assert [row.kind for row in rejected] == ["row: product type", "row: contract", "row: shape"]


def test_candles_are_asked_for_so_that_every_reading_of_the_ends_gives_them() -> None:
    request = rest.candles_request(BTC, "1m", 1790000040_000, 1790000160_000)
    assert request.path == "/api/v3/brokerage/market/products/BTC-USD/candles"
    assert request.query == {
        "start": "1790000039", "end": "1790000159", "granularity": "ONE_MINUTE", "limit": "350",
    }  # fmt: skip
    assert rest.candles_request(BTC, "1m", 0, 10**9, limit=5).query["end"] == "299"


@pytest.mark.parametrize(("now_ms", "closed"), [(1790000099999, False), (1790000100000, True)])
def test_candles_are_sorted_and_closed_when_their_last_millisecond_is_over(now_ms: int, closed: bool) -> None:
    body = json.dumps({"candles": [CANDLE, {**CANDLE, "start": "1789999980"}]}).encode()
    older, newer = rest.read_candles(body, BTC, "1m", 5, now_ms)
    assert (older.open_ms, newer.open_ms, newer.close_ms) == (1789999980000, 1790000040000, 1790000099999)
    assert (older.closed, newer.closed) == (True, closed)
    assert (newer.open, newer.high, newer.low, newer.close, newer.volume) == ("1", "2", "0.5", "1.5", "10")
    assert rest.read_candles(body, BIT, "1m", 5, now_ms)[0].volume == "0.1"


def test_candles_of_the_exchange_are_numbers_with_the_low_first_and_stay_exact() -> None:
    body = b"[[1790000040,0.00000001,2.5,1,12345678901234567890.123456789,1e-8],[1789999980,1,1,1,1,0]]"
    older, newer = rest.read_candles(body, BTC, "1m", 5, 0)
    assert (older.open_ms, newer.open_ms) == (1789999980000, 1790000040000)
    assert (newer.open, newer.high, newer.low, newer.volume) == ("1", "2.5", "0.00000001", "0.00000001")
    assert newer.close == "12345678901234567890.123456789"


def test_trades_of_spot_come_from_the_exchange_from_an_id_on() -> None:
    newest, older = rest.trades_request(BTC), rest.trades_request(BTC, "100", 10)
    assert (newest.host, newest.target) == ("exchange", "/products/BTC-USD/trades?limit=1000")
    assert older.target == "/products/BTC-USD/trades?limit=10&after=110"
    assert rest.trades_request(BIT, limit=5).target == (
        "/api/v3/brokerage/market/products/BIT-24APR26-CDE/ticker?limit=5"
    )


def test_the_makers_side_is_turned_into_the_takers() -> None:
    row = {"trade_id": 8, "side": "sell", "size": "2.00", "price": "4.10", "time": "2026-09-21T14:13:21.7000125Z"}
    older, newer = rest.read_trades(json.dumps([row, {**row, "trade_id": 7, "side": "buy"}]).encode(), BTC, 1)
    assert [(older.trade_id, older.side), (newer.trade_id, newer.side)] == [("7", "sell"), ("8", "buy")]
    assert (newer.price, newer.quantity, newer.trade_us) == ("4.1", "2", 1790000001700012)
    market = {**row, "trade_id": "9", "product_id": "BIT-24APR26-CDE", "side": "BUY", "bid": "", "ask": ""}
    [future] = rest.read_trades(json.dumps({"trades": [market], "best_bid": ""}).encode(), BIT, 1)
    assert (future.side, future.quantity, future.venue_quantity) == ("sell", "0.02", "2")


def test_a_ticker_of_the_exchange_and_of_a_future() -> None:
    body = b'{"ask":"2.10","bid":"0","volume":"30.5","trade_id":5,"price":"2.00","size":"1.0","time":"2026-09-21T14:13:21Z"}'  # noqa: E501
    ticker = rest.read_ticker(body, BTC, 1)
    assert (ticker.last_price, ticker.last_quantity, ticker.bid_price, ticker.ask_price) == ("2", "1", None, "2.1")
    assert (ticker.volume_24h, ticker.event_us) == ("30.5", 1790000001000000)
    body = b'{"product_id":"BIT-24APR26-CDE","price":"70000","volume_24h":"300","high_24h":"71000","best_bid_price":""}'
    ticker = rest.read_ticker(body, BIT, 1)
    assert (ticker.last_price, ticker.high_24h, ticker.bid_price, ticker.volume_24h) == ("70000", "71000", None, "3")


def test_a_book_has_a_time_and_no_number() -> None:
    body = b'{"pricebook":{"product_id":"BIT","bids":[{"price":"4.00","size":"431"}],"asks":[],"time":"2026-09-21T14:13:21Z"}}'  # noqa: E501
    depth = rest.read_depth(body, BIT, 3)
    assert (depth.bids, depth.asks, depth.sequence) == ((("4", "4.31"),), (), None)
    assert depth.event_us == 1790000001000000


def test_a_book_of_the_exchange_has_both_and_its_single_orders_are_summed_by_price() -> None:
    body = b'{"bids":[["4.00","0.1",2]],"asks":[["4.10","0.1","id-1"],["4.1","0.2","id-2"]],"sequence":7,"time":"2026-09-21T14:13:21Z"}'  # noqa: E501
    depth = rest.read_depth(body, BTC, 3)
    assert (depth.bids, depth.asks) == ((("4", "0.1"),), (("4.1", "0.3"),))
    assert (depth.sequence, depth.event_us) == (7, 1790000001000000)


def test_a_trade_that_names_no_side_has_none() -> None:
    rows = [
        {"trade_id": "34b080bf-0000-4000-8000-000000000001", "product_id": "BTC-USD", "price": "140.91", "size": "4",
         "time": "2026-09-21T14:13:21.000Z", "side": side} for side in ("", "UNKNOWN_ORDER_SIDE")
    ]  # fmt: skip
    trades = rest.read_trades(json.dumps({"trades": rows}).encode(), BTC, 1)
    assert [trade.side for trade in trades] == [None, None]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"bids":1}', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_none_is_a_bad_frame(body: bytes) -> None:
    for reader in (rest.read_ticker, rest.read_depth, rest.read_trades):
        with pytest.raises(BadFrame):
            reader(body, BTC, 1)
    for call in (lambda: rest.read_instruments(body), lambda: rest.read_candles(body, BTC, "1m", 1)):
        with pytest.raises(BadFrame):
            call()


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "retry_after_s"),
    [
        (404, {}, b'{"message":"NotFound"}', UnknownMarket, None),
        (404, {}, b"<html>", Refused, None),
        (400, {}, b'{"error":"INVALID_ARGUMENT","message":"valid product_id is required"}', UnknownMarket, None),
        (400, {}, b'{"error":"INVALID_ARGUMENT","message":"granularity is required"}', Refused, None),
        (429, {}, b'{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}', RateLimited, 1.0),
        (429, {"Retry-After": "17"}, b'{"message":"Public rate limit exceeded"}', RateLimited, 17.0),
        (401, {}, b"Unauthorized", NotAuthenticated, None),
        (403, {}, b"<html>", Forbidden, None),
        (451, {}, b"{}", Forbidden, None),
        (503, {"retry-after": "3"}, b'{"error":"UNAVAILABLE"}', ServerFault, 3.0),
    ],
)
def test_an_error_is_read_from_status_headers_and_body(
    status: int, headers: dict[str, str], body: bytes, kind: type[ExchangeError], retry_after_s: float | None
) -> None:
    error = rest.read_error(status, headers, body)
    assert type(error) is kind
    assert getattr(error, "retry_after_s", None) == retry_after_s


def test_an_answer_is_no_error() -> None:
    assert rest.read_error(200, {}, b'{"products":[]}') is None
    assert rest.used_weight({}) is None


def test_requests_go_round_the_cache_of_a_second() -> None:
    request = rest.ticker_request(BTC)
    signed = CARD.sign(request, {})
    assert (signed.target, dict(signed.headers)) == (request.target, {"Cache-Control": "no-cache"})
