"""Binance's REST API: requests as the exchange documents them, and what answers and errors come to."""

import json
from typing import Any

import pytest

from exchanges.binance import CARD, rest
from exchanges.contract import Sight
from exchanges.errors import BadFrame, ExchangeError, Forbidden, RateLimited, Refused, ServerFault, UnknownMarket
from exchanges.events import Rejected
from exchanges.symbols import Instrument

BTC = Instrument(symbol="BTC-USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="spot")
CANDLE = [1790000000000, "1.0", "2.0", "0.5", "1.5", "10.0", 1790000059999, "15.0", 3, "4.0", "6.0", "0"]
TRADE = {"id": 28457, "price": "4.00000100", "qty": "12.00000000", "quoteQty": "48.000012", "time": 1499865549590,
         "isBuyerMaker": True, "isBestMatch": True}  # fmt: skip
DAY = {
    "symbol": "BNBBTC", "priceChange": "-94.99999800", "priceChangePercent": "-95.960",
    "prevClosePrice": "0.10002000", "lastPrice": "4.00000200", "lastQty": "200.00000000", "bidPrice": "4.00000000",
    "bidQty": "100.00000000", "askPrice": "4.00000200", "askQty": "100.00000000", "openPrice": "99.00000000",
    "highPrice": "100.00000000", "lowPrice": "0.10000000", "volume": "8913.30000000", "quoteVolume": "15.30000000",
    "openTime": 1499783499040, "closeTime": 1499869899040, "firstId": 28385, "lastId": 28460, "count": 76,
}  # fmt: skip

BANNED = b'{"code":-1003,"msg":"Way too many requests; IP banned until 1790000300500. Please use the websocket."}'


def info(**changes: Any) -> dict[str, Any]:
    filters = [
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.0", "tickSize": "0.01000000"},
        {"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0", "applyMinToMarket": True},
        {"filterType": "SOMETHING_NEW", "limit": 5},
    ]
    names = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
    return {**names, "permissions": [], "permissionSets": [["SPOT"]], "filters": filters, **changes}


def read(*symbols: dict[str, Any], rejected: list[Rejected] | None = None) -> list[Instrument]:
    return rest.read_instruments(json.dumps({"timezone": "UTC", "symbols": symbols}).encode(), rejected)


def test_an_instrument_is_made_from_its_assets_and_its_filters_by_name() -> None:
    [found] = read(info())
    assert found == Instrument(
        symbol="BTC-USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="spot", status="trading",
        price_increment="0.01", quantity_increment="0.00001", min_quantity="0.00001", max_quantity="9000",
        min_notional="5", max_notional="9000000", contract_size="1",
    )  # fmt: skip


def test_a_rule_of_zero_is_off_and_the_older_name_is_read_too() -> None:
    off = {"filterType": "PRICE_FILTER", "tickSize": "0.00000000"}
    [found] = read(info(filters=[off, {"filterType": "MIN_NOTIONAL", "minNotional": "10.0"}]))
    assert (found.price_increment, found.quantity_increment, found.min_notional) == (None, None, "10")


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY", "NEVER_SEEN"])
def test_whatever_is_not_trading_is_halted(status: str) -> None:
    assert read(info(status=status))[0].status == "halted"


def test_letters_beyond_ascii_are_kept() -> None:
    [found] = read(info(symbol="币安人生USDT", baseAsset="币安人生"))
    assert (found.symbol, found.venue_symbol) == ("币安人生-USDT", "币安人生USDT")
    request = rest.ticker_request(found)
    assert request.target.isascii() and request.query["symbol"] == "币安人生USDT"


def test_a_broken_row_does_not_take_the_others_with_it() -> None:
    rejected: list[Rejected] = []
    assert len(read(info(), info(symbol=5), info(symbol="X", baseAsset="X"), rejected=rejected)) == 2
    assert [row.reason for row in rejected] == ["row 1: Expected `str`, got `int` - at `$.symbol`"]
    with pytest.raises(BadFrame, match="row 0"):
        read(info(symbol=5))


def test_candles_are_asked_for_up_to_but_not_including_the_end() -> None:
    request = rest.candles_request(BTC, "1M", 60_000, 180_000)
    assert request.target == "/api/v3/klines?symbol=BTCUSDT&interval=1M&startTime=60000&endTime=179999&limit=1000"
    assert request.weight == 2
    assert rest.candles_request(BTC, "1m", 0, 1, limit=5000).query["limit"] == "1000"


@pytest.mark.parametrize(("now_ms", "closed"), [(1790000059999, False), (1790000060000, True)])
def test_a_candle_is_closed_when_its_last_millisecond_is_over(now_ms: int, closed: bool) -> None:
    body = json.dumps([CANDLE]).encode()
    [by_clock] = rest.read_candles(body, BTC, "1m", 5, now_ms)
    [by_receive] = rest.read_candles(body, BTC, "1m", now_ms * 1_000_000)
    assert by_clock.closed is by_receive.closed is closed
    assert (by_clock.open, by_clock.high, by_clock.low, by_clock.close) == ("1", "2", "0.5", "1.5")
    assert (by_clock.volume, by_clock.quote_volume, by_clock.trades) == ("10", "15", 3)
    assert (by_clock.open_ms, by_clock.close_ms, by_clock.interval) == (1790000000000, 1790000059999, "1m")


def test_trades_are_asked_for_from_an_id_or_newest() -> None:
    assert rest.trades_request(BTC).target == "/api/v3/trades?symbol=BTCUSDT&limit=1000"
    older = rest.trades_request(BTC, "28457", 10)
    assert (older.target, older.weight) == ("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=28457&limit=10", 25)


def test_a_resting_buyer_means_that_somebody_sold() -> None:
    sold, bought = rest.read_trades(json.dumps([TRADE, {**TRADE, "isBuyerMaker": False}]).encode(), BTC, 7)
    assert (sold.side, bought.side) == ("sell", "buy")
    assert (sold.trade_id, sold.price, sold.quantity) == ("28457", "4.000001", "12")
    assert (sold.trade_us, sold.event_us, sold.received_ns) == (1499865549590000, None, 7)


def test_rows_of_aggregates_are_read_too() -> None:
    row = {"a": 26129, "p": "0.01633102", "q": "4.70443515", "f": 27781, "l": 27783, "T": 1498793709153, "m": True}
    [trade] = rest.read_trades(json.dumps([row]).encode(), BTC, 7)
    assert (trade.trade_id, trade.price, trade.quantity, trade.side) == ("26129", "0.01633102", "4.70443515", "sell")
    assert trade.trade_us == 1498793709153000


def test_the_short_form_of_a_ticker_has_no_best_prices() -> None:
    names = ("lastQty", "bidPrice", "bidQty", "askPrice", "askQty")
    ticker = rest.read_ticker(json.dumps({name: DAY[name] for name in DAY.keys() - set(names)}).encode(), BTC, 7)
    assert (ticker.last_price, ticker.last_quantity, ticker.bid_price, ticker.ask_quantity) == ("4.000002", *[None] * 3)


def test_a_ticker_has_the_figures_of_the_last_day() -> None:
    ticker = rest.read_ticker(json.dumps(DAY).encode(), BTC, 7)
    assert (ticker.last_price, ticker.last_quantity) == ("4.000002", "200")
    assert (ticker.bid_price, ticker.bid_quantity, ticker.ask_price, ticker.ask_quantity) == (
        "4",
        "100",
        "4.000002",
        "100",
    )
    assert (ticker.open_24h, ticker.high_24h, ticker.low_24h) == ("99", "100", "0.1")
    assert (ticker.volume_24h, ticker.quote_volume_24h) == ("8913.3", "15.3")


def test_a_market_nobody_trades_has_no_prices() -> None:
    names = ("lastPrice", "lastQty", "bidPrice", "bidQty", "openPrice", "highPrice", "lowPrice")
    ticker = rest.read_ticker(json.dumps({**DAY, **dict.fromkeys(names, "0.00000000")}).encode(), BTC, 7)
    assert (ticker.last_price, ticker.last_quantity, ticker.bid_price, ticker.bid_quantity) == (None,) * 4
    assert (ticker.open_24h, ticker.ask_price) == (None, "4.000002")


@pytest.mark.parametrize(
    ("limit", "weight"), [(5, 5), (100, 5), (101, 25), (500, 25), (1000, 50), (1001, 250), (5000, 250)]
)
def test_a_deeper_snapshot_weighs_more(limit: int, weight: int) -> None:
    assert rest.depth_request(BTC, limit).weight == weight


def test_a_snapshot_has_a_sequence_and_no_time() -> None:
    depth = rest.read_depth(b'{"lastUpdateId":7,"bids":[["4.00","431.0"]],"asks":[]}', BTC, 3)
    assert (depth.type, depth.bids, depth.asks, depth.sequence, depth.event_us) == (
        "snapshot",
        (("4", "431"),),
        (),
        7,
        None,
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"bids":1}', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_none_is_a_bad_frame(body: bytes) -> None:
    for reader in (rest.read_ticker, rest.read_depth, rest.read_trades):
        with pytest.raises(BadFrame):
            reader(body, BTC, 1)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "retry_after_s"),
    [
        (400, {}, b'{"code":-1121,"msg":"Invalid symbol."}', UnknownMarket, None),
        (400, {}, b'{"code":-1100,"msg":"Illegal characters"}', Refused, None),
        (200, {}, b'{"code":-1121,"msg":"Invalid symbol."}', UnknownMarket, None),
        (429, {"Retry-After": "17"}, b'{"code":-1003,"msg":"Too many requests"}', RateLimited, 17.0),
        (418, {"retry-after": "300"}, b"", RateLimited, 300.0),
        (418, {}, b"", RateLimited, 120.0),
        (418, {"Date": "Mon, 21 Sep 2026 14:13:20 GMT"}, BANNED, RateLimited, 300.5),
        (418, {"Date": "Mon, 21 Sep 2026 14:13:20 GMT", "Retry-After": "7"}, BANNED, RateLimited, 7.0),
        (418, {"Date": "Mon, 21 Sep 2026 15:13:20 GMT"}, BANNED, RateLimited, 1.0),
        (418, {"Date": "soon"}, BANNED, RateLimited, 120.0),
        (418, {}, BANNED, RateLimited, 120.0),
        (418, {"Retry-After": "9" * 400}, b"", RateLimited, 259200.0),
        (429, {"Retry-After": "soon"}, b"", RateLimited, 60.0),
        (400, {}, b'{"code":-1003,"msg":"Too much request weight used"}', RateLimited, 60.0),
        (408, {}, b"", ServerFault, None),
        (400, {}, b'{"code":-1008,"msg":"Server is currently overloaded"}', ServerFault, None),
        (403, {}, b"<html>WAF</html>", Forbidden, None),
        (451, {}, b'{"code":0,"msg":"Service unavailable from a restricted location"}', Forbidden, None),
        (502, {}, b"<html>", ServerFault, None),
        (503, {"Retry-After": "3"}, b'{"code":-1007,"msg":"Timeout"}', ServerFault, 3.0),
    ],
)  # fmt: skip
def test_an_error_is_read_from_status_headers_and_body(
    status: int, headers: dict[str, str], body: bytes, kind: type[ExchangeError], retry_after_s: float | None
) -> None:
    error = rest.read_error(status, headers, body)
    assert type(error) is kind
    assert getattr(error, "retry_after_s", None) == retry_after_s


def test_an_answer_is_no_error() -> None:
    assert rest.read_error(200, {}, b"[]") is None
    assert rest.used_weight({"x-mbx-used-weight-1m": "42"}) == 42
    assert rest.used_weight({"X-MBX-USED-WEIGHT-1M": "many"}) is None
    assert rest.used_weight({"X-MBX-USED-WEIGHT-1M": "9" * 5000}) is None
    assert rest.used_weight({}) is None


def test_a_look_at_several_markets_is_one_request_that_tells_the_newest_trade_of_each() -> None:
    other = Instrument(symbol="币安人生-USDT", venue_symbol="币安人生USDT", base="币安人生", quote="USDT", kind="spot")
    request = CARD.glance.request([BTC, other])
    assert request.query == {"symbols": '["BTCUSDT","币安人生USDT"]', "type": "MINI"}
    assert request.weight == 2
    rows = [{"symbol": "BTCUSDT", "lastId": 28460}, {"symbol": "币安人生USDT", "lastId": -1}]
    found = CARD.glance.read(json.dumps(rows).encode())
    assert found == {"BTCUSDT": Sight("28460", 28460), "币安人生USDT": Sight("-1", -1)}
    with pytest.raises(BadFrame):
        CARD.glance.read(b'[{"symbol":"BTCUSDT"}]')
