"""OKX's REST API: requests as the exchange documents them, and what answers and errors come to."""

import json
from typing import Any

import pytest

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
from exchanges.okx import names, rest
from exchanges.symbols import Instrument
from tests.exchanges.okx.markets import INVERSE, LINEAR, SPOT

MILLISECOND_NS = 1_000_000
SWAP = {
    "instType": "SWAP", "instId": "BTC-USDT-SWAP", "uly": "BTC-USDT", "instFamily": "BTC-USDT", "settleCcy": "USDT",
    "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC", "ctType": "linear", "tickSz": "0.1", "lotSz": "0.01",
    "minSz": "0.01", "maxLmtSz": "100000000", "expTime": "", "stk": "", "optType": "", "state": "live", "baseCcy": "",
    "quoteCcy": "",
}  # fmt: skip

COIN = {"instId": "BTC-USD-SWAP", "instFamily": "BTC-USD", "settleCcy": "BTC", "ctVal": "100"}
DATED = {"instType": "FUTURES", "expTime": "1798185600000"}


def body(*rows: Any) -> bytes:
    return json.dumps({"code": "0", "msg": "", "data": rows}).encode()


def listed(**changes: Any) -> Instrument:
    [found] = rest.read_instruments(body({**SWAP, **changes}))
    return found


def test_a_linear_swap_counts_in_base_units() -> None:
    found = listed()
    assert (found.symbol, found.kind, found.base, found.quote, found.settle) == (
        "BTC-USDT-PERP", "perpetual", "BTC", "USDT", "USDT",
    )  # fmt: skip
    assert (found.contract_size, found.quantity_increment, found.min_quantity) == ("0.01", "0.0001", "0.0001")


@pytest.mark.parametrize(
    ("changes", "symbol", "kind"),
    [
        (COIN, "BTC-USD-PERP_BTC", "perpetual"),
        ({"instId": "BTC-USD_UM-SWAP", "instFamily": "BTC-USD_UM", "uly": "", "settleCcy": "USDⓈ"},
         "BTC-USD-PERP_USDⓈ", "perpetual"),
        ({**DATED, "instId": "BTC-USDT-261225"}, "BTC-USDT-20261225", "future"),
        ({**COIN, **DATED, "instId": "X-Y-Z-A"}, "BTC-USD-20261225_BTC", "future"),
        ({"instType": "FUTURES", "instId": "BTC-USDT-XPERP", "ruleType": "xperp"}, "BTC-USDT-PERP", "perpetual"),
        ({"expTime": "1798185600000"}, "BTC-USDT-PERP", "perpetual"),
    ],
)  # fmt: skip
def test_a_derivative_is_named_by_its_family_and_terms(changes: dict[str, str], symbol: str, kind: str) -> None:
    found = listed(**changes)
    assert (found.symbol, found.kind) == (symbol, kind)
    assert (found.expiry_us is not None) == (kind == "future")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTC-USDT", "BTC-USDT"), ("BTC-USDT-SWAP", "BTC-USDT-PERP"), ("BTC-USDC-SWAP", "BTC-USDC-PERP"),
        ("BTC-USD-SWAP", "BTC-USD-PERP_BTC"), ("BTC-USD_UM-SWAP", "BTC-USD-PERP_USDⓈ"),
        ("BTC-USDT-261225", "BTC-USDT-20261225"), ("BTC-USD-261225", "BTC-USD-20261225_BTC"),
        ("BTC-USD-241217-92000-C", "BTC-USD-20241217-92000-C_BTC"), ("BTC", None), ("A-B-C-D", None), ("", None),
    ],
)  # fmt: skip
def test_the_spelling_alone_tells_the_symbol(name: str, symbol: str | None) -> None:
    assert names.spelled(name) == symbol


def test_what_is_only_announced_is_left_out_and_is_no_error() -> None:
    rejected: list[Rejected] = []
    announced = [
        {"instType": "SPOT", "instId": "NEW-USDT", "listTime": "1790000000000", "state": "preopen"},
        {"instType": "FUTURES", "instFamily": "NEW-USDT", "instId": "", "state": "preopen"},
        {**SWAP, "ctVal": "", "state": "preopen"},
    ]
    assert len(rest.read_instruments(body(*announced, SWAP), rejected)) == 1
    assert rejected == []


@pytest.mark.parametrize("state", ["suspend", "rebase", "post_only", "preopen", "test", "settling", "never_seen"])
def test_whatever_is_not_live_is_halted(state: str) -> None:
    assert listed(state=state).status == "halted"


def test_a_broken_row_does_not_take_the_others_with_it() -> None:
    rejected: list[Rejected] = []
    assert len(rest.read_instruments(body(SWAP, {"instId": 5}, {**SWAP, "tickSz": "x"}), rejected)) == 1
    assert [row.reason[:6] for row in rejected] == ["row 1:", "row 2:"]


def test_every_kind_of_market_is_asked_for() -> None:
    asked = [request.query for request in rest.instruments_requests()]
    assert [query["instType"] for query in asked] == ["SPOT", "SWAP", "FUTURES", "OPTION", "OPTION", "OPTION"]
    assert [query.get("instFamily") for query in asked[3:]] == ["BTC-USD", "ETH-USD", None]


def test_options_of_other_underlyings_are_asked_for_once_they_are_named() -> None:
    requests = rest.instruments_requests()
    answer = b'{"code":"0","msg":"","data":[["BTC-USD","ETH-USD","SOL-USD"]]}'
    [more] = rest.named_lists(requests[-1], answer)
    assert more.target == "/api/v5/public/instruments?instType=OPTION&instFamily=SOL-USD"
    assert rest.read_instruments(answer) == []
    assert rest.named_lists(requests[-1], b'{"code":"0","msg":"","data":[]}') == []
    assert rest.named_lists(requests[0], body(SWAP)) == rest.named_lists(more, body(SWAP)) == []
    for broken in (b"", b'{"data":[{"instId":"BTC-USD"}]}', b'{"data":' + b"[" * 100_000):
        with pytest.raises(BadFrame):
            rest.named_lists(requests[-1], broken)


def test_candles_are_asked_for_between_bounds_that_are_excluded() -> None:
    request = rest.candles_request(SPOT, "1d", 86_400_000, 2 * 86_400_000)
    assert request.target == (
        "/api/v5/market/history-candles?instId=BTC-USDT&bar=1Dutc&before=86399999&after=172800000&limit=300"
    )


def test_candles_are_read_oldest_first_and_closed_by_their_sign() -> None:
    rows = [
        ["1790000100000", "2", "2", "2", "2", "0", "0", "0", "0"],
        ["1790000040000", "1.0", "2.0", "0.5", "1.5", "1000", "10.0", "15.0", "1"],
    ]
    first, running = rest.read_candles(body(*rows), SPOT, "1m", 1790000200000 * MILLISECOND_NS)
    assert (first.closed, running.closed) == (True, False)
    assert (first.open, first.high, first.low, first.close) == ("1", "2", "0.5", "1.5")
    assert (first.volume, first.quote_volume, first.trades) == ("1000", "15", None)
    [swap, _] = rest.read_candles(body(*rows), LINEAR, "1m", 1)
    assert (swap.volume, swap.quote_volume) == ("10", "15")


def test_candles_of_old_answers_are_closed_by_the_clock() -> None:
    rows = [["1790000100000", "2", "2", "2", "2", "0", "0"], ["1790000040000", "1", "2", "0.5", "1.5", "1000", "10"]]
    first, running = rest.read_candles(body(*rows), SPOT, "1m", 1, now_ms=1790000120000)
    assert (first.closed, first.quote_volume, running.closed) == (True, "10", False)
    [first, _] = rest.read_candles(body(*rows), LINEAR, "1m", 1, now_ms=1790000120000)
    assert (first.volume, first.quote_volume) == ("10", None)


def test_trades_are_asked_for_newest_or_between_ids() -> None:
    assert rest.trades_request(SPOT).target == "/api/v5/market/trades?instId=BTC-USDT&limit=500"
    assert rest.trades_request(SPOT, "100").target == (
        "/api/v5/market/history-trades?instId=BTC-USDT&type=1&before=99&after=200&limit=100"
    )


def test_trades_are_read_oldest_first_in_base_units() -> None:
    row = {"instId": "", "tradeId": "8", "px": "80000", "sz": "4", "side": "sell", "source": "0", "ts": "1790000000123"}
    first, second = rest.read_trades(body(row, {**row, "tradeId": "7"}), INVERSE, 5)
    assert (first.trade_id, second.trade_id, second.side) == ("7", "8", "sell")
    assert (second.quantity, second.venue_quantity, second.trade_us) == ("0.005", "4", 1790000000123000)


def test_of_a_derivative_that_is_known_by_name_alone_no_contracts_are_taken_for_base_units() -> None:
    named = Instrument(symbol="BTC-USDT-PERP", venue_symbol="BTC-USDT-SWAP", base="", quote="", kind="spot")
    trade = {"instId": "", "tradeId": "8", "px": "80000", "sz": "4", "side": "sell", "ts": "1790000000123"}
    with pytest.raises(BadFrame, match="size of a contract"):
        rest.read_trades(body(trade), named, 5)
    prices = dict.fromkeys(("last", "askPx", "bidPx", "open24h", "high24h", "low24h"), "80000")
    sizes = {"lastSz": "4", "askSz": "8", "bidSz": "2", "volCcy24h": "12", "vol24h": "1200"}
    ticker = rest.read_ticker(body({**prices, **sizes, "ts": "1790000000123"}), named, 5)
    assert (ticker.bid_price, ticker.bid_quantity, ticker.volume_24h, ticker.quote_volume_24h) == (
        "80000", None, "12", None,
    )  # fmt: skip
    [candle] = rest.read_candles(body(["60000", "1", "1", "1", "1", "1000", "10", "15", "1"]), named, "1m", 1)
    assert (candle.volume, candle.quote_volume) == ("10", "15")


def test_a_deeper_book_is_another_endpoint() -> None:
    assert rest.depth_request(SPOT, 400).target == "/api/v5/market/books?instId=BTC-USDT&sz=400"
    assert rest.depth_request(SPOT, 401).target == "/api/v5/market/books-full?instId=BTC-USDT&sz=401"
    row = {"asks": [["2", "1", "1"]], "bids": [["1", "3", "2"]], "ts": "1790000000123"}
    depth = rest.read_depth(body(row), LINEAR, 5)
    assert (depth.bids, depth.asks, depth.sequence) == ((("1", "0.03"),), (("2", "0.01"),), None)
    assert rest.read_depth(body({**row, "seqId": 9}), SPOT, 5).sequence == 9


@pytest.mark.parametrize("broken", [b"", b"<html>", b"[]", b"{}", b'{"code":"0","data":1}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_none_is_a_bad_frame(broken: bytes) -> None:
    for reader in (rest.read_ticker, rest.read_depth, rest.read_trades):
        with pytest.raises(BadFrame):
            reader(broken, SPOT, 1)


def test_an_answer_without_its_row_is_a_bad_frame() -> None:
    with pytest.raises(BadFrame, match="without a row"):
        rest.read_ticker(body(), SPOT, 1)


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (200, b'{"code":"51001","msg":"Instrument ID doesn\'t exist","data":[]}', UnknownMarket),
        (200, b'{"msg":"","data":[],"code":"51000"}', Refused),
        (400, b'{"code":"50014","msg":"Parameter instId cannot be empty.","data":[]}', Refused),
        (200, b'{"code":"50011","msg":"Rate limit reached","data":[]}', RateLimited),
        (429, b"", RateLimited),
        (200, b'{"code":"50026","msg":"System error"}', ServerFault),
        (503, b"<html>", ServerFault),
        (401, b'{"msg":"Invalid Sign","code":"50113"}', NotAuthenticated),
        (403, b"<html>", Forbidden),
        (451, b"", Forbidden),
        (404, b"Not Found", Refused),
    ],
)
def test_an_error_is_read_from_status_and_body(status: int, answer: bytes, kind: type[ExchangeError]) -> None:
    assert type(rest.read_error(status, {}, answer)) is kind


@pytest.mark.parametrize("answer", [b'{"code":"0","msg":"","data":[]}', b'{ "msg": "", "data": [], "code": "0" }'])
def test_an_answer_is_no_error(answer: bytes) -> None:
    assert rest.read_error(200, {}, answer) is None
    assert rest.used_weight({}) is None
