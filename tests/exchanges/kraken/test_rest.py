"""Kraken's REST API: requests as the exchange documents them, and what answers and errors come to."""

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
from exchanges.kraken import names, rest
from exchanges.symbols import Instrument

BTC = Instrument(symbol="BTC-USD", venue_symbol="BTC/USD", base="BTC", quote="USD", kind="spot")
TOKEN = Instrument(symbol="AAPLx-USD", venue_symbol="AAPLx/USD", base="AAPLx", quote="USD", kind="spot")
PAIR = {
    "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT", "aclass_quote": "currency",
    "quote": "ZUSD", "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1, "ordermin": "0.00005",
    "costmin": "0.5", "tick_size": "0.1", "status": "online",
}  # fmt: skip
CANDLES = [
    [1790000040, "91062.4", "91062.8", "91062.2", "91062.7", "91062.6", "3.92768066", 12],
    [1790000100, "91062.7", "91062.7", "91062.7", "91062.7", "0.0", "0.00000000", 0],
    [1790000160, "91062.7", "91063.0", "91062.7", "91063.0", "91062.9", "0.10000000", 1],
]
DAY = {
    "a": ["52609.60000", "1", "1.000"], "b": ["52609.50000", "2", "2.500"], "c": ["52641.10000", "0.00080000"],
    "v": ["1920.83610601", "7954.00219674"], "p": ["52389.94668", "54022.90683"], "t": [23329, 80463],
    "l": ["51513.90000", "51513.00000"], "h": ["53219.90000", "57200.00000"], "o": "52280.40000",
}  # fmt: skip
DATE = {"Date": "Mon, 21 Sep 2026 14:13:20 GMT"}
THROTTLED = b'{"error":["EService: Throttled: %d"]}'


def body(result: Any, *errors: str) -> bytes:
    return json.dumps({"error": list(errors), "result": result}).encode()


def read(rejected: list[Rejected] | None = None, **pairs: dict[str, Any]) -> list[Instrument]:
    return rest.read_instruments(body(pairs), rejected)


def test_an_instrument_is_spelled_as_on_the_stream_and_has_its_rules() -> None:
    [found] = read(XXBTZUSD=PAIR)
    assert found == Instrument(
        symbol="BTC-USD", venue_symbol="BTC/USD", base="BTC", quote="USD", kind="spot", status="trading",
        price_increment="0.1", quantity_increment="0.00000001", min_quantity="0.00005", min_notional="0.5",
        contract_size="1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base", "quote", "wsname", "symbol"),
    [
        ("XETH", "XXBT", "ETH/XBT", "ETH-BTC"),
        ("XXDG", "XXBT", None, "DOGE-BTC"),
        ("XTZ", "ZUSD", None, "XTZ-USD"),
        ("ZRX", "ZEUR", None, "ZRX-EUR"),
        ("SOL", "XXBT", "SOL/XBT", "SOL-BTC"),
        ("XXRP", "ZUSD", None, "XRP-USD"),
    ],
)
def test_one_asset_has_one_name(base: str, quote: str, wsname: str | None, symbol: str) -> None:
    [found] = read(X={**PAIR, "base": base, "quote": quote, "wsname": wsname})
    assert (found.symbol, found.venue_symbol) == (symbol, symbol.replace("-", "/"))


def test_dark_pools_are_left_out_and_a_broken_row_is_lost_alone() -> None:
    rejected: list[Rejected] = []
    found = read(
        rejected, **{"XXBTZUSD.d": PAIR, "A": {**PAIR, "base": 5}, "B": PAIR, "C": {**PAIR, "lot_decimals": 99}}
    )
    assert [one.symbol for one in found] == ["BTC-USD"]
    assert [row.kind for row in rejected] == ["row: shape", "row: decimals"]


@pytest.mark.parametrize(
    ("status", "ours"),
    [("online", "trading"), ("limit_only", "trading"), ("reduce_only", "trading"), ("post_only", "halted"),
     ("cancel_only", "halted"), ("maintenance", "halted"), ("delisted", "delisted"), ("never_seen", "halted")],
)  # fmt: skip
def test_a_market_trades_while_orders_are_matched(status: str, ours: str) -> None:
    assert read(X={**PAIR, "status": status})[0].status == ours


def test_requests_name_the_market_with_its_slash_and_a_token_its_class() -> None:
    assert rest.trades_request(BTC).target == "/0/public/Trades?pair=BTC%2FUSD&count=1000"
    assert rest.trades_request(BTC, from_id="7") == rest.trades_request(BTC)  # the newest, whose ids tell the rest
    assert rest.ticker_request(TOKEN).query == {"pair": "AAPLx/USD", "asset_class": "tokenized_asset"}
    assert rest.depth_request(BTC, 5000).query["count"] == "500"
    assert [request.query for request in rest.instruments_requests()] == [{}, {"aclass_base": "tokenized_asset"}]


def test_candles_are_asked_for_from_a_second_before_their_start() -> None:
    request = rest.candles_request(BTC, "1h", 1790000100000, 1790003700000)
    assert request.query == {"pair": "BTC/USD", "interval": "60", "since": "1790000099"}
    assert rest.candles_request(BTC, "1m", 0, 60_000).query["since"] == "0"


def test_the_last_candle_is_running_and_one_without_trades_is_flat() -> None:
    answer = body({"XXBTZUSD": CANDLES, "last": 1790000100})
    candles = rest.read_candles(answer, BTC, "1m", 7, now_ms=1790000300000)
    assert [candle.closed for candle in candles] == [True, True, False]
    assert [candle.closed for candle in rest.read_candles(answer, BTC, "1m", 7, now_ms=1790000150000)] == [
        True,
        False,
        False,
    ]
    first, flat, _ = candles
    assert (first.open_ms, first.close_ms) == (1790000040000, 1790000099999)
    assert (first.open, first.high, first.low, first.close) == ("91062.4", "91062.8", "91062.2", "91062.7")
    assert (first.volume, first.quote_volume, first.trades) == ("3.92768066", None, 12)
    assert (flat.volume, flat.trades, flat.open, flat.close) == ("0", 0, "91062.7", "91062.7")


def test_trades_have_the_takers_side_and_exact_times() -> None:
    rows = [
        ["91117.40000", "0.04000000", 1790000001.7087063, "s", "m", "", 81466906],
        ["91117.50000", "0.00000001", 1790000001.7087064, "b", "l", "", 81466907],
    ]
    sold, bought = rest.read_trades(body({"XXBTZUSD": rows, "last": "1790000001708706400"}), BTC, 7)
    assert (sold.side, bought.side) == ("sell", "buy")
    assert (sold.trade_id, sold.price, sold.quantity) == ("81466906", "91117.4", "0.04")
    assert (sold.trade_us, sold.event_us) == (1790000001708706, None)


def test_a_trade_without_the_id_of_later_answers_has_none_and_a_broken_one_is_lost_alone() -> None:
    rows = [["1.0", "1.0", 1.5, "s", "l", ""], ["1.0", "1.0", 1.5, "s"], ["x", "1.0", 1.5, "s", "l", "", 7], 5]
    rejected: list[Rejected] = []
    [found] = rest.read_trades(body({"X": rows}), BTC, 7, rejected)
    assert (found.trade_id, found.trade_us) == ("", 1_500_000)
    assert [row.kind for row in rejected] == ["row: shape", "row: broken", "row: shape"]


def test_a_ticker_has_the_second_figures_and_no_open_of_24_hours() -> None:
    ticker = rest.read_ticker(body({"XXBTZUSD": DAY}), BTC, 7)
    assert (ticker.last_price, ticker.last_quantity) == ("52641.1", "0.0008")
    assert (ticker.bid_price, ticker.bid_quantity, ticker.ask_price, ticker.ask_quantity) == (
        "52609.5",
        "2.5",
        "52609.6",
        "1",
    )
    assert (ticker.high_24h, ticker.low_24h, ticker.volume_24h) == ("57200", "51513", "7954.00219674")
    assert (ticker.open_24h, ticker.quote_volume_24h, ticker.event_us) == (None, None, None)


def test_a_side_that_does_not_exist_is_absent() -> None:
    empty = rest.read_ticker(body({"X": {**DAY, "b": ["0.00000", "0", "0.000"], "c": ["0.0", "0.0"]}}), BTC, 7)
    assert (empty.bid_price, empty.bid_quantity, empty.last_price, empty.last_quantity) == (None,) * 4


def test_a_book_has_no_sequence_and_no_level_whose_quantity_was_rounded_away() -> None:
    sides = {"asks": [["2.00000", "0.136", 1790000001]], "bids": [["1.90000", "0.000", 1], ["1.80000", "4.000", 1]]}
    depth = rest.read_depth(body({"X": sides}), BTC, 3)
    assert (depth.type, depth.bids, depth.asks, depth.sequence, depth.event_us) == (
        "snapshot",
        (("1.8", "4"),),
        (("2", "0.136"),),
        None,
        None,
    )


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"error":[]}', b"\xff\xfe", b"[" * 100_000, body({}), body({"A": 1, "B": 2}),
     body({"X": []}, "EGeneral:Internal error"), body({"X": {"a": ["1"], "b": []}})],
)  # fmt: skip
def test_a_body_that_is_none_is_a_bad_frame(answer: bytes) -> None:
    for reader in (rest.read_ticker, rest.read_depth):
        with pytest.raises(BadFrame):
            reader(answer, BTC, 1)


@pytest.mark.parametrize(
    ("status", "headers", "answer", "kind", "retry_after_s"),
    [
        (200, {}, body({}, "EQuery:Unknown asset pair"), UnknownMarket, None),
        (200, {}, body({}, "EGeneral:Invalid arguments:pair"), Refused, None),
        (200, {}, b'{"error":["EAPI:Rate limit exceeded"]}', RateLimited, 5.0),
        (200, {}, b'{"error":["EGeneral:Too many requests"]}', RateLimited, 5.0),
        (200, {}, b'{"error":["EGeneral:Temporary lockout"]}', RateLimited, 60.0),
        (200, DATE, THROTTLED % 1790000017, RateLimited, 17.0),
        (200, {"date": "never"}, THROTTLED % 1790000017, RateLimited, 5.0),
        (200, DATE, THROTTLED % 99999999999, RateLimited, 3600.0),
        (200, {}, b'{"error":["EService:Unavailable"]}', ServerFault, None),
        (200, {}, b'{"error":["EService:Market in cancel_only mode"]}', ServerFault, None),
        (200, {}, b'{"error":["EGeneral:Internal error[1]"]}', ServerFault, None),
        (200, {}, b'{"error":["EAPI:Invalid key"]}', NotAuthenticated, None),
        (200, {}, b'{ "error": [ "WSomething", "EQuery:Unknown asset pair" ] }', UnknownMarket, None),
        (429, {}, b"<html>", RateLimited, 5.0),
        (403, {}, b"<html>cloudflare</html>", Forbidden, None),
        (451, {}, b"", Forbidden, None),
        (520, {}, b"<html>", ServerFault, None),
        (404, {}, b"<html>", Refused, None),
    ],
)  # fmt: skip
def test_an_error_is_read_inside_200_and_outside(
    status: int, headers: dict[str, str], answer: bytes, kind: type[ExchangeError], retry_after_s: float | None
) -> None:
    error = rest.read_error(status, headers, answer)
    assert type(error) is kind
    assert getattr(error, "retry_after_s", None) == retry_after_s


def test_an_answer_is_no_error_nor_is_one_with_a_warning() -> None:
    assert rest.read_error(200, {}, b'{"error":[],"result":{}}') is None
    assert rest.read_error(200, {}, body({"XXBTZUSD": DAY}, "WGeneral:Deprecated")) is None
    assert rest.read_ticker(body({"XXBTZUSD": DAY}, "WGeneral:Deprecated"), BTC, 7).last_price == "52641.1"
    assert rest.used_weight({}) is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("BTC/USD", "BTC-USD"), ("XBT/USD", "BTC-USD"), ("ETH/XBT", "ETH-BTC"), ("XDG/XBT", "DOGE-BTC"),
     ("AAPLx/USD", "AAPLx-USD"), ("XBTUSD", None), ("/USD", None), ("A/B/C", None), ("", None)],
)  # fmt: skip
def test_the_spelling_alone_tells_our_symbol_where_it_has_a_slash(theirs: str, ours: str | None) -> None:
    assert names.spelled(theirs) == ours


def test_only_a_tokenized_stock_is_a_token() -> None:
    assert [name for name in ("AAPLx/USD", "BTC/USD", "x/USD", "NEARx/EUR", "1000x/USD") if names.is_token(name)] == [
        "AAPLx/USD",
        "NEARx/EUR",
        "1000x/USD",
    ]
