"""CoinGecko's REST: requests as it documents them, answers and errors in every shape it has."""

import json
from dataclasses import replace

import pytest

from exchanges import errors
from exchanges.coingecko import CARD, names, rest
from exchanges.contract import Request
from exchanges.errors import BadFrame, UnknownMarket
from exchanges.events import Rejected

NOW_NS = 1_790_000_000 * 10**9
BTC = names.instrument("bitcoin", "btc")


def test_a_key_goes_into_a_header_and_never_into_an_address() -> None:
    request = Request.get("/ping")
    assert names.signed(request, {}).headers == {}
    signed = names.signed(request, {names.KEY: "CG-secret"})
    assert signed.headers == {"x-cg-demo-api-key": "CG-secret"} and signed.target == "/ping"


def test_a_key_raises_the_limit_of_a_minute_and_not_that_of_the_month() -> None:
    keyed = replace(CARD, keys={names.KEY: "CG-secret"})
    assert [limit.amount for limit in CARD.limits] == [5, 10_000]
    assert [limit.amount for limit in keyed.at("http://h:1/coingecko").limits] == [30, 10_000]


def test_requests_name_the_coin_by_its_id() -> None:
    assert rest.ticker_request(BTC).target == ("/coins/markets?vs_currency=usd&ids=bitcoin&per_page=250&precision=full")
    odd = names.instrument("a/b c", "odd")
    assert rest.candles_request(odd, "4h", 0, 1).target == (
        "/coins/a%2Fb%20c/ohlc?vs_currency=usd&days=30&precision=full"
    )
    assert [request.query["page"] for request in rest.instruments_requests()] == ["1", "2"]


def test_coins_that_share_a_symbol_are_told_apart_by_their_id_the_largest_first() -> None:
    rows = [("bitcoin", "btc"), ("osmosis-allbtc", "BTC"), ("nameless", ""), ("pepe-k", "kPEPE")]
    body = json.dumps([{"id": coin, "symbol": symbol, "name": "n"} for coin, symbol in rows]).encode()
    found = rest.read_instruments(body)
    assert [coin.symbol for coin in found] == ["BTC-USD", "BTC-USD.osmosis-allbtc", "NAMELESS-USD", "KPEPE-USD"]
    assert {coin.kind for coin in found} == {"spot"} and found[0].quote == "USD"


def test_a_broken_coin_is_lost_alone() -> None:
    rejected: list[Rejected] = []
    found = rest.read_instruments(b'[{"id":"a","symbol":"a"},{"id":1},{"id":"","symbol":"x"}]', rejected)
    assert [coin.symbol for coin in found] == ["A-USD"] and [row.kind for row in rejected] == [
        "row: shape",
        "row: coin",
    ]
    with pytest.raises(BadFrame):
        rest.read_instruments(b'[{"id":1}]')


def test_a_coin_that_is_left_out_is_no_market() -> None:
    for body in (b"[]", b"{}", b'{"ethereum":{"usd":1}}'):
        with pytest.raises(UnknownMarket):
            rest.read_ticker(body, BTC, NOW_NS)


def test_a_simple_price_has_its_volume_and_time_where_they_were_asked_for() -> None:
    said = b'"usd":91900.5,"usd_market_cap":1.8e12,"usd_24h_vol":31000000000.5,"usd_24h_change":null'
    ticker = rest.read_ticker(b'{"bitcoin":{' + said + b',"last_updated_at":1789999985}}', BTC, NOW_NS)
    assert (ticker.last_price, ticker.quote_volume_24h, ticker.volume_24h) == ("91900.5", "31000000000.5", None)
    assert ticker.event_us == 1_789_999_985_000_000
    in_two = rest.read_ticker(b'{"bitcoin":{"eur":80000,"usd":91900}}', BTC, NOW_NS)
    assert in_two.last_price == "91900" and in_two.event_us is None
    with pytest.raises(BadFrame):
        rest.read_ticker(b'{"bitcoin":{"usd":1,"last_updated_at":1e30}}', BTC, NOW_NS)


def test_a_time_without_a_zone_and_a_number_that_is_none_are_refused() -> None:
    for row in (b'"last_updated":"2026-09-21T14:13:05"', b'"current_price":"x"', b'"current_price":-1'):
        with pytest.raises(BadFrame):
            rest.read_ticker(b'[{"id":"bitcoin","symbol":"btc",' + row + b"}]", BTC, NOW_NS)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, '{"status":{"error_code":429,"error_message":"Rate Limit exceeded"}}', errors.RateLimited),
        (429, '{"status":{"error_code":429,"error_message":"monthly call credits used up"}}', errors.QuotaSpent),
        (429, "<html>error code: 1015</html>", errors.RateLimited),
        (403, "<html>error code: 1015</html>", errors.RateLimited),
        (403, "<html>Access denied 1020</html>", errors.Forbidden),
        (403, '{"error":"forbidden"}', errors.Forbidden),
        (401, '{"error":{"status":{"error_code":10002,"error_message":"API key missing"}}}', errors.NotAuthenticated),
        (401, '{"status":{"error_code":10005,"error_message":"paid plans only"}}', errors.NotInPlan),
        (400, '{"status":{"error_code":10010,"error_message":"wrong key"}}', errors.NotAuthenticated),
        (400, '{"error":{"status":{"error_code":10011,"error_message":"wrong host"}}}', errors.NotAuthenticated),
        (404, '{"error":"coin not found"}', errors.UnknownMarket),
        (422, '{"error":"Invalid days parameter"}', errors.Refused),
        (408, "", errors.ServerFault),
        (502, "<html>Bad gateway</html>", errors.ServerFault),
        (200, "<!DOCTYPE html><html>just a moment</html>", errors.ServerFault),
        (200, '{"status":{"error_code":429,"error_message":"slow down"}}', errors.RateLimited),
        (200, '{"error":"coin not found"}', errors.Refused),
    ],
)  # fmt: skip
def test_an_error_is_read_in_each_of_its_shapes(status: int, body: str, kind: type[Exception]) -> None:
    assert type(rest.read_error(status, {}, body.encode())) is kind


def test_words_about_a_key_are_not_repeated() -> None:
    for status, code in ((401, 0), (401, 10002), (400, 10010), (400, 10011)):
        body = json.dumps({"status": {"error_code": code, "error_message": "the key CG-SECRET is wrong"}})
        error = rest.read_error(status, {}, body.encode())
        assert isinstance(error, errors.NotAuthenticated) and "SECRET" not in str(error)


def test_an_answer_is_no_error_and_a_wait_that_is_named_is_kept() -> None:
    for body in (b"[]", b'{"bitcoin":{"usd":1}}', b'{"gecko_says":"(V3) To the Moon!"}'):
        assert rest.read_error(200, {}, body) is None
    error = rest.read_error(429, {"retry-after": "119"}, b"<html>")
    assert isinstance(error, errors.RateLimited) and error.retry_after_s == 119
    for said in ("", "soon", "9" * 40):
        error = rest.read_error(429, {"retry-after": said}, b"{}")
        assert isinstance(error, errors.RateLimited) and error.retry_after_s == 60


def test_what_the_source_has_not_is_refused_and_told_on_the_card() -> None:
    assert {"trade", "depth"} <= CARD.missing.keys()
    assert not hasattr(CARD.rest, "trades_request") and not hasattr(CARD.rest, "depth_request")
    with pytest.raises(BadFrame):
        rest.read_trades(b"[]", BTC, NOW_NS)
    with pytest.raises(BadFrame):
        rest.read_depth(b"[]", BTC, NOW_NS)
