"""Deribit over HTTP from the exchange's side: shapes, bounds, errors, over a market whose clock stands still."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.deribit import rest
from exchanges.deribit.sandbox import Sandbox
from exchanges.deribit.sandbox_markets import expiries_ms
from exchanges.intervals import HOUR_MS, MINUTE_MS
from exchanges.invented import HttpAnswer, HttpRequest
from sandbox.market import Market

NOW_MS = 1_795_000_012_345
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "deribit"


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Market(1, 200, 26, lambda: NOW_MS))


def asked(sandbox: Sandbox, method: str, **query: Any) -> HttpAnswer:
    given: Mapping[str, str] = {name: str(value) for name, value in query.items()}
    return sandbox.answer(HttpRequest("GET", f"/api/v2/public/{method}", given, now_ms=NOW_MS))


def result(sandbox: Sandbox, method: str, **query: Any) -> Any:
    answer = asked(sandbox, method, **query)
    assert answer.status == 200, answer.body
    return json.loads(answer.body, parse_float=Decimal)["result"]


def refused(answer: HttpAnswer) -> tuple[int, int, str | None]:
    error = json.loads(answer.body)["error"]
    return answer.status, error["code"], error.get("data", {}).get("param")


def test_every_answer_says_when_it_was_made(sandbox: Sandbox):
    said = json.loads(asked(sandbox, "get_time").body)
    assert said["result"] == NOW_MS and said["jsonrpc"] == "2.0" and said["usIn"] == NOW_MS * 1000
    assert said["usOut"] - said["usIn"] == said["usDiff"] and said["testnet"] is False


def test_a_call_can_be_posted_too(sandbox: Sandbox):
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "public/get_time", "params": {}}).encode()
    said = json.loads(sandbox.answer(HttpRequest("POST", "/api/v2", {}, body=body, now_ms=NOW_MS)).body)
    assert (said["id"], said["result"]) == (7, NOW_MS)
    for body, code in ((b"{", -32700), (b"[]", -32600), (b'{"method":"public/none"}', -32601)):
        assert refused(sandbox.answer(HttpRequest("POST", "/api/v2", {}, body=body)))[:2] == (400, code)


def test_instruments_of_every_kind_are_listed_and_unique(sandbox: Sandbox):
    listed = result(sandbox, "get_instruments", currency="any")
    names = [row["instrument_name"] for row in listed]
    assert len(names) == len(set(names))
    assert {"BTC-PERPETUAL", "BTC_USDC-PERPETUAL", "BTC_USDT", "ETH_BTC"} <= set(names)
    assert any("-0d525-C" in name for name in names)
    perpetuals = [row for row in listed if row.get("settlement_period") == "perpetual"]
    assert {row["kind"] for row in perpetuals} == {"future"}
    body = asked(sandbox, "get_instruments", currency="any").body
    symbols = {one.symbol for one in rest.read_instruments(body)}
    assert len(symbols) == len(names) and {"BTC-USD-PERP_BTC", "BTC-USDC-PERP", "BTC-USDT", "ETH-BTC"} <= symbols


def test_instruments_can_be_narrowed(sandbox: Sandbox):
    options = result(sandbox, "get_instruments", currency="BTC", kind="option")
    assert len(options) == 4 and {row["quote_currency"] for row in options} == {"BTC"}
    assert {row["kind"] for row in result(sandbox, "get_instruments", currency="USDC", kind="future")} == {"future"}
    assert result(sandbox, "get_instruments", currency="any", expired="true") == []
    assert result(sandbox, "get_instrument", instrument_name="ETH-PERPETUAL")["contract_size"] == Decimal(1)


def test_expiries_are_fridays_at_eight(sandbox: Sandbox):
    for now_ms in range(NOW_MS, NOW_MS + 200 * 24 * HOUR_MS, 5 * 24 * HOUR_MS + 7 * HOUR_MS):
        soon, late = (datetime.fromtimestamp(one // 1000, UTC) for one in expiries_ms(now_ms))
        assert {(one.weekday(), one.hour) for one in (soon, late)} == {(4, 8)}
        assert 0 < soon.timestamp() * 1000 - now_ms <= 7 * 24 * HOUR_MS and late.month in (3, 6, 9, 12)


def test_trades_are_served_by_count_by_time_and_newest(sandbox: Sandbox):
    name = {"instrument_name": "BTC-PERPETUAL"}
    newest = result(sandbox, "get_last_trades_by_instrument", **name)
    assert len(newest["trades"]) == 10 and newest["has_more"] is True
    assert newest["trades"][0]["trade_seq"] > newest["trades"][-1]["trade_seq"]
    paged = result(sandbox, "get_last_trades_by_instrument", **name, start_seq=5, count=3, sorting="asc")
    assert [row["trade_seq"] for row in paged["trades"]] == [5, 6, 7]
    timed = result(
        sandbox, "get_last_trades_by_instrument_and_time", **name, start_timestamp=NOW_MS - MINUTE_MS,
        end_timestamp=NOW_MS, count=1000,
    )["trades"]  # fmt: skip
    assert timed and all(NOW_MS - MINUTE_MS <= row["timestamp"] <= NOW_MS for row in timed)
    assert [row["trade_seq"] for row in timed] == sorted(row["trade_seq"] for row in timed)


def test_our_requests_for_trades_from_a_count_on_follow_one_another_without_a_hole(sandbox: Sandbox):
    [market] = rest.read_instruments(asked(sandbox, "get_instrument", instrument_name="ETH-PERPETUAL").body)
    counts: list[int | None] = []
    for start in (7, 1007):
        request = rest.trades_request(market, from_id=str(start))
        answer = sandbox.answer(HttpRequest("GET", request.path, request.query, now_ms=NOW_MS))
        counts += [trade.number for trade in rest.read_trades(answer.body, market, 1)]
    assert counts == list(range(7, 2007))


def test_inverse_amounts_are_whole_contracts_in_dollars(sandbox: Sandbox):
    for row in result(sandbox, "get_last_trades_by_instrument", instrument_name="BTC-PERPETUAL", count=100)["trades"]:
        assert row["amount"] == row["contracts"] * 10 and row["amount"] % 10 == 0 and row["amount"] > 0
    book = result(sandbox, "get_order_book", instrument_name="ETH-PERPETUAL", depth=100)
    assert all(amount % 1 == 0 and amount > 0 for side in ("bids", "asks") for _, amount in book[side])


def test_ids_of_trades_differ_between_markets_of_a_currency(sandbox: Sandbox):
    listed = [row["instrument_name"] for row in result(sandbox, "get_instruments", currency="BTC")]
    names = [name for name in listed if name.startswith("BTC-")]
    ids = [
        row["trade_id"]
        for name in names
        for row in result(sandbox, "get_last_trades_by_instrument", instrument_name=name)["trades"]
    ]
    assert len(names) == 7 and len(ids) == len(set(ids)) and all(one.isdigit() for one in ids)
    [eth, *_] = result(sandbox, "get_last_trades_by_instrument", instrument_name="ETH-PERPETUAL")["trades"]
    assert eth["trade_id"].startswith("ETH-")


def test_candles_leave_out_a_bucket_at_the_very_start(sandbox: Sandbox):
    start_ms = NOW_MS - NOW_MS % HOUR_MS - 5 * HOUR_MS
    ask = {"instrument_name": "BTC-PERPETUAL", "resolution": "60", "end_timestamp": start_ms + 3 * HOUR_MS}
    exact = result(sandbox, "get_tradingview_chart_data", start_timestamp=start_ms, **ask)
    earlier = result(sandbox, "get_tradingview_chart_data", start_timestamp=start_ms - 1, **ask)
    assert (
        earlier["ticks"] == [start_ms + hours * HOUR_MS for hours in range(4)]
        and earlier["ticks"][1:] == exact["ticks"]
    )
    assert {len(earlier[name]) for name in ("open", "high", "low", "close", "volume", "cost")} == {4}
    none = result(sandbox, "get_tradingview_chart_data", start_timestamp=1000, **{**ask, "end_timestamp": 2000})
    assert (none["status"], none["ticks"]) == ("no_data", [])


def test_the_prices_of_all_markets_of_an_asset_agree(sandbox: Sandbox):
    last = {
        name: result(sandbox, "ticker", instrument_name=name)["last_price"]
        for name in ("BTC_USDT", "BTC-PERPETUAL", "BTC_USDC-PERPETUAL")
    }
    assert len(set(last.values())) == 1
    [option, *_] = result(sandbox, "get_instruments", currency="BTC", kind="option")
    price = result(sandbox, "ticker", instrument_name=option["instrument_name"])["last_price"]
    assert price == last["BTC_USDT"].scaleb(-6)
    assert result(sandbox, "get_index_price", index_name="btc_usd")["index_price"] == last["BTC_USDT"]


@pytest.mark.parametrize(
    ("method", "query", "wanted"),
    [
        ("ticker", {}, (400, -32602, "instrument_name")),
        ("ticker", {"instrument_name": "BTC PERPETUAL"}, (400, -32602, "instrument_name")),
        ("ticker", {"instrument_name": "btc-perpetual"}, (400, 13020, None)),
        ("get_order_book", {"instrument_name": "BTC-PERPETUAL", "depth": 7}, (400, -32602, "depth")),
        ("get_instruments", {"currency": "any", "kind": "perp"}, (400, -32602, "kind")),
        ("get_tradingview_chart_data", {"instrument_name": "BTC-PERPETUAL", "resolution": "240", "start_timestamp": 1,
                                        "end_timestamp": 2}, (400, -32602, "resolution")),
        ("get_tradingview_chart_data", {"instrument_name": "BTC-PERPETUAL", "resolution": "60"},
         (400, -32602, "start_timestamp")),
        ("get_last_trades_by_instrument", {"instrument_name": "BTC-PERPETUAL", "count": "x"}, (400, -32602, "count")),
        ("get_nothing", {}, (400, -32601, None)),
    ],
)  # fmt: skip
def test_a_call_that_makes_no_sense_has_the_documented_error(
    sandbox: Sandbox, method: str, query: dict[str, Any], wanted: tuple[int, int, str | None]
):
    assert refused(asked(sandbox, method, **query)) == wanted


@pytest.mark.parametrize(("status", "code"), [(429, 10028), (500, 11094), (503, 13028), (504, 13888)])
def test_refusals_are_worded_as_the_exchange_words_them(sandbox: Sandbox, status: int, code: int):
    answer = sandbox.refusal(status, 3)
    assert refused(answer)[:2] == (status, code) and answer.headers["retry-after"] == "3"
    assert sandbox.refusal(403, None).content_type == "text/html"


@pytest.mark.parametrize(
    ("sample", "method", "name"),
    [("rest_instrument_perpetual.json", "get_instrument", "BTC-PERPETUAL"),
     ("rest_trades.json", "get_last_trades_by_instrument", "BTC-PERPETUAL")],
)  # fmt: skip
def test_an_answer_has_the_shape_of_a_recorded_one(sandbox: Sandbox, sample: str, method: str, name: str):
    file = SAMPLES / sample
    if not file.exists():
        pytest.skip(f"no samples at {SAMPLES}")
    recorded = json.loads(file.read_text())["result"]
    ours = json.loads(asked(sandbox, method, instrument_name=name).body)["result"]
    if "trades" in recorded:
        recorded, ours = recorded["trades"][0], ours["trades"][0]
    missing = {key for key in recorded if key not in ours}
    assert missing <= {
        "combo_id", "combo_trade_id", "future_type", "max_liquidation_commission", "max_non_default_leverage",
        "block_trade_commission", "block_trade_min_trade_amount", "block_trade_tick_size",
    }  # fmt: skip
    assert {key: type(recorded[key]) for key in recorded.keys() & ours.keys()} == {
        key: type(ours[key]) for key in recorded.keys() & ours.keys()
    }
