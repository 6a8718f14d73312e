"""Alpha Vantage's sandbox: figures that agree with the market, words in place of data; and over a real connection."""

import json
from typing import Any

import httpx
import pytest

from exchanges import errors
from exchanges.alphavantage import CARD, names, rest
from exchanges.alphavantage.sandbox import A_DAY, Sandbox
from exchanges.contract import Request
from exchanges.intervals import DAY_MS
from exchanges.invented import HttpAnswer, HttpRequest
from exchanges.symbols import Instrument, Instruments
from sandbox.market import Market
from tests.sandbox_server import SandboxServer

NOW_MS = 1_795_000_012_345
PREMIUM = "premium-1"


class Desk:
    """One sandbox and its clock."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.market = Market(1, 200, 20, lambda: self.now_ms)
        self.sandbox = Sandbox(self.market)

    def ask(self, request: Request, key: str = PREMIUM) -> HttpAnswer:
        signed = Request(names.signed(request, {names.KEY: key}).target)
        return self.sandbox.answer(HttpRequest("GET", signed.path, signed.query, now_ms=self.now_ms))

    def error(self, request: Request, key: str = PREMIUM) -> Exception | None:
        answer = self.ask(request, key)
        assert answer.status == 200
        return rest.read_error(answer.status, answer.headers, answer.body)

    def instruments(self) -> Instruments:
        requests = rest.instruments_requests()
        return Instruments(one for request in requests for one in rest.read_instruments(self.ask(request).body))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def query(**parameters: Any) -> Request:
    return Request.get("/query", **parameters)


def test_shares_and_currencies_are_listed(desk: Desk) -> None:
    listed = desk.instruments()
    kinds = {name: listed.by_symbol[name].kind for name in ("IBM", "BRK.B", "BTC-USD", "EUR-USD")}
    assert kinds == {"IBM": "stock", "BRK.B": "stock", "BTC-USD": "spot", "EUR-USD": "spot"}
    assert listed.by_symbol["BRK.B"].venue_symbol == "BRK-B" and "USD-USD" not in listed.by_symbol


def test_our_reading_of_a_currency_agrees_with_the_market(desk: Desk) -> None:
    bitcoin, window = names.currency(names.CRYPTO, "BTC"), desk.market.window("BTC-USDT", DAY_MS)
    ticker = rest.read_ticker(desk.ask(rest.ticker_request(bitcoin)).body, bitcoin, NOW_MS * 10**6)
    assert (ticker.last_price, ticker.bid_price, ticker.ask_price) == (window.last, window.bid[0], window.ask[0])
    assert ticker.event_us == NOW_MS // 1000 * 10**6
    body = desk.ask(rest.candles_request(bitcoin, "1d", 0, NOW_MS)).body
    candles = rest.read_candles(body, bitcoin, "1d", NOW_MS * 10**6)
    theirs = desk.market.candles("BTC-USDT", "1d", None, None, 100)
    assert [(c.open_ms, c.open, c.high, c.low, c.close, c.volume, c.closed) for c in candles] == [
        (c.open_ms, c.open, c.high, c.low, c.close, c.volume, c.closed) for c in theirs
    ]


@pytest.mark.parametrize("market", [names.stock("IBM"), names.currency(names.CRYPTO, "BTC")])
def test_our_reading_of_bars_within_a_day_agrees_with_the_market(desk: Desk, market: Instrument) -> None:
    body = desk.ask(rest.candles_request(market, "5m", 0, NOW_MS)).body
    candles = rest.read_candles(body, market, "5m", NOW_MS * 10**6)
    theirs = desk.market.candles("BTC-USDT", "5m", None, None, 100)
    assert [(c.open_ms, c.close_ms, c.close, c.volume) for c in candles] == [
        (c.open_ms, c.close_ms, c.close, c.volume) for c in theirs
    ]


def test_a_share_has_no_days_at_weekends_and_its_quote_is_of_the_last_one(desk: Desk) -> None:
    ibm = names.stock("IBM")
    answer = json.loads(desk.ask(rest.candles_request(ibm, "1d", 0, NOW_MS)).body)
    days = answer["Time Series (Daily)"]
    assert len(days) == 100 and {names.moment(day).weekday() for day in days} == {0, 1, 2, 3, 4}
    assert list(days) == sorted(days, reverse=True)
    quote = json.loads(desk.ask(rest.ticker_request(ibm)).body)["Global Quote"]
    assert quote["07. latest trading day"] == next(iter(days))
    assert quote["05. price"] == next(iter(days.values()))["4. close"]
    assert answer["Meta Data"]["5. Time Zone"] == "US/Eastern"


@pytest.mark.parametrize("interval", ["1w", "1M"])
def test_long_candles_are_read_in_a_row(desk: Desk, interval: str) -> None:
    for market in (names.stock("AAPL"), names.currency(names.FOREX, "EUR"), names.currency(names.CRYPTO, "ETH")):
        body = desk.ask(rest.candles_request(market, interval, 0, NOW_MS)).body
        candles = rest.read_candles(body, market, interval, NOW_MS * 10**6)
        assert len(candles) > 30
        assert all(before.close_ms + 1 == after.open_ms for before, after in zip(candles, candles[1:], strict=False))
        assert [candle.closed for candle in candles] == [True] * (len(candles) - 1) + [False]


def test_a_key_has_its_second_and_its_day(desk: Desk) -> None:
    request = query(function="GLOBAL_QUOTE", symbol="IBM")
    assert desk.error(request, "k") is None
    assert isinstance(desk.error(request, "k"), errors.RateLimited)
    for _ in range(A_DAY - 2):
        desk.now_ms += 1000
        assert desk.error(request, "k") is None
    desk.now_ms += 1000
    spent = desk.error(request, "k")
    assert isinstance(spent, errors.QuotaSpent) and b"as k and" in desk.ask(request, "k").body
    desk.now_ms += DAY_MS
    assert desk.error(request, "k") is None


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"function": "TIME_SERIES_INTRADAY", "symbol": "IBM", "interval": "5min"}, errors.NotInPlan),
        ({"function": "TIME_SERIES_DAILY", "symbol": "IBM", "outputsize": "full"}, errors.NotInPlan),
        ({"function": "TIME_SERIES_DAILY", "symbol": "NOTHING"}, errors.UnknownMarket),
        ({"function": "GLOBAL_QUOTE", "symbol": "NOTHING"}, errors.UnknownMarket),
        ({"function": "CURRENCY_EXCHANGE_RATE", "from_currency": "BTC", "to_currency": "XYZ"}, errors.UnknownMarket),
        ({"function": "NOTHING"}, errors.UnknownMarket),
        ({}, errors.UnknownMarket),
    ],
)
def test_refusals_come_as_200(desk: Desk, given: dict[str, str], kind: type[Exception]) -> None:
    assert type(desk.error(query(**given), "a-key")) is kind


def test_a_missing_key_is_refused(desk: Desk) -> None:
    asked = query(function="GLOBAL_QUOTE", symbol="IBM")
    answer = desk.sandbox.answer(HttpRequest("GET", asked.path, asked.query, now_ms=NOW_MS))
    assert isinstance(rest.read_error(200, {}, answer.body), errors.NotAuthenticated)


async def test_our_adapter_reads_it_over_a_real_connection(sandbox: SandboxServer) -> None:
    card, btc = CARD.at(sandbox.at("alphavantage")), names.currency(names.CRYPTO, "BTC")
    async with httpx.AsyncClient() as client:

        async def fetch(request: Request) -> bytes:
            signed = card.sign(request, {names.KEY: PREMIUM})
            answer = await client.get(card.address(request) + signed.target)
            assert card.rest.read_error(answer.status_code, answer.headers, answer.content) is None
            return answer.content

        listed = [one for asked in rest.instruments_requests() for one in rest.read_instruments(await fetch(asked))]
        assert {"IBM", "BTC-USD"} <= {one.symbol for one in listed}
        ticker = rest.read_ticker(await fetch(rest.ticker_request(btc)), btc, 1)
        candles = rest.read_candles(await fetch(rest.candles_request(btc, "1m", 0, 1)), btc, "1m", 1)
    assert ticker.last_price and len(candles) == 100
