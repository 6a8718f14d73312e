"""Kraken's REST from the exchange's side: shapes, bounds, errors, over a market whose clock stands still."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.intervals import MINUTE_MS, open_ms
from exchanges.invented import HttpAnswer, HttpRequest
from exchanges.kraken.sandbox import Sandbox
from sandbox.market import Market

NOW_MS = 1_795_000_012_345
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "kraken"


class Desk:
    """One sandbox and its clock."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.market = Market(1, 200, 20, lambda: self.now_ms)
        self.sandbox = Sandbox(self.market)

    def ask(self, name: str, **query: Any) -> HttpAnswer:
        given = {key: str(value) for key, value in query.items()}
        return self.sandbox.answer(
            HttpRequest("GET", f"/0/public/{name}", given, client="10.0.0.1", now_ms=self.now_ms)
        )

    def result(self, name: str, **query: Any) -> Any:
        answer = json.loads(self.ask(name, **query).body)
        assert answer["error"] == [], answer
        return answer["result"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def sample(name: str) -> Any:
    file = SAMPLES / name
    if not file.exists():
        pytest.skip(f"no samples at {SAMPLES}")
    [found] = [value for key, value in json.loads(file.read_text())["result"].items() if key != "last"]
    return found


def test_a_pair_has_at_least_what_a_recorded_one_has(desk: Desk) -> None:
    ours, recorded = desk.result("AssetPairs", pair="BTC/USDT"), sample("rest_instruments.json")
    assert list(ours) == ["XBTUSDT"]
    assert recorded.keys() - ours["XBTUSDT"].keys() <= {"long_position_limit", "short_position_limit"}
    names = ("altname", "wsname", "base", "quote", "lot_decimals")
    assert {name: ours["XBTUSDT"][name] for name in names} == {name: recorded[name] for name in names}


def test_a_ticker_and_a_book_have_the_shape_of_recorded_ones(desk: Desk) -> None:
    ticker, recorded = desk.result("Ticker", pair="XBTUSDT")["XBTUSDT"], sample("rest_ticker.json")
    assert ticker.keys() == recorded.keys()
    assert [len(ticker[name]) for name in "vptlh"] == [len(recorded[name]) for name in "vptlh"]
    book, old = desk.result("Depth", pair="XBTUSDT", count=3)["XBTUSDT"], sample("rest_book.json")
    assert [type(cell) for cell in book["asks"][0]] == [type(cell) for cell in old["asks"][0]]
    assert len(book["bids"]) == len(old["bids"]) == 3


@pytest.mark.parametrize("spelling", ["ETH/BTC", "ETH/XBT", "ETHXBT", "XETHXXBT"])
def test_a_pair_is_found_by_every_spelling_and_answered_under_its_key(desk: Desk, spelling: str) -> None:
    assert list(desk.result("Ticker", pair=spelling)) == ["XETHXXBT"]


def test_tokenized_assets_are_none(desk: Desk) -> None:
    assert desk.result("AssetPairs", aclass_base="tokenized_asset") == {}
    assert len(desk.result("AssetPairs")) == 20
    assert desk.result("Assets")["XXBT"]["altname"] == "XBT"


def test_only_the_newest_720_candles_are_kept_and_the_running_one_is_always_there(desk: Desk) -> None:
    newest_s = open_ms("1m", NOW_MS) // 1000
    everything = desk.result("OHLC", pair="XBTUSDT", since=0)
    assert [row[0] for row in everything["XBTUSDT"]] == [newest_s - 60 * back for back in range(719, -1, -1)]
    assert everything["last"] == newest_s - 60
    later = desk.result("OHLC", pair="XBTUSDT", since=newest_s - 120)["XBTUSDT"]
    assert [row[0] for row in later] == [newest_s - 60, newest_s]
    assert [row[0] for row in desk.result("OHLC", pair="XBTUSDT", since=newest_s + 999)["XBTUSDT"]] == [newest_s]


def test_trades_are_paged_by_the_nanoseconds_of_last_without_a_hole(desk: Desk) -> None:
    start_s = NOW_MS // 1000 - 60
    expected = desk.market.trades_between("BTC-USDT", start_s * 1000, NOW_MS)
    since, found = str(start_s), []
    while True:
        page = desk.result("Trades", pair="XBTUSDT", since=since, count=7)
        found += page["XBTUSDT"]
        since = page["last"]
        if len(page["XBTUSDT"]) < 7:
            break
    assert [row[6] for row in found] == [trade.trade_id for trade in expected]
    assert [Decimal(row[0]) for row in found] == [Decimal(trade.price) for trade in expected]
    assert desk.result("Trades", pair="XBTUSDT", since=since)["XBTUSDT"] == []
    newest = desk.result("Trades", pair="XBTUSDT", count=2)["XBTUSDT"]
    assert newest == found[-2:]


@pytest.mark.parametrize(
    ("name", "query", "error"),
    [
        ("Ticker", {"pair": "NOSUCH"}, "EQuery:Unknown asset pair"),
        ("OHLC", {}, "EGeneral:Invalid arguments"),
        ("OHLC", {"pair": "XBTUSDT", "interval": 3}, "EGeneral:Invalid arguments:interval"),
        ("Trades", {"pair": "XBTUSDT", "count": 1001}, "EGeneral:Invalid arguments:count"),
        ("Trades", {"pair": "XBTUSDT", "since": "soon"}, "EGeneral:Invalid arguments:since"),
        ("Depth", {"pair": "XBTUSDT", "count": 501}, "EGeneral:Invalid arguments:count"),
        ("Nothing", {}, "EGeneral:Unknown method"),
    ],
)
def test_errors_come_inside_200(desk: Desk, name: str, query: dict[str, Any], error: str) -> None:
    answer = desk.ask(name, **query)
    assert (answer.status, json.loads(answer.body)) == (200, {"error": [error]})


def test_one_request_a_second_is_inside_the_limit_and_many_at_once_are_not(desk: Desk) -> None:
    def refused() -> bool:
        return b"Rate limit" in desk.ask("Time").body

    assert [refused() for _ in range(61)] == [False] * 60 + [True]
    desk.now_ms += 1000
    assert [refused() for _ in range(2)] == [False, True]
    assert json.loads(desk.sandbox.refusal(429, 3).body)["error"] == ["EAPI:Rate limit exceeded"]
    assert desk.sandbox.refusal(502, None).content_type == "text/html"


def test_a_candle_without_trades_is_flat_and_has_no_average(desk: Desk) -> None:
    sandbox = Sandbox(Market(1, 0.2, 20, lambda: NOW_MS))
    request = HttpRequest("GET", "/0/public/OHLC", {"pair": "XBTUSDT", "since": str((NOW_MS - 5 * MINUTE_MS) // 1000)})
    rows = json.loads(sandbox.answer(request).body)["result"]["XBTUSDT"]
    for _, open_, high, low, close, average, volume, count in rows:
        assert count or (average, volume, open_, high, low) == ("0.0", "0.00000000", close, close, close)
