"""Alpha Vantage's REST: requests as it documents them, lists, and the errors inside HTTP 200."""

import json

import pytest

from exchanges import errors
from exchanges.alphavantage import CARD, names, rest
from exchanges.alphavantage.refusals import WORDS
from exchanges.contract import Request
from exchanges.errors import BadFrame
from exchanges.events import Rejected
from exchanges.symbols import Instruments

NOW_NS = 1_790_000_000 * 10**9
IBM, BTC, EUR = names.stock("IBM"), names.currency(names.CRYPTO, "BTC"), names.currency(names.FOREX, "EUR")


def test_the_key_is_added_as_a_request_goes_out_and_no_request_holds_it() -> None:
    request = rest.ticker_request(IBM)
    assert request.target == "/query?function=GLOBAL_QUOTE&symbol=IBM"
    assert names.signed(request, {names.KEY: "a&b"}).target == f"{request.target}&apikey=a%26b"
    assert names.signed(Request("/digital_currency_list/"), {}).target == "/digital_currency_list/?apikey=demo"


@pytest.mark.parametrize(
    ("instrument", "interval", "query"),
    [
        (IBM, "1d", "function=TIME_SERIES_DAILY&symbol=IBM&outputsize=compact"),
        (IBM, "1M", "function=TIME_SERIES_MONTHLY&symbol=IBM"),
        (IBM, "1h", "function=TIME_SERIES_INTRADAY&symbol=IBM&interval=60min&outputsize=compact&adjusted=false"),
        (BTC, "1d", "function=DIGITAL_CURRENCY_DAILY&symbol=BTC&market=USD"),
        (BTC, "1m", "function=CRYPTO_INTRADAY&symbol=BTC&market=USD&interval=1min&outputsize=compact"),
        (EUR, "1w", "function=FX_WEEKLY&from_symbol=EUR&to_symbol=USD"),
        (EUR, "1d", "function=FX_DAILY&from_symbol=EUR&to_symbol=USD&outputsize=compact"),
    ],
)
def test_each_kind_of_market_has_functions_of_its_own(instrument, interval: str, query: str) -> None:
    assert rest.candles_request(instrument, interval, 0, 1).target == f"/query?{query}"


def test_a_spelling_alone_tells_the_symbol() -> None:
    spelled = Instruments()
    CARD.feed(spelled)
    given = ("IBM", "BRK-B", "TSCO.LON", "CRYPTO:BTC", "FOREX:EUR", "not one")
    assert [spelled.symbol(one) for one in given] == ["IBM", "BRK.B", "TSCO.LON", "BTC-USD", "EUR-USD", "not one"]


def test_lists_of_shares_and_currencies() -> None:
    rejected: list[Rejected] = []
    shares = (
        b"symbol,name,exchange,assetType,ipoDate,delistingDate,status\r\n"
        b'BRK-B,"Berkshire, B",NYSE,Stock,1996-05-09,null,Active\r\n'
        b"OLD,Old,NYSE,Stock,1990-01-01,2020-01-01,Delisted\r\n"
        b"b a d,Bad,NYSE,Stock,1990-01-01,null,Active\r\n"
    )
    [share] = rest.read_instruments(shares, rejected)
    assert (share.symbol, share.venue_symbol, share.kind, share.quote) == ("BRK.B", "BRK-B", "stock", "USD")
    assert [row.kind for row in rejected] == ["row: symbol"]
    physical = rest.read_instruments(b"currency code,currency name\r\nEUR,Euro\r\nUSD,United States Dollar\r\n")
    digital = rest.read_instruments(b"currency code,currency name\r\nBTC,Bitcoin\r\n")
    assert [(one.symbol, one.venue_symbol) for one in physical + digital] == [
        ("EUR-USD", "FOREX:EUR"),
        ("BTC-USD", "CRYPTO:BTC"),
    ]


def test_the_matches_of_a_search() -> None:
    match = {"1. symbol": "TSCO.LON", "2. name": "Tesco PLC", "4. region": "United Kingdom", "8. currency": "GBX"}
    [tesco] = rest.read_instruments(json.dumps({"bestMatches": [match]}).encode())
    assert (tesco.symbol, tesco.quote) == ("TSCO.LON", "GBX")
    assert rest.read_instruments(b'{"bestMatches": []}') == []


@pytest.mark.parametrize("body", [b"", b"a,b\r\n1,2", b"{}", b'{"bestMatches": 1}', b"\xff", b'{"Symbol": 1}'])
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(BadFrame):
        rest.read_instruments(body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"Information": "... 1 request per second ... 25 requests per day."}, errors.RateLimited),
        ({"Note": "Thank you! Our standard API call frequency is 5 calls per minute; higher API call frequency ..."},
         errors.QuotaSpent),
        ({"Information": "API key as X ... our standard API rate limit is 25 requests per day."}, errors.QuotaSpent),
        ({"Information": "This is a premium endpoint."}, errors.NotInPlan),
        ({"Realtime Currency Exchange Rate": {}}, errors.UnknownMarket),
        ({"Information": "The **demo** API key is for demo purposes only."}, errors.NotAuthenticated),
        ({"Error Message": "the parameter apikey is invalid or missing."}, errors.NotAuthenticated),
        ({"Error Message": "Invalid API call."}, errors.UnknownMarket),
        ({"Information": "something new"}, errors.Refused),
        ({"Information": ["odd"]}, errors.Refused),
        ({}, errors.UnknownMarket),
        ({"Global Quote": {}}, errors.UnknownMarket),
        ({"Meta Data": {"1. Information": "x"}, "Time Series (Daily)": {}}, errors.UnknownMarket),
    ],
)  # fmt: skip
def test_an_error_inside_200_is_known_by_its_words(body: object, kind: type[Exception]) -> None:
    assert type(rest.read_error(200, {}, json.dumps(body).encode())) is kind


def test_data_is_no_error_even_beside_a_notice_and_a_page_is_one() -> None:
    for body in (b'{"Information":"premium","Global Quote":{"05. price":"1"}}', b"symbol,name", b'{"bestMatches":[]}'):
        assert rest.read_error(200, {}, body) is None
    assert isinstance(rest.read_error(200, {}, b" <html>"), errors.ServerFault)
    kinds = {403: errors.Forbidden, 429: errors.RateLimited, 500: errors.ServerFault, 400: errors.Refused}
    assert {status: type(rest.read_error(status, {}, b"")) for status in kinds} == kinds


def test_no_error_repeats_the_words_that_hold_the_key() -> None:
    for phrases, _ in WORDS:
        error = rest.read_error(200, {}, json.dumps({"Information": f"{phrases[0]} SECRETKEY"}).encode())
        assert error is not None and "SECRET" not in str(error).upper()


def test_what_the_source_has_not_is_refused_and_told_on_the_card() -> None:
    assert {"trade", "depth"} <= CARD.missing.keys()
    assert not hasattr(CARD.rest, "trades_request") and not hasattr(CARD.rest, "depth_request")
    with pytest.raises(BadFrame):
        rest.read_trades(b"[]", IBM, NOW_NS)
    with pytest.raises(BadFrame):
        rest.read_depth(b"[]", IBM, NOW_NS)
