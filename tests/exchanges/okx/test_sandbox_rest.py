"""OKX's REST from the exchange's side: shapes, bounds, limits, errors, over a market whose clock stands still."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.intervals import MINUTE_MS, open_ms
from exchanges.invented import HttpAnswer, HttpRequest
from exchanges.okx import CARD, rest
from exchanges.okx.sandbox import Sandbox
from exchanges.symbols import Instruments
from sandbox.market import Market

NOW_MS = 1_795_000_012_345
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "okx"


class Desk:
    """One sandbox and its clock; `ask` moves on to the next window of the limits."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.market = Market(1, 200, 26, lambda: NOW_MS)
        self.sandbox = Sandbox(self.market)

    def ask(self, path: str, **query: Any) -> HttpAnswer:
        self.now_ms += 2000
        given = {name: str(value) for name, value in query.items()}
        return self.sandbox.answer(HttpRequest("GET", f"/api/v5/{path}", given, client="10.0.0.1", now_ms=self.now_ms))

    def rows(self, path: str, **query: Any) -> Any:
        answer = json.loads(self.ask(path, **query).body)
        assert (answer["code"], answer["msg"]) == ("0", ""), answer
        return answer["data"]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("kind", ["spot", "swap", "option"])
def test_an_instrument_has_at_least_what_a_recorded_one_has(desk: Desk, kind: str):
    file = SAMPLES / f"rest_instruments_{kind}.json"
    if not file.exists():
        pytest.skip(f"no samples at {SAMPLES}")
    recorded = json.loads(file.read_text())["data"][0]
    family = {"instFamily": "BTC-USD"} if kind == "option" else {}
    for row in desk.rows("public/instruments", instType=kind.upper(), **family):
        assert recorded.keys() <= row.keys()
        empty = {name for name, value in recorded.items() if value == ""}
        assert {name for name in recorded if row[name] == ""} <= empty | {"contTdSwTime"}


def test_every_market_is_read_by_the_adapter_and_spelled_once(desk: Desk):
    found = []
    for request in CARD.rest.instruments_requests():
        body = desk.ask(request.path.removeprefix("/api/v5/"), **request.query).body
        found += CARD.rest.read_instruments(body)
    symbols = {one.symbol for one in found}
    assert len(symbols) == len(found) == len(Instruments(found)) == 26 + 24 + 4 + 4 + 8
    assert {"BTC-USDT", "币安人生-USDT", "BTC-USDT-PERP", "BTC-USD-PERP_BTC", "ETH-USD-PERP_USDⓈ"} <= symbols
    assert {"BTC-USDT-20301227", "BTC-USD-20301227_BTC", "BTC-USD-20301227-60000-C_BTC"} <= symbols
    assert all(CARD.spelled and CARD.spelled(one.venue_symbol) == one.symbol for one in found)


def opens(rows: list[list[str]]) -> list[int]:
    return [int(row[0]) for row in rows]


def test_candles_are_newest_first_between_bounds_that_are_excluded(desk: Desk):
    newest = open_ms("1m", NOW_MS)
    query = {"instId": "BTC-USDT", "bar": "1m"}
    rows = desk.rows("market/candles", **query, limit=3)
    assert opens(rows) == [newest, newest - MINUTE_MS, newest - 2 * MINUTE_MS]
    assert [row[8] for row in rows] == ["0", "1", "1"]
    assert len(desk.rows("market/candles", **query)) == 100
    assert len(desk.rows("market/candles", **query, limit=1000)) == 300
    between = desk.rows("market/candles", **query, after=newest - MINUTE_MS, before=newest - 4 * MINUTE_MS)
    assert opens(between) == [newest - 2 * MINUTE_MS, newest - 3 * MINUTE_MS]
    # A lower bound alone gives the newest page, not the one that begins there.
    assert opens(desk.rows("market/candles", **query, before=newest - 50 * MINUTE_MS, limit=2))[0] == newest


def test_the_newest_candles_reach_back_1440_and_the_history_has_the_rest(desk: Desk):
    old = open_ms("1m", NOW_MS) - 2000 * MINUTE_MS
    query = {"instId": "BTC-USDT", "bar": "1m", "after": old, "before": old - 3 * MINUTE_MS}
    assert desk.rows("market/candles", **query) == []
    assert opens(desk.rows("market/history-candles", **query)) == [old - MINUTE_MS, old - 2 * MINUTE_MS]
    newest = desk.rows("market/history-candles", instId="BTC-USDT", bar="1m", limit=2)
    assert [row[8] for row in newest] == ["1", "1"]


def test_a_contract_counts_differently_and_means_the_same(desk: Desk):
    """One trade of the invented market, seen as spot, linear and inverse, and read by the adapter."""
    markets = [
        one
        for kind in ("SPOT", "SWAP")
        for one in rest.read_instruments(desk.ask("public/instruments", instType=kind).body)
    ]
    listed = Instruments(markets)
    read = {}
    for name in ("BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USD_UM-SWAP"):
        body = desk.ask("market/trades", instId=name, limit=20).body
        read[name] = rest.read_trades(body, listed.by_venue_symbol[name], 1)
    spot = [(one.trade_id, one.price, one.quantity, one.side) for one in read["BTC-USDT"]]
    assert len(spot) == 20
    for name, trades in read.items():
        assert [(one.trade_id, one.price, one.quantity, one.side) for one in trades] == spot, name
    assert {one.venue_quantity for one in read["BTC-USD-SWAP"]}.isdisjoint({one.quantity for one in read["BTC-USDT"]})


def test_trades_are_newest_first_and_paged_by_id_or_time(desk: Desk):
    rows = desk.rows("market/history-trades", instId="BTC-USDT", limit=10)
    ids = [int(row["tradeId"]) for row in rows]
    assert ids == sorted(ids, reverse=True) and desk.rows("market/trades", instId="BTC-USDT", limit=10) == rows
    assert desk.rows("market/history-trades", instId="BTC-USDT", type=1, after=ids[3], limit=2) == rows[4:6]
    assert desk.rows("market/history-trades", instId="BTC-USDT", type=1, after=ids[3], before=ids[7]) == rows[4:7]
    older = desk.rows("market/history-trades", instId="BTC-USDT", type=2, after=rows[4]["ts"], limit=1)
    assert int(older[0]["ts"]) < int(rows[4]["ts"])
    assert desk.rows("market/history-trades", instId="BTC-USDT", after=1) == []


def test_ticker_book_and_candle_agree(desk: Desk):
    for name in ("BTC-USDT", "BTC-USD-SWAP", "BTC-USD-301227-60000-C"):
        [day], [book] = desk.rows("market/ticker", instId=name), desk.rows("market/books", instId=name, sz=5)
        [candle] = desk.rows("market/candles", instId=name, limit=1)
        assert [day["bidPx"], day["bidSz"]] == book["bids"][0][:2]
        assert day["last"] == candle[4] and len(book["asks"]) == 5
        assert Decimal(day["bidPx"]) < Decimal(day["askPx"]) and day["sodUtc0"] and day["sodUtc8"]
    assert len(desk.rows("market/tickers", instType="SPOT")) == 26
    [deep] = desk.rows("market/books-full", instId="BTC-USDT", sz=5000)
    assert len(deep["bids"]) > 400 and len(deep["bids"][0]) == 3 and "seqId" not in deep
    assert len(desk.rows("market/books", instId="BTC-USDT")[0]["bids"]) == 1


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("market/candles", {"instId": "NO-SUCH"}, 200, "51001"),
        ("market/candles", {}, 400, "50014"),
        ("market/candles", {"instId": "BTC-USDT", "bar": "1D"}, 200, "51000"),
        ("market/candles", {"instId": "BTC-USDT", "after": "noon"}, 200, "51000"),
        ("market/books", {"instId": "BTC-USDT", "sz": "0"}, 200, "51000"),
        ("market/history-trades", {"instId": "BTC-USDT", "type": "2", "before": "5"}, 400, "50039"),
        ("public/instruments", {}, 400, "50014"),
        ("public/instruments", {"instType": "STOCK"}, 200, "51000"),
        ("public/instruments", {"instType": "OPTION"}, 400, "50015"),
        ("public/instruments", {"instType": "SPOT", "instId": "NO-SUCH"}, 200, "51001"),
        ("nothing", {}, 404, "404"),
    ],
)
def test_a_request_that_makes_no_sense_has_the_documented_error(desk: Desk, path, query, status, code):
    answer = desk.ask(path, **query)
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert rest.read_error(answer.status, answer.headers, answer.body) is not None


def test_each_endpoint_is_limited_by_itself_in_windows_of_two_seconds():
    sandbox = Desk().sandbox

    def ask(path: str, now_ms: int, client: str = "10.0.0.1") -> int:
        return sandbox.answer(HttpRequest("GET", f"/api/v5/{path}", {}, client=client, now_ms=now_ms)).status

    assert [ask("public/time", NOW_MS) for _ in range(11)] == [200] * 10 + [429]
    assert (ask("public/time", NOW_MS, "10.0.0.2"), ask("market/ticker", NOW_MS)) == (200, 400)
    assert ask("public/time", NOW_MS + 2000) == 200


def test_faults_are_worded_as_the_exchange_words_them():
    sandbox = Desk().sandbox
    for status in (403, 418, 429, 451, 500, 503):
        answer = sandbox.refusal(status, 3)
        assert answer.status == status and json.loads(answer.body)["code"].startswith("50")
