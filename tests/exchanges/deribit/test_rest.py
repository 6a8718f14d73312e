"""Deribit's HTTP interface: requests as the exchange documents them, and what answers and errors come to."""

import json
from typing import Any

import pytest

from exchanges.deribit import CARD, rest
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
from exchanges.intervals import MINUTE_MS
from exchanges.symbols import Instrument

PERPETUAL = Instrument(
    symbol="BTC-USD-PERP_BTC", venue_symbol="BTC-PERPETUAL", base="BTC", quote="USD", kind="perpetual", settle="BTC"
)
LINEAR = Instrument(
    symbol="BTC-USDC-PERP", venue_symbol="BTC_USDC-PERPETUAL", base="BTC", quote="USDC", kind="perpetual", settle="USDC"
)
LISTED = {
    "instrument_name": "BTC-PERPETUAL", "instrument_id": 124972, "kind": "future", "settlement_period": "perpetual",
    "instrument_type": "reversed", "base_currency": "BTC", "counter_currency": "USD", "quote_currency": "USD",
    "settlement_currency": "BTC", "tick_size": 0.5, "tick_size_steps": [], "contract_size": 10.0,
    "min_trade_amount": 10.0, "expiration_timestamp": 32503708800000, "is_active": True, "state": "open",
}  # fmt: skip
LINEAR_OPTION = {
    **LISTED, "instrument_name": "XRP_USDC-30JUN23-0d625-C", "kind": "option", "settlement_period": "month",
    "instrument_type": "linear", "base_currency": "XRP", "counter_currency": "USDC", "quote_currency": "USDC",
    "settlement_currency": "USDC", "tick_size": 0.0001, "contract_size": 1000.0, "min_trade_amount": 1000.0,
    "expiration_timestamp": 1688112000000, "strike": 0.625, "option_type": "call",
}  # fmt: skip
SPOT = {
    "instrument_name": "ETH_BTC", "kind": "spot", "base_currency": "ETH", "counter_currency": "BTC",
    "quote_currency": "BTC", "tick_size": 1e-05, "contract_size": 0.0001, "min_trade_amount": 0.0001,
    "instrument_type": "linear", "expiration_timestamp": 32503708800000, "is_active": True,
}  # fmt: skip
CHART = {
    "status": "ok", "ticks": [1790000040000, 1790000100000], "open": [1.5, 2.0], "high": [2.0, 2.0], "low": [1.0, 2.0],
    "close": [2.0, 2.0], "volume": [10.0, 0.0], "cost": [17.5, 0.0],
}  # fmt: skip


def body(result: Any) -> bytes:
    return json.dumps(
        {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}
    ).encode()


def refusal(code: int, message: str = "no", **data: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "error": {"code": code, "message": message, "data": data}}).encode()


def test_instruments_are_asked_for_by_kind_so_that_combos_stay_out() -> None:
    targets = [request.target for request in rest.instruments_requests()]
    assert targets == [
        f"/api/v2/public/get_instruments?currency=any&kind={kind}" for kind in ("spot", "future", "option")
    ]
    heaviest = max(request.weight for request in rest.instruments_requests())
    assert all(heaviest <= limit.amount for limit in CARD.limits)


def test_an_inverse_perpetual_counts_contracts_in_its_quote() -> None:
    [found] = rest.read_instruments(body([LISTED]))
    assert found == Instrument(
        symbol="BTC-USD-PERP_BTC", venue_symbol="BTC-PERPETUAL", base="BTC", quote="USD", kind="perpetual",
        settle="BTC", price_increment="0.5", min_notional="10", contract_size="10",
    )  # fmt: skip


def test_a_linear_option_and_a_spot_market_count_their_base() -> None:
    option, spot = rest.read_instruments(body([LINEAR_OPTION, SPOT]))
    assert option == Instrument(
        symbol="XRP-USDC-20230630-0.625-C", venue_symbol="XRP_USDC-30JUN23-0d625-C", base="XRP", quote="USDC",
        kind="option", settle="USDC", price_increment="0.0001", quantity_increment="1000", min_quantity="1000",
        contract_size="1000", expiry_us=1688112000000000, strike="0.625", option_type="call",
    )  # fmt: skip
    assert (spot.symbol, spot.kind, spot.settle, spot.expiry_us) == ("ETH-BTC", "spot", None, None)
    assert (spot.price_increment, spot.status) == ("0.00001", "trading")


def test_rows_of_earlier_years_name_neither_type_nor_counter_and_are_read_by_their_spelling() -> None:
    names = ("instrument_type", "counter_currency", "settlement_currency", "state")
    old = {name: value for name, value in LISTED.items() if name not in names}
    option = {**old, "instrument_name": "ETH-14FEB20-300-P", "kind": "option", "settlement_period": "week",
              "base_currency": "ETH", "quote_currency": "ETH", "expiration_timestamp": 1581667200000, "strike": 300.0,
              "option_type": "put", "contract_size": 1.0, "min_trade_amount": 1.0}  # fmt: skip
    linear = {**old, "instrument_name": "SOL_USDC-PERPETUAL", "base_currency": "SOL", "quote_currency": "USDC"}
    odd = {**old, "strike": -1.0, "option_type": "not_applicable"}
    found = rest.read_instruments(body([old, option, linear]))
    assert [(one.symbol, one.settle, one.quantity_increment) for one in found] == [
        ("BTC-USD-PERP_BTC", "BTC", None), ("ETH-USD-20200214-300-P_ETH", "ETH", "1"), ("SOL-USDC-PERP", "USDC", "10")
    ]  # fmt: skip
    assert rest.read_instruments(body([odd])) == found[:1]


@pytest.mark.parametrize(
    ("state", "active", "status"),
    [
        ("open", True, "trading"), ("settlement", True, "trading"), ("halted", True, "halted"),
        ("locked", True, "halted"), ("archivized", False, "delisted"), ("delivered", False, "delisted"),
        ("closed", False, "delisted"), ("never_seen", True, "halted"), (None, True, "trading"),
        (None, False, "halted"),
    ],
)  # fmt: skip
def test_the_state_decides_and_without_one_whether_it_is_active(state: str | None, active: bool, status: str) -> None:
    assert rest.read_instruments(body([{**LISTED, "state": state, "is_active": active}]))[0].status == status


@pytest.mark.parametrize(
    "changes",
    [{"kind": "option_combo"}, {"kind": "option", "settlement_period": "day"}, {"instrument_name": 5},
     {"settlement_period": "month", "expiration_timestamp": None}, {"tick_size": -0.5}],
)  # fmt: skip
def test_a_broken_row_does_not_take_the_others_with_it(changes: dict[str, Any]) -> None:
    rejected: list[Rejected] = []
    assert len(rest.read_instruments(body([LISTED, {**LISTED, **changes}, SPOT]), rejected)) == 2
    assert len(rejected) == 1 and rejected[0].reason.startswith("row 1")
    with pytest.raises(BadFrame, match="row 1"):
        rest.read_instruments(body([LISTED, {**LISTED, **changes}]))


def test_candles_are_asked_for_from_a_millisecond_before() -> None:
    request = rest.candles_request(PERPETUAL, "1h", 3_600_000, 2 * 3_600_000)
    assert request.target == (
        "/api/v2/public/get_tradingview_chart_data?instrument_name=BTC-PERPETUAL"
        "&start_timestamp=3599999&end_timestamp=7199999&resolution=60"
    )
    page = rest.candles_request(PERPETUAL, "1m", 60_000, 10**12)
    assert page.query["end_timestamp"] == str(60_000 + rest.PAGE * MINUTE_MS - 1)
    assert rest.candles_request(PERPETUAL, "1d", 0, 1).query["start_timestamp"] == "0"


def test_candles_are_columns_and_the_running_one_is_not_closed() -> None:
    now_ms = 1790000100001
    first, second = rest.read_candles(body(CHART), LINEAR, "1m", now_ms * 10**6)
    assert (first.open_ms, first.open, first.volume, first.quote_volume, first.closed) == (
        1790000040000, "1.5", "10", "17.5", True
    )  # fmt: skip
    assert (second.volume, second.closed) == ("0", False)
    assert rest.read_candles(body({"status": "no_data", "ticks": []}), LINEAR, "1m", 1) == []


@pytest.mark.parametrize("changes", [{"ticks": [1]}, {"open": None}, {"status": "odd"}, {"cost": [1.0]}])
def test_columns_that_do_not_fit_are_a_broken_body(changes: dict[str, Any]) -> None:
    with pytest.raises(BadFrame):
        rest.read_candles(body({**CHART, **changes}), LINEAR, "1m", 1)


def test_a_candle_that_is_broken_or_not_anchored_is_lost_alone() -> None:
    rejected: list[Rejected] = []
    chart = {**CHART, "ticks": [1790000040000, 1790000100001], "open": [None, 2.0]}
    assert rest.read_candles(body(chart), LINEAR, "1m", 1, rejected=rejected) == []
    assert [one.kind for one in rejected] == ["row: candle", "row: alignment"]


def test_trades_are_asked_for_by_the_market_s_own_count_and_come_in_its_order() -> None:
    assert rest.trades_request(PERPETUAL, limit=5000).target == (
        "/api/v2/public/get_last_trades_by_instrument?instrument_name=BTC-PERPETUAL&count=1000&sorting=desc"
    )
    assert rest.trades_request(PERPETUAL, from_id="271252854").query == {
        "instrument_name": "BTC-PERPETUAL", "start_seq": "271252854", "count": "1000", "sorting": "asc"
    }  # fmt: skip
    row = {"trade_id": "ETH-1", "timestamp": 1790000000452, "instrument_name": "BTC-PERPETUAL", "price": 40000.0,
           "amount": 10.0, "direction": "buy"}  # fmt: skip
    newer, older = {**row, "trade_seq": 8}, {**row, "trade_seq": 7, "amount": 20.0}
    trades = rest.read_trades(body({"trades": [newer, older], "has_more": True}), PERPETUAL, 1)
    assert [(trade.quantity, trade.venue_quantity) for trade in trades] == [("0.0005", "20"), ("0.00025", "10")]
    assert [(trade.number, trade.place) for trade in trades] == [(7, "7"), (8, "8")]
    assert (trades[0].trade_id, trades[0].side, trades[0].trade_us) == ("ETH-1", "buy", 1790000000452000)


def test_a_ticker_and_a_book_in_base_units() -> None:
    day = {"timestamp": 1790000001086, "instrument_name": "BTC-PERPETUAL", "last_price": 40000.0,
           "best_bid_price": 40000.0, "best_bid_amount": 20000.0, "best_ask_price": 0.0, "best_ask_amount": 0.0,
           "stats": {"high": 41000.0, "low": None, "volume": 3.5, "volume_usd": 140000.0}}  # fmt: skip
    ticker = rest.read_ticker(body(day), PERPETUAL, 1)
    assert (ticker.bid_quantity, ticker.ask_price, ticker.ask_quantity) == ("0.5", None, None)
    assert (ticker.high_24h, ticker.low_24h, ticker.quote_volume_24h) == ("41000", None, "140000")
    assert rest.read_ticker(body(day), LINEAR, 1).bid_quantity == "20000"
    book = {"timestamp": 1790000001086, "instrument_name": "BTC-PERPETUAL", "change_id": 12,
            "bids": [[40000.0, 10.0]], "asks": [], "state": "open"}  # fmt: skip
    depth = rest.read_depth(body(book), PERPETUAL, 1)
    assert (depth.bids, depth.asks, depth.sequence) == ((("40000", "0.00025"),), (), 12)


@pytest.mark.parametrize(("limit", "depth"), [(1, 1), (5, 5), (6, 10), (500, 1000), (10_000, 10_000)])
def test_a_book_is_asked_for_at_the_next_depth_there_is(limit: int, depth: int) -> None:
    assert rest.depth_request(PERPETUAL, limit).query["depth"] == str(depth)


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (400, refusal(13020, "not_found"), UnknownMarket),
        (400, refusal(-32602, "Invalid params", param="instrument_name", reason="wrong format"), UnknownMarket),
        (400, refusal(-32602, "Invalid params", param="resolution"), Refused),
        (200, refusal(10028, "too_many_requests"), RateLimited),
        (429, b"<html>", RateLimited),
        (400, refusal(10041, "settlement_in_progress"), ServerFault),
        (400, refusal(11051, "system_maintenance"), ServerFault),
        (400, refusal(13009, "unauthorized"), NotAuthenticated),
        (400, b"<html>", Refused),
        (403, b"<html>", Forbidden),
        (502, b"<html>", ServerFault),
    ],
)
def test_errors_are_read_from_the_body_before_the_status(status: int, answer: bytes, error: type) -> None:
    found = rest.read_error(status, {}, answer)
    assert type(found) is error and isinstance(found, ExchangeError)


def test_an_answer_is_no_error() -> None:
    assert rest.read_error(200, {}, body({"trades": []})) is None
    assert rest.used_weight({"x-anything": "5"}) is None


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b'{"result":{}}', b"\xff", b'{"jsonrpc":"2.0"}', b"[" * 99999]
)
def test_a_body_that_is_broken_is_a_bad_frame(answer: bytes) -> None:
    for read in (rest.read_ticker, rest.read_depth, rest.read_trades):
        with pytest.raises(BadFrame):
            read(answer, PERPETUAL, 1)
    with pytest.raises(BadFrame):
        rest.read_candles(answer, PERPETUAL, "1m", 1)
    with pytest.raises(BadFrame):
        rest.read_instruments(answer)
