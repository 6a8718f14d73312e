"""Binance's REST from the exchange's side: shapes, bounds, weights, errors, over a market whose clock stands still."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.binance.sandbox import Sandbox
from exchanges.intervals import DAY_MS, MINUTE_MS, open_ms
from exchanges.invented import HttpAnswer, HttpRequest
from sandbox.market import Market

NOW_MS = 1_795_000_012_345
SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "binance"


class Desk:
    """One sandbox and its clock."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.market = Market(1, 200, 20, lambda: self.now_ms)
        self.sandbox = Sandbox(self.market)

    def ask(self, path: str, client: str = "10.0.0.1", **query: Any) -> HttpAnswer:
        given: Mapping[str, str] = {name: str(value) for name, value in query.items()}
        return self.sandbox.answer(HttpRequest("GET", f"/api/v3/{path}", given, client=client, now_ms=self.now_ms))

    def rows(self, path: str, **query: Any) -> Any:
        answer = self.ask(path, **query)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def sample(name: str) -> Any:
    file = SAMPLES / name
    if not file.exists():
        pytest.skip(f"no samples at {SAMPLES}")
    return json.loads(file.read_text())


def shape(value: Any) -> Any:
    """A payload without its figures: names, types, and how long the fraction of a number is."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, str) and value.replace(".", "").isdigit():
        return f"number of {len(value.partition('.')[2])} decimals"
    return type(value).__name__


def test_rows_have_the_shape_of_recorded_ones(desk: Desk):
    trades, candles = desk.rows("trades", symbol="BTCUSDT"), desk.rows("klines", symbol="BTCUSDT", interval="1m")
    assert shape(trades[0]) == shape(sample("rest_trades.json")[0])
    assert shape(candles[0]) == shape(sample("rest_candles.json")[0])
    book = desk.rows("depth", symbol="BTCUSDT", limit=5)
    recorded = sample("rest_book.json")
    assert book.keys() == recorded.keys() and shape(book["bids"][0]) == shape(recorded["bids"][0])


def test_exchange_info_has_at_least_what_a_recorded_one_has(desk: Desk):
    info, recorded = desk.rows("exchangeInfo", symbol="BTCUSDT"), sample("rest_instruments.json")
    assert recorded.keys() <= info.keys()
    assert recorded["symbols"][0].keys() - info["symbols"][0].keys() == set()
    assert info["symbols"][0]["permissions"] == [] and info["symbols"][0]["permissionSets"] == [["SPOT"]]
    filters = {one["filterType"]: one for one in info["symbols"][0]["filters"]}
    for name in ("PRICE_FILTER", "LOT_SIZE"):
        wanted = next(one for one in recorded["symbols"][0]["filters"] if one["filterType"] == name)
        assert filters[name].keys() == wanted.keys()
        assert filters[name]["filterType"] == name


def test_exchange_info_selects(desk: Desk):
    assert [one["symbol"] for one in desk.rows("exchangeInfo", symbols='["ETHUSDT","BTCUSDT"]')["symbols"]] == [
        "ETHUSDT",
        "BTCUSDT",
    ]
    assert desk.rows("exchangeInfo", symbolStatus="HALT")["symbols"] == []
    assert len(desk.rows("exchangeInfo")["symbols"]) == 20
    assert "permissionSets" not in desk.rows("exchangeInfo", showPermissionSets="false")["symbols"][0]


def test_candles_follow_the_rule_of_bounds(desk: Desk):
    newest = open_ms("1m", NOW_MS)

    def opens(**bounds: int) -> list[int]:
        rows = desk.rows("klines", symbol="BTCUSDT", interval="1m", limit=3, **bounds)
        return [row[0] for row in rows]

    old = newest - DAY_MS
    assert opens() == [newest - 2 * MINUTE_MS, newest - MINUTE_MS, newest]
    assert opens(startTime=old) == [old, old + MINUTE_MS, old + 2 * MINUTE_MS]
    assert opens(startTime=old + 1) == [old + MINUTE_MS, old + 2 * MINUTE_MS, old + 3 * MINUTE_MS]
    assert opens(endTime=old) == [old - 2 * MINUTE_MS, old - MINUTE_MS, old]
    assert opens(startTime=old, endTime=old + MINUTE_MS) == [old, old + MINUTE_MS]
    assert opens(startTime=old, endTime=old) == [old]
    assert opens(startTime=NOW_MS + DAY_MS) == []
    assert opens(startTime=old * 1000) == opens(startTime=old)


def test_aggregated_trades_follow_the_rule_of_bounds_and_cover_every_trade(desk: Desk):
    rows = desk.rows("aggTrades", symbol="BTCUSDT", startTime=NOW_MS - 60_000, endTime=NOW_MS, limit=1000)
    trades = desk.market.trades_between("BTC-USDT", NOW_MS - 60_001, NOW_MS)
    assert (rows[0]["f"], rows[-1]["l"]) == (trades[0].trade_id, trades[-1].trade_id)
    assert all(after["f"] == before["l"] + 1 for before, after in zip(rows, rows[1:], strict=False))
    assert sum(Decimal(row["q"]) for row in rows) == sum(Decimal(trade.quantity) for trade in trades)
    assert desk.rows("aggTrades", symbol="BTCUSDT", limit=4) == rows[-4:]
    assert desk.rows("aggTrades", symbol="BTCUSDT", fromId=rows[3]["a"], limit=2) == rows[3:5]
    assert desk.rows("aggTrades", symbol="BTCUSDT", startTime=rows[5]["T"], limit=2)[0]["T"] == rows[5]["T"]
    assert desk.rows("aggTrades", symbol="BTCUSDT", endTime=rows[5]["T"], limit=1)[0]["T"] == rows[5]["T"]
    assert desk.rows("aggTrades", symbol="BTCUSDT", endTime=1) == []


def test_any_historical_trade_is_served_by_its_id(desk: Desk):
    assert [row["id"] for row in desk.rows("historicalTrades", symbol="BTCUSDT", fromId=1, limit=3)] == [1, 2, 3]
    newest = desk.rows("trades", symbol="BTCUSDT", limit=2)
    assert desk.rows("historicalTrades", symbol="BTCUSDT", fromId=newest[0]["id"]) == newest
    assert desk.rows("historicalTrades", symbol="BTCUSDT", limit=2) == newest
    assert desk.rows("historicalTrades", symbol="BTCUSDT", fromId=newest[1]["id"] + 1) == []


def test_tickers_are_one_object_for_one_symbol_and_an_array_for_more(desk: Desk):
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker", "ticker"):
        one = desk.rows(path, symbol="BTCUSDT")
        assert desk.rows(path, symbols='["BTCUSDT"]') == [one]
    assert len(desk.rows("ticker/price")) == len(desk.rows("ticker/bookTicker")) == 20
    assert "bidPrice" not in desk.rows("ticker/24hr", symbol="BTCUSDT", type="MINI")


def test_tickers_agree_with_candles_trades_and_book(desk: Desk):
    day, candle = (
        desk.rows("ticker/24hr", symbol="BTCUSDT"),
        desk.rows("klines", symbol="BTCUSDT", interval="1m", limit=1),
    )
    best = desk.rows("ticker/bookTicker", symbol="BTCUSDT")
    assert day["lastPrice"] == candle[0][4] == desk.rows("ticker/price", symbol="BTCUSDT")["price"]
    assert (day["bidPrice"], day["askPrice"]) == (best["bidPrice"], best["askPrice"])
    assert [best["bidPrice"], best["bidQty"]] == desk.rows("depth", symbol="BTCUSDT", limit=5)["bids"][0]
    assert day["count"] == day["lastId"] - day["firstId"] + 1
    assert Decimal(day["priceChange"]) == Decimal(day["lastPrice"]) - Decimal(day["openPrice"])
    rolling = desk.rows("ticker", symbol="BTCUSDT", windowSize="1h")
    assert rolling["openTime"] % MINUTE_MS == 0 and rolling["lastId"] == day["lastId"]


@pytest.mark.parametrize(
    ("path", "query", "code", "words"),
    [
        ("klines", {"symbol": "NOSUCH", "interval": "1m"}, -1121, "Invalid symbol."),
        ("klines", {"symbol": "btcusdt", "interval": "1m"}, -1100, "Illegal characters found in parameter 'symbol'"),
        ("klines", {"symbol": "BTCUSDT"}, -1102, "Mandatory parameter 'interval' was not sent, was empty/null"),
        ("klines", {"symbol": "", "interval": "1m"}, -1102, "Mandatory parameter 'symbol' was not sent"),
        ("klines", {"symbol": "BTCUSDT", "interval": "2m"}, -1120, "Invalid interval."),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": "noon"}, -1100, "parameter 'startTime'"),
        ("trades", {"symbol": "BTCUSDT", "limit": 0}, -1130, "Data sent for parameter 'limit' is not valid."),
        ("trades", {"symbol": "BTCUSDT", "limits": 5}, -1104, "read '1' parameter(s) but was sent '2'"),
        ("ticker/24hr", {"symbol": "BTCUSDT", "symbols": '["ETHUSDT"]'}, -1128, "Combination of optional parameters"),
        ("ticker/24hr", {"symbols": "BTCUSDT"}, -1100, "Illegal characters found in parameter 'symbols'"),
        ("ticker/24hr", {"symbols": '["BTCUSDT","NOSUCH"]'}, -1121, "Invalid symbol."),
        ("exchangeInfo", {"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ("ticker", {}, -1102, "Mandatory parameter 'symbol'"),
    ],
)
def test_a_request_that_makes_no_sense_has_the_documented_error(desk: Desk, path, query, code, words):
    answer = desk.ask(path, **query)
    error = json.loads(answer.body)
    assert (answer.status, error["code"]) == (400, code)
    assert words in error["msg"]


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("ping", {}, 1), ("exchangeInfo", {}, 20), ("trades", {"symbol": "BTCUSDT"}, 25),
        ("depth", {"symbol": "BTCUSDT"}, 5), ("depth", {"symbol": "BTCUSDT", "limit": 500}, 25),
        ("depth", {"symbol": "BTCUSDT", "limit": 1000}, 50), ("depth", {"symbol": "BTCUSDT", "limit": 9000}, 250),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}, 2), ("aggTrades", {"symbol": "BTCUSDT"}, 4),
        ("ticker/24hr", {"symbol": "BTCUSDT"}, 2), ("ticker/24hr", {}, 80), ("ticker/price", {}, 4),
        ("ticker", {"symbols": '["BTCUSDT","ETHUSDT","BNBUSDT"]'}, 12),
    ],
)  # fmt: skip
def test_a_request_weighs_what_is_documented(desk: Desk, path, query, weight):
    assert desk.ask(path, **query).headers["x-mbx-used-weight-1m"] == str(weight)


def test_over_the_limit_comes_429_then_a_ban_and_the_next_minute_is_free_again(desk: Desk):
    answers = [desk.ask("depth", symbol="BTCUSDT", limit=5000) for _ in range(25)]
    assert [answer.status for answer in answers] == [200] * 24 + [429]
    assert json.loads(answers[-1].body)["code"] == -1003
    assert answers[-1].headers["retry-after"] == str(60 - NOW_MS % 60_000 // 1000)
    assert desk.ask("ping", client="10.0.0.2").status == 200
    desk.now_ms += MINUTE_MS
    assert desk.ask("ping").headers["x-mbx-used-weight-1m"] == "1"
    statuses = [desk.ask("ticker/24hr").status for _ in range(100)]
    assert statuses[-1] == 418 and statuses.count(429) == 20
    desk.now_ms += MINUTE_MS
    assert (desk.ask("ping").status, desk.ask("ping").headers["retry-after"]) == (418, "60")
    desk.now_ms += MINUTE_MS
    assert desk.ask("ping").status == 200


def test_other_paths_and_methods_are_refused(desk: Desk):
    assert desk.ask("nothing").status == 404
    assert desk.sandbox.answer(HttpRequest("POST", "/api/v3/time", {})).status == 405
