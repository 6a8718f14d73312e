"""Binance USD-M Futures from the exchange's side: shapes, bounds, weights, errors, routes, over a market at rest."""

import json
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from exchanges.binance_futures.sandbox import Sandbox
from exchanges.intervals import DAY_MS, HOUR_MS, MINUTE_MS, open_ms
from exchanges.invented import HangUp, HttpAnswer, HttpRequest
from sandbox.market import Market

NOW_MS = 1_795_000_012_345  # 2026-11-18
SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "binance_futures"


class Desk:
    """One sandbox and its clock."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.market = Market(1, 200, 26, lambda: self.now_ms)
        self.sandbox = Sandbox(self.market)

    def ask(self, path: str, client: str = "10.0.0.1", **query: Any) -> HttpAnswer:
        given: Mapping[str, str] = {name: str(value) for name, value in query.items()}
        return self.sandbox.answer(HttpRequest("GET", f"/fapi/{path}", given, client=client, now_ms=self.now_ms))

    def rows(self, path: str, **query: Any) -> Any:
        answer = self.ask(path, **query)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def frames(self, path: str, length_ms: int, until_ms: int = NOW_MS) -> list[Any]:
        """The frames of the last `length_ms` on a connection that asks for one stream by its path."""
        talk = self.sandbox.connect(HttpRequest("GET", path, {}))
        assert not isinstance(talk, HttpAnswer)
        (channel,) = talk.channels
        return [json.loads(frame) for frame in self.sandbox.frames(channel, until_ms - length_ms, until_ms)]

    def names(self, path: str, **query: str) -> list[str]:
        talk = self.sandbox.connect(HttpRequest("GET", path, query))
        assert not isinstance(talk, HttpAnswer)
        return [channel.name for channel in talk.channels]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


def sample(name: str) -> Any:
    file = SAMPLES / name
    if not file.exists():
        pytest.skip("the recorded payloads are not at hand")
    if name.endswith(".json"):
        return json.loads(file.read_text())
    return json.loads(json.loads(file.read_text().splitlines()[0])["raw"])["data"]


def kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: kinds(one) for key, one in value.items()}
    return type(value).__name__


def test_contracts_are_described_with_all_that_a_recorded_one_has(desk: Desk) -> None:
    info, recorded = desk.rows("v1/exchangeInfo"), sample("rest_instruments.json")
    assert recorded.keys() <= info.keys()
    assert recorded["symbols"][0].keys() <= info["symbols"][0].keys()
    wanted = {one["filterType"]: one.keys() for one in recorded["symbols"][0]["filters"]}
    assert {one["filterType"]: one.keys() for one in info["symbols"][0]["filters"]} == wanted


def test_quarters_are_delivered_on_the_last_friday_at_eight(desk: Desk) -> None:
    dated = {one["symbol"]: one for one in desk.rows("v1/exchangeInfo")["symbols"] if "_" in one["symbol"]}
    assert list(dated) == ["BTCUSDT_261225", "BTCUSDT_270326", "ETHUSDT_261225", "ETHUSDT_270326"]
    assert [one["contractType"] for one in dated.values()] == ["CURRENT_QUARTER", "NEXT_QUARTER"] * 2
    assert dated["BTCUSDT_261225"]["deliveryDate"] == 1_798_185_600_000


def test_rows_have_the_shape_of_recorded_ones(desk: Desk) -> None:
    [trade], recorded = desk.rows("v1/trades", symbol="BTCUSDT", limit=1), sample("rest_trades.json")[0]
    assert {**kinds(recorded), "isRPITrade": "bool"} == kinds(trade)
    [candle] = desk.rows("v1/klines", symbol="BTCUSDT", interval="1d", limit=1)
    assert [type(one) for one in candle] == [type(one) for one in sample("rest_candles.json")[0]]
    assert kinds(desk.rows("v1/ticker/24hr", symbol="BTCUSDT")) == kinds(sample("rest_ticker.json"))
    assert kinds(desk.rows("v1/depth", symbol="BTCUSDT", limit=5)) == kinds(sample("rest_book.json"))


def test_candles_follow_the_rule_of_bounds(desk: Desk) -> None:
    newest = open_ms("1m", NOW_MS)

    def opens(**bounds: int) -> list[int]:
        return [row[0] for row in desk.rows("v1/klines", symbol="BTCUSDT", interval="1m", limit=2, **bounds)]

    assert opens() == [newest - MINUTE_MS, newest]
    assert opens(startTime=newest - DAY_MS) == [newest - DAY_MS, newest - DAY_MS + MINUTE_MS]
    assert opens(startTime=newest - MINUTE_MS, endTime=newest - 1) == [newest - MINUTE_MS]


def test_aggregates_cover_every_trade_of_the_last_two_days(desk: Desk) -> None:
    rows = desk.rows("v1/aggTrades", symbol="BTCUSDT", startTime=NOW_MS - 60_000, endTime=NOW_MS, limit=1000)
    trades = desk.market.trades_between("BTC-USDT", NOW_MS - 60_001, NOW_MS)
    assert all(after["a"] == before["a"] + 1 and after["f"] == before["l"] + 1 for before, after in pairwise(rows))
    assert sum(Decimal(row["q"]) for row in rows) == sum(Decimal(trade.quantity) for trade in trades)
    assert desk.rows("v1/aggTrades", symbol="BTCUSDT", limit=3) == rows[-3:]
    assert desk.rows("v1/aggTrades", symbol="BTCUSDT", fromId=rows[4]["a"], limit=2) == rows[4:6]
    [oldest] = desk.rows("v1/aggTrades", symbol="BTCUSDT", fromId=1, limit=1)
    assert NOW_MS - 2 * DAY_MS < oldest["T"] < NOW_MS - 2 * DAY_MS + HOUR_MS
    assert desk.rows("v1/aggTrades", symbol="BTCUSDT", endTime=NOW_MS - 3 * DAY_MS) == []


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("v1/depth", {"symbol": "NOSUCH"}, 400, -1121),
        ("v1/depth", {"symbol": "BTCUSDT", "limit": 7}, 400, -1130),
        ("v1/depth", {}, 400, -1102),
        ("v1/klines", {"symbol": "BTCUSDT", "interval": "1s"}, 400, -1120),
        ("v1/aggTrades", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 2 * HOUR_MS}, 400, -1127),
        ("v1/historicalTrades", {"symbol": "BTCUSDT", "fromId": 1}, 401, -2014),
    ],
)
def test_a_request_that_makes_no_sense_has_the_documented_error(
    desk: Desk, path: str, query: dict[str, Any], status: int, code: int
) -> None:
    answer = desk.ask(path, **query)
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("v1/ping", {}, 1),
        ("v1/exchangeInfo", {}, 1),
        ("v1/depth", {"symbol": "BTCUSDT", "limit": 50}, 2),
        ("v1/depth", {"symbol": "BTCUSDT", "limit": 1000}, 20),
        ("v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 99}, 1),
        ("v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 1500}, 10),
        ("v1/aggTrades", {"symbol": "BTCUSDT"}, 20),
        ("v1/ticker/24hr", {}, 40),
        ("v2/ticker/price", {}, 2),
        ("v1/ticker/bookTicker", {}, 5),
    ],
)
def test_a_request_has_its_weight(desk: Desk, path: str, query: dict[str, Any], weight: int) -> None:
    answer = desk.ask(path, client=f"{path}{query}", **query)
    assert answer.headers["x-mbx-used-weight-1m"] == str(weight)


def test_more_than_2400_a_minute_are_refused() -> None:
    desk = Desk()
    statuses = [desk.ask("v1/ticker/24hr", client="greedy").status for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    desk.now_ms += 60_000
    assert desk.ask("v1/ping", client="greedy").status == 200


def test_a_stream_on_the_wrong_route_is_silent(desk: Desk) -> None:
    both = "btcusdt@aggTrade/btcusdt@depth@100ms/!ticker@arr/!bookTicker/nosuch@ticker/btcusdt@kline_1s"
    assert desk.names("/market/stream", streams=both) == ["btcusdt@aggTrade", "!ticker@arr"]
    assert desk.names("/public/stream", streams=both) == ["btcusdt@depth@100ms", "!bookTicker"]
    assert desk.names("/stream", streams=both) == desk.names("/public/stream", streams=both)
    assert desk.names("/market/ws/btcusdt_261225@kline_1M") == ["btcusdt_261225@kline_1M"]
    refused = desk.sandbox.connect(HttpRequest("GET", "/private/ws", {}))
    assert isinstance(refused, HttpAnswer) and refused.status == 404


def test_a_wrong_subscription_is_acknowledged_and_ids_are_whole(desk: Desk) -> None:
    talk = desk.sandbox.connect(HttpRequest("GET", "/public/ws", {}))
    assert not isinstance(talk, HttpAnswer)

    def say(message_id: Any) -> Any:
        (said,) = talk.receive(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": message_id}), 1)
        return json.loads(said)

    assert say(1) == {"result": None, "id": 1} and not list(talk.channels)
    assert say("abc")["code"] == say(-1)["code"] == 2
    said = [one for _ in range(8) for one in talk.receive("{}", 2)]
    assert isinstance(said[-1], HangUp) and not any(isinstance(one, HangUp) for one in said[:-1])


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/market/ws/btcusdt@aggTrade", "ws_trades.jsonl"),
        ("/market/ws/btcusdt@kline_1m", "ws_candles.jsonl"),
        ("/public/ws/btcusdt@bookTicker", "ws_ticker.jsonl"),
        ("/public/ws/btcusdt@depth@100ms", "ws_book.jsonl"),
    ],
)
def test_a_frame_has_all_that_a_recorded_one_has_and_what_came_since(desk: Desk, path: str, file: str) -> None:
    ours, recorded = kinds(desk.frames(path, 5_000)[0]), kinds(sample(file))
    assert recorded.items() <= ours.items()
    assert ours.keys() - recorded.keys() <= {"st", "ps", "nq"}


def test_diffs_name_each_other_and_their_ids_jump(desk: Desk) -> None:
    path, first_ms = "/public/ws/btcusdt@depth@100ms", NOW_MS - 3_000
    times_ms = range(first_ms + 100, NOW_MS, 100)
    diffs = [diff for at_ms in times_ms for diff in desk.frames(path, 100, at_ms)]
    assert len(diffs) > 3
    assert all(
        after["pu"] == before["u"] < after["U"] - 1 and after["u"] >= after["U"] for before, after in pairwise(diffs)
    )
    [top] = desk.frames("/public/ws/btcusdt@depth5@100ms", 100, times_ms[-1])
    assert (top["e"], top["u"], len(top["b"])) == ("depthUpdate", diffs[-1]["u"], 5)


def test_the_streams_of_every_market_hold_coin_m_too(desk: Desk) -> None:
    [rows] = desk.frames("/market/ws/!ticker@arr", 60_000)
    assert {row["s"]: row["st"] for row in rows if row["s"] in ("BTCUSDT", "BTCUSDT_261225", "BTCUSD_PERP")} == {
        "BTCUSDT": 1, "BTCUSDT_261225": 1, "BTCUSD_PERP": 2,
    }  # fmt: skip
    assert len(rows) == 26 + 4 + 1
    assert len(desk.frames("/public/ws/!bookTicker", 60_000)) == len(rows)


def test_a_candle_ends_once_with_its_final_figures(desk: Desk) -> None:
    start_ms = NOW_MS - NOW_MS % MINUTE_MS - 3 * MINUTE_MS
    pushed = [
        frame["k"]
        for at_ms in range(start_ms + 250, start_ms + 2 * MINUTE_MS + 250, 250)
        for frame in desk.frames("/market/ws/btcusdt@kline_1m", 250, at_ms)
    ]
    ended = [candle for candle in pushed if candle["x"]]
    assert [candle["t"] for candle in ended] == [start_ms, start_ms + MINUTE_MS]
    rows = desk.rows("v1/klines", symbol="BTCUSDT", interval="1m", startTime=start_ms, limit=2)
    assert [[candle[name] for name in "tohlcvTqnVQB"] for candle in ended] == rows
