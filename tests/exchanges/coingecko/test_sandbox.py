"""CoinGecko's sandbox: shapes, figures that agree with the market, errors and limits; and over a real connection."""

import json
from pathlib import Path
from typing import Any

import pytest

from exchanges import errors
from exchanges.coingecko import rest
from exchanges.coingecko.sandbox import DEMO, KEYLESS, Sandbox
from exchanges.contract import Request
from exchanges.intervals import DAY_MS
from exchanges.invented import HttpAnswer, HttpRequest
from sandbox.market import Market
from tests.exchanges.ours import Ours
from tests.sandbox_server import SandboxServer

NOW_MS = 1_795_000_012_345
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "coingecko"


class Desk:
    """One sandbox and its clock."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.market = Market(1, 200, 20, lambda: self.now_ms)
        self.sandbox = Sandbox(self.market)
        self.asked = 0

    def ask(self, request: Request, client: str | None = None, **headers: str) -> HttpAnswer:
        self.asked += 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.sandbox.answer(
            HttpRequest(
                "GET", f"/api/v3{request.path}", request.query, named, b"", client or str(self.asked), self.now_ms
            )
        )

    def json(self, path: str, **query: Any) -> Any:
        answer = self.ask(Request.get(path, **query))
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_rows_have_the_shape_of_recorded_ones(desk: Desk) -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the recorded payloads are not at hand")
    recorded = json.loads((SAMPLES / "rest_ticker.json").read_text())[0]
    assert desk.json("/coins/markets", vs_currency="usd", ids="bitcoin")[0].keys() == recorded.keys()
    candles = json.loads((SAMPLES / "rest_candles.json").read_text())
    mine = desk.json("/coins/bitcoin/ohlc", vs_currency="usd", days=30)
    assert (len(mine), len(mine[0])) == (len(candles), len(candles[0]))
    assert desk.json("/coins/list")[0].keys() == json.loads((SAMPLES / "rest_instruments.json").read_text())[0].keys()


def test_our_reading_agrees_with_the_market(desk: Desk) -> None:
    coins = [coin for request in rest.instruments_requests() for coin in rest.read_instruments(desk.ask(request).body)]
    assert [coin.symbol for coin in coins[:2]] == ["BTC-USD", "ETH-USD"] and len(coins) == 18
    bitcoin, window = coins[0], desk.market.window("BTC-USDT", DAY_MS)
    ticker = rest.read_ticker(desk.ask(rest.ticker_request(bitcoin)).body, bitcoin, NOW_MS * 10**6)
    assert (ticker.last_price, ticker.high_24h, ticker.low_24h) == (window.last, window.high, window.low)
    assert (ticker.quote_volume_24h, ticker.event_us) == (window.quote_volume, NOW_MS * 1000)


@pytest.mark.parametrize(("interval", "count"), [("30m", 48), ("4h", 180)])
def test_our_candles_agree_with_the_market(desk: Desk, interval: str, count: int) -> None:
    [bitcoin] = rest.read_instruments(desk.ask(rest.ticker_request(CARD_BTC)).body)
    body = desk.ask(rest.candles_request(bitcoin, interval, 0, NOW_MS)).body
    candles = rest.read_candles(body, bitcoin, interval, NOW_MS * 10**6)
    theirs = desk.market.candles("BTC-USDT", interval, None, None, count)
    assert [(c.open_ms, c.close_ms, c.open, c.high, c.low, c.close, c.closed) for c in candles] == [
        (c.open_ms, c.close_ms, c.open, c.high, c.low, c.close, c.closed) for c in theirs
    ]


def test_longer_spans_come_in_rows_of_four_days(desk: Desk) -> None:
    rows = desk.json("/coins/ethereum/ohlc", vs_currency="usd", days=90, precision="full")
    assert {after[0] - before[0] for before, after in zip(rows[1:-2], rows[2:-1], strict=True)} == {4 * DAY_MS}


def test_a_price_is_rounded_unless_precision_is_asked_for(desk: Desk) -> None:
    full, rounded, none = (
        desk.json("/simple/price", ids="dogecoin,nothing", vs_currencies="usd", **more)
        for more in ({"precision": "full"}, {"precision": 2}, {})
    )
    assert full.keys() == {"dogecoin"}
    assert rounded["dogecoin"]["usd"] == round(full["dogecoin"]["usd"], 2)
    assert abs(none["dogecoin"]["usd"] - full["dogecoin"]["usd"]) <= 1e-6


@pytest.mark.parametrize(
    ("path", "query", "status", "kind"),
    [
        ("/coins/nothing/ohlc", {"vs_currency": "usd", "days": 1}, 404, errors.UnknownMarket),
        ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": 4}, 422, errors.Refused),
        ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": "max"}, 401, errors.NotInPlan),
        ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": 1, "interval": "daily"}, 401, errors.NotInPlan),
        ("/coins/bitcoin/ohlc", {"days": 1}, 422, errors.Refused),
        ("/coins/markets", {"vs_currency": "xyz"}, 422, errors.Refused),
        ("/coins/markets", {"vs_currency": "usd", "per_page": 251}, 422, errors.Refused),
        ("/coins/markets", {"vs_currency": "usd", "order": "size"}, 422, errors.Refused),
        ("/simple/price", {"ids": "bitcoin"}, 422, errors.Refused),
        ("/coins/markets", {"vs_currency": "usd", "precision": "19"}, 422, errors.Refused),
        ("/nothing", {}, 404, errors.UnknownMarket),
    ],
)
def test_refusals(desk: Desk, path: str, query: dict[str, Any], status: int, kind: type[Exception]) -> None:
    answer = desk.ask(Request.get(path, **query))
    assert answer.status == status
    assert type(rest.read_error(answer.status, answer.headers, answer.body)) is kind


def test_a_pro_key_on_this_host_is_refused(desk: Desk) -> None:
    answer = desk.ask(Request("/ping"), x_cg_pro_api_key="CG-x")
    assert isinstance(rest.read_error(answer.status, answer.headers, answer.body), errors.NotAuthenticated)


def test_a_minute_has_its_limit_by_address_or_by_key(desk: Desk) -> None:
    def count(client: str, **headers: str) -> int:
        answers = [desk.ask(Request("/ping"), client, **headers) for _ in range(DEMO + 5)]
        return sum(answer.status == 200 for answer in answers)

    assert (count("a"), count("b", x_cg_demo_api_key="CG-1"), count("a")) == (KEYLESS, DEMO, 0)
    refused = desk.ask(Request("/ping"), "a")
    error = rest.read_error(refused.status, refused.headers, refused.body)
    assert isinstance(error, errors.RateLimited) and 0 < error.retry_after_s <= 60
    desk.now_ms += 60_000
    assert count("a") == KEYLESS


@pytest.mark.parametrize(
    ("status", "kind"), [(403, errors.Forbidden), (429, errors.RateLimited), (503, errors.ServerFault)]
)
def test_faults_are_worded_as_the_source_words_them(desk: Desk, status: int, kind: type[Exception]) -> None:
    answer = desk.sandbox.refusal(status, 7)
    assert type(rest.read_error(answer.status, answer.headers, answer.body)) is kind


async def test_our_adapter_reads_it_over_a_real_connection(sandbox: SandboxServer) -> None:
    ours = Ours("coingecko", sandbox)
    bitcoin = (await ours.load()).by_symbol["BTC-USD"]
    ticker, candles = await ours.ticker(bitcoin), await ours.candles(bitcoin, "30m", 0, 1)
    assert ticker.last_price and len(candles) == 48
    assert [candle.closed for candle in candles] == [True] * 47 + [False]


CARD_BTC = rest.read_instruments(b'[{"id":"bitcoin","symbol":"btc"}]')[0]
