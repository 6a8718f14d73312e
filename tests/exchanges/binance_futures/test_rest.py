"""The REST API of Binance USD-M Futures: requests as documented, and what answers and errors come to."""

import json
from typing import Any

import pytest

from exchanges.binance_futures import CARD, rest
from exchanges.contract import Sight
from exchanges.errors import BadFrame, ExchangeError, Forbidden, RateLimited, Refused, ServerFault, UnknownMarket
from exchanges.events import Rejected
from exchanges.symbols import Instrument

BTC = Instrument(symbol="BTC-USDT-PERP", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="perpetual")
NEVER_MS, DECEMBER_MS = 4_133_404_800_000, 1_798_185_600_000
AGGREGATE = {"a": 26129, "p": "84143.10", "q": "0.120", "nq": "0.100", "f": 1, "l": 5, "T": 1790000000098, "m": True}
MATCH = {"id": 28457, "price": "4.00", "qty": "12", "quoteQty": "48.00", "time": 1499865549590, "isBuyerMaker": True,
         "isRPITrade": False}  # fmt: skip
DAY = {
    "symbol": "BTCUSDT", "priceChange": "-94.90", "priceChangePercent": "-95.960", "weightedAvgPrice": "0.29628482",
    "lastPrice": "84143.10", "lastQty": "0.200", "openPrice": "84999.00", "highPrice": "85000.00",
    "lowPrice": "83000.10", "volume": "8913.300", "quoteVolume": "750000000.30", "openTime": 1789913600600,
    "closeTime": 1790000000600, "firstId": 28385, "lastId": 28460, "count": 76,
}  # fmt: skip


def info(**changes: Any) -> dict[str, Any]:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
        {"filterType": "SOMETHING_NEW", "limit": 5},
    ]
    return {
        "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "deliveryDate": NEVER_MS,
        "onboardDate": 1569398400000, "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3, "filters": filters, **changes,
    }  # fmt: skip


def read(*symbols: dict[str, Any], rejected: list[Rejected] | None = None) -> list[Instrument]:
    return rest.read_instruments(json.dumps({"timezone": "UTC", "symbols": symbols}).encode(), rejected)


def test_a_perpetual_is_made_from_its_assets_and_its_filters() -> None:
    assert read(info()) == [
        Instrument(
            symbol="BTC-USDT-PERP", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="perpetual", settle="USDT",
            price_increment="0.1", quantity_increment="0.001", min_quantity="0.001", max_quantity="1000",
            min_notional="100", contract_size="1",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "symbol", "kind", "expiry_ms"),
    [
        ({"contractType": "CURRENT_QUARTER", "deliveryDate": DECEMBER_MS}, "BTC-USDT-20261225", "future", DECEMBER_MS),
        ({"contractType": "NEXT_MONTH", "deliveryDate": DECEMBER_MS}, "BTC-USDT-20261225", "future", DECEMBER_MS),
        ({"contractType": "CURRENT_QUARTER DELIVERING", "deliveryDate": DECEMBER_MS}, "BTC-USDT-20261225", "future",
         DECEMBER_MS),
        ({"contractType": "TRADIFI_PERPETUAL", "baseAsset": "TSLA"}, "TSLA-USDT-PERP", "perpetual", None),
        ({"contractType": "PERPETUAL_DELIVERING", "deliveryDate": DECEMBER_MS}, "BTC-USDT-PERP", "perpetual", None),
        ({"marginAsset": "BNFCR"}, "BTC-USDT-PERP_BNFCR", "perpetual", None),
        ({"baseAsset": "1000PEPE"}, "1000PEPE-USDT-PERP", "perpetual", None),
        ({"contractType": "", "status": "PENDING_TRADING"}, "BTC-USDT-PERP", "perpetual", None),
        ({"contractType": "", "symbol": "BTCUSDT_261225", "deliveryDate": DECEMBER_MS}, "BTC-USDT-20261225", "future",
         DECEMBER_MS),
    ],
)  # fmt: skip
def test_the_type_of_a_contract_and_what_it_settles_in_make_its_symbol(
    changes: dict[str, Any], symbol: str, kind: str, expiry_ms: int | None
) -> None:
    [found] = read(info(**changes))
    assert (found.symbol, found.kind) == (symbol, kind)
    assert found.expiry_us == (expiry_ms and expiry_ms * 1000)


def test_a_market_of_a_list_from_before_there_were_dated_contracts_is_a_perpetual() -> None:
    old = {name: value for name, value in info().items() if name not in ("contractType", "deliveryDate", "marginAsset")}
    [found] = read(old)
    assert (found.symbol, found.kind, found.settle, found.expiry_us) == ("BTC-USDT-PERP", "perpetual", "USDT", None)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("TRADING", "trading"), ("TRADING_HALT", "halted"), ("PENDING_TRADING", "halted"), ("SETTLING", "halted"),
     ("NEVER_SEEN", "halted"), ("CLOSE", "delisted"), ("DELIVERED", "delisted")],
)  # fmt: skip
def test_a_status_that_is_not_known_is_not_tradable(theirs: str, ours: str) -> None:
    assert read(info(status=theirs))[0].status == ours


def test_two_contracts_never_share_a_symbol_and_inverse_ones_are_left_out() -> None:
    coin_m = info(symbol="BTCUSD_PERP", quoteAsset="USD", marginAsset="BTC")
    found = read(info(), coin_m, info(symbol="BTCUSDT2"))
    assert [one.symbol for one in found] == ["BTC-USDT-PERP", "BTC-USDT-PERP.BTCUSDT2"]


def test_a_broken_row_does_not_take_the_others_with_it() -> None:
    rejected: list[Rejected] = []
    rows = [info(), info(symbol=5), info(contractType="SPREAD"), info(contractType="NEXT_MONTH", deliveryDate=10**16)]
    assert len(read(*rows, rejected=rejected)) == 1
    assert [row.kind for row in rejected] == ["row: shape", "row: contract type", "row: delivery"]
    with pytest.raises(BadFrame, match="SPREAD"):
        read(info(contractType="SPREAD"))


@pytest.mark.parametrize(("limit", "count", "weight"), [(99, 99, 1), (100, 100, 2), (500, 500, 5), (None, 1000, 5)])
def test_more_candles_weigh_more(limit: int | None, count: int, weight: int) -> None:
    request = rest.candles_request(BTC, "1M", 60_000, 180_000, limit)
    start = "/fapi/v1/klines?symbol=BTCUSDT&interval=1M&startTime=60000&endTime=179999"
    assert (request.target, request.weight) == (f"{start}&limit={count}", weight)


def test_candles_of_a_second_are_not_offered() -> None:
    assert "1s" not in CARD.intervals and "1M" in CARD.intervals
    assert "candle_1s" in CARD.missing


def test_trades_are_aggregates_with_the_ids_of_the_stream() -> None:
    request = rest.trades_request(BTC, "26129", 10)
    assert (request.target, request.weight) == ("/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=26129&limit=10", 20)
    assert rest.trades_request(BTC).target == "/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1000"
    sold, bought = rest.read_trades(json.dumps([AGGREGATE, {**AGGREGATE, "m": False}]).encode(), BTC, 7)
    assert (sold.side, bought.side) == ("sell", "buy")
    assert (sold.trade_id, sold.price, sold.quantity) == ("26129", "84143.1", "0.12")
    assert (sold.trade_us, sold.event_us, sold.received_ns) == (1790000000098000, None, 7)


def test_rows_of_single_matches_are_read_too() -> None:
    [trade] = rest.read_trades(json.dumps([MATCH]).encode(), BTC, 7)
    assert (trade.trade_id, trade.price, trade.quantity, trade.side) == ("28457", "4", "12", "sell")
    rejected: list[Rejected] = []
    assert rest.read_trades(b'[{"a":1},{"id":1},5]', BTC, 7, rejected) == []
    assert len(rejected) == 3


def test_a_ticker_has_the_figures_of_the_day_and_no_best_prices() -> None:
    ticker = rest.read_ticker(json.dumps(DAY).encode(), BTC, 7)
    assert (ticker.last_price, ticker.last_quantity, ticker.open_24h) == ("84143.1", "0.2", "84999")
    assert (ticker.high_24h, ticker.low_24h) == ("85000", "83000.1")
    assert (ticker.volume_24h, ticker.quote_volume_24h) == ("8913.3", "750000000.3")
    assert (ticker.bid_price, ticker.ask_quantity, ticker.event_us) == (None, None, 1790000000600000)
    quiet = rest.read_ticker(json.dumps({**DAY, "lastPrice": "0.00", "lastQty": "0"}).encode(), BTC, 7)
    assert (quiet.last_price, quiet.last_quantity) == (None, None)


@pytest.mark.parametrize(
    ("limit", "count", "weight"),
    [(1, 5, 2), (5, 5, 2), (6, 10, 2), (50, 50, 2), (100, 100, 5), (101, 500, 10), (501, 1000, 20), (5000, 1000, 20)],
)
def test_a_snapshot_has_one_of_the_sizes_that_are_taken(limit: int, count: int, weight: int) -> None:
    request = rest.depth_request(BTC, limit)
    assert (request.query["limit"], request.weight) == (str(count), weight)


def test_a_snapshot_has_a_sequence_and_a_time() -> None:
    depth = rest.read_depth(b'{"lastUpdateId":7,"E":1790000000170,"T":1,"bids":[["4.00","431"]],"asks":[]}', BTC, 3)
    assert (depth.bids, depth.asks, depth.sequence, depth.event_us) == ((("4", "431"),), (), 7, 1790000000170000)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"bids":1}', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_none_is_a_bad_frame(body: bytes) -> None:
    for reader in (rest.read_ticker, rest.read_depth, rest.read_trades):
        with pytest.raises(BadFrame):
            reader(body, BTC, 1)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "retry_after_s"),
    [
        (400, {}, b'{"code":-1121,"msg":"Invalid symbol."}', UnknownMarket, None),
        (400, {}, b'{"code":-1122,"msg":"Invalid symbol status."}', UnknownMarket, None),
        (400, {}, b'{"code":-4108,"msg":"Symbol is on delivering or delivered or settling."}', UnknownMarket, None),
        (400, {}, b'{"code":-1120,"msg":"Invalid interval."}', Refused, None),
        (401, {}, b'{"code":-2014,"msg":"API-key format invalid."}', Refused, None),
        (200, {}, b'{"code":-1121,"msg":"Invalid symbol."}', UnknownMarket, None),
        (408, {}, b'{"code":-1007,"msg":"Timeout waiting for response from backend server."}', ServerFault, None),
        (503, {}, b'{"code":-1008,"msg":"Request throttled by system-level protection."}', ServerFault, None),
        (429, {}, b'{"code":-1003,"msg":"Too many requests"}', RateLimited, 60.0),
        (429, {"Retry-After": "17"}, b'{"code":-1003,"msg":"Too many requests"}', RateLimited, 17.0),
        (418, {}, b"", RateLimited, 120.0),
        (403, {}, b"<html>WAF</html>", Forbidden, None),
        (451, {}, b'{"code":0,"msg":"Service unavailable from a restricted location"}', Forbidden, None),
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


def test_a_look_at_one_market_costs_little_and_one_at_many_asks_for_all() -> None:
    assert CARD.glance.request([BTC]) == rest.ticker_request(BTC)
    every = CARD.glance.request([BTC, BTC])
    assert (every.target, every.weight) == ("/fapi/v1/ticker/24hr", 40)
    one = CARD.glance.read(json.dumps(DAY).encode())
    assert one == CARD.glance.read(json.dumps([DAY]).encode()) == {"BTCUSDT": Sight("28460")}
