"""Hyperliquid's info endpoint: requests as the exchange documents them, and what answers and errors come to."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from exchanges.contract import Request
from exchanges.errors import BadFrame, ExchangeError, Forbidden, RateLimited, Refused, ServerFault, UnknownMarket
from exchanges.events import Rejected
from exchanges.hyperliquid import CARD, rest
from exchanges.intervals import HOUR_MS
from exchanges.symbols import Instrument
from tests.exchanges.fuzz import anything, mutated, read_by_all

PERPETUAL = Instrument(symbol="BTC-USDC-PERP", venue_symbol="BTC", base="BTC", quote="USDC", kind="perpetual")
SPOT = Instrument(symbol="HYPE-USDC", venue_symbol="@107", base="HYPE", quote="USDC", kind="spot")
META = {
    "universe": [
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40},
        {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10, "isDelisted": None},
        {"name": "MATIC", "szDecimals": 1, "maxLeverage": 20, "isDelisted": True},
    ],
    "marginTables": [], "collateralToken": 0,
}  # fmt: skip
SPOT_META = {
    "tokens": [
        {"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0, "tokenId": "0x0", "isCanonical": True},
        {"name": "HYPE", "szDecimals": 2, "weiDecimals": 8, "index": 150, "tokenId": "0x1", "isCanonical": False},
        {"name": "UBTC", "szDecimals": 5, "weiDecimals": 10, "index": 197, "tokenId": "0x2", "isCanonical": False},
        {"name": "UBTC", "szDecimals": 4, "weiDecimals": 10, "index": 198, "tokenId": "0x3", "isCanonical": False},
        {"name": "PURR", "szDecimals": 0, "weiDecimals": 5, "index": 1, "tokenId": "0x4", "isCanonical": True},
        {"name": "USDT0", "szDecimals": 2, "weiDecimals": 8, "index": 268, "tokenId": "0x5", "isCanonical": False},
    ],
    "universe": [
        {"name": "PURR/USDC", "tokens": [1, 0], "index": 0, "isCanonical": True},
        {"name": "@107", "tokens": [150, 0], "index": 107, "isCanonical": False},
        {"name": "@140", "tokens": [197, 0], "index": 140, "isCanonical": False},
        {"name": "@142", "tokens": [198, 0], "index": 142, "isCanonical": False},
        {"name": "@166", "tokens": [150, 268], "index": 166, "isCanonical": False},
        {"name": "@999", "tokens": [999, 0], "index": 999, "isCanonical": False},
    ],
}  # fmt: skip
CANDLE = {"t": 1790344800000, "T": 1790348399999, "s": "BTC", "i": "1h", "o": "83912.0", "c": "84010.0",
          "h": "84039.0", "l": "83133.0", "v": "3997.94344", "n": 35095}  # fmt: skip


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def asked(request: Request) -> dict[str, Any]:
    assert (request.method, request.target) == ("POST", "/info") and request.body
    return json.loads(request.body)


def test_perpetuals_are_quoted_in_their_collateral_and_keep_their_spelling() -> None:
    bitcoin, pepe, matic = rest.read_instruments(body(META))
    assert bitcoin == Instrument(
        symbol="BTC-USDC-PERP", venue_symbol="BTC", base="BTC", quote="USDC", kind="perpetual", settle="USDC",
        quantity_increment="0.00001", min_quantity="0.00001", min_notional="10", contract_size="1",
    )  # fmt: skip
    assert (pepe.symbol, pepe.base, pepe.quantity_increment, pepe.status) == (
        "kPEPE-USDC-PERP",
        "kPEPE",
        "1",
        "trading",
    )
    assert matic.status == "delisted"


def test_a_builders_perpetual_loses_the_prefix_and_takes_the_collateral_of_its_listing() -> None:
    meta = {"universe": [{"name": "xyz:TSLA", "szDecimals": 3}], "collateralToken": 360}
    [tesla] = rest.read_instruments(body(meta))
    assert (tesla.symbol, tesla.venue_symbol, tesla.settle) == ("TSLA-USDH-PERP", "xyz:TSLA", "USDH")
    rejected: list[Rejected] = []
    assert rest.read_instruments(body({**meta, "collateralToken": 77}), rejected) == []
    assert [one.kind for one in rejected] == ["row: collateral"]


def test_spot_tokens_are_found_by_their_index_and_duplicates_carry_their_own_id() -> None:
    rejected: list[Rejected] = []
    found = rest.read_instruments(body(SPOT_META), rejected)
    assert [(one.symbol, one.venue_symbol) for one in found] == [
        ("PURR-USDC", "PURR/USDC"), ("HYPE-USDC", "@107"), ("UBTC-USDC", "@140"), ("UBTC-USDC.142", "@142"),
        ("HYPE-USDT0", "@166"),
    ]  # fmt: skip
    assert [one.quantity_increment for one in found] == ["1", "0.01", "0.00001", "0.0001", "0.01"]
    assert [one.kind for one in rejected] == ["row: token"]
    with pytest.raises(BadFrame):
        rest.read_instruments(body(SPOT_META))


def test_candles_are_asked_for_by_a_body_of_numbers_within_the_page() -> None:
    request = rest.candles_request(PERPETUAL, "1h", HOUR_MS * 10, HOUR_MS * 100_000)
    assert asked(request) == {
        "type": "candleSnapshot",
        "req": {"coin": "BTC", "interval": "1h", "startTime": HOUR_MS * 10 - 1, "endTime": HOUR_MS * 510 - 1},
    }
    assert request.weight == 29 <= CARD.limits[0].amount
    early = asked(rest.candles_request(SPOT, "1w", 0, HOUR_MS))["req"]
    assert (early["startTime"], early["endTime"], early["coin"]) == (0, HOUR_MS - 1, "@107")


def test_the_running_candle_is_open_and_one_of_another_interval_is_broken() -> None:
    later = {**CANDLE, "t": 1790348400000, "T": 1790351999999}
    rejected: list[Rejected] = []
    rows = body([later, CANDLE, {**CANDLE, "i": "1m"}, {**CANDLE, "t": CANDLE["t"] + 1}, {**CANDLE, "o": None}])  # type: ignore[operator]
    found = rest.read_candles(rows, PERPETUAL, "1h", 1, 1790351999999, rejected)
    assert [(one.open_ms, one.closed) for one in found] == [(1790344800000, True), (1790348400000, False)]
    assert [one.kind for one in rejected] == ["row: interval", "row: alignment", "row: shape"]


def test_trades_come_newest_first_and_leave_oldest_first() -> None:
    row = {"coin": "BTC", "side": "A", "px": "84143.0", "sz": "0.1", "time": 1790000000000, "hash": "0x", "tid": 5}
    found = rest.read_trades(body([{**row, "time": 1790000000001, "tid": 1}, {**row, "tid": 3}, row]), PERPETUAL, 1)
    assert [(one.trade_id, one.side) for one in found] == [("5", "sell"), ("3", "sell"), ("1", "sell")]
    assert asked(rest.trades_request(PERPETUAL)) == {"type": "recentTrades", "coin": "BTC"}
    with pytest.raises(Refused):
        rest.trades_request(PERPETUAL, from_id="5")


def test_a_ticker_is_found_by_its_place_among_perpetuals_and_by_its_name_among_spot() -> None:
    contexts = [{"prevDayPx": "1.0", "dayNtlVlm": "2.0", "dayBaseVlm": "3.0", "markPx": "4.0", "midPx": None}] * 3
    ticker = rest.read_ticker(body([META, contexts]), PERPETUAL, 1)
    assert (ticker.open_24h, ticker.quote_volume_24h, ticker.volume_24h, ticker.last_price) == ("1", "2", "3", None)
    spot = [{"coin": "@166", "prevDayPx": "9.5", "dayNtlVlm": "1"}, {"coin": "@107", "prevDayPx": "38.5"}]
    found = rest.read_ticker(body([SPOT_META, spot]), SPOT, 1)
    assert (found.open_24h, found.volume_24h) == ("38.5", None)
    assert asked(rest.ticker_request(SPOT)) == {"type": "spotMetaAndAssetCtxs"}
    assert asked(rest.ticker_request(PERPETUAL)) == {"type": "metaAndAssetCtxs"}
    with pytest.raises(UnknownMarket):
        rest.read_ticker(body([SPOT_META, spot[:1]]), SPOT, 1)


def test_a_book_has_twenty_levels_however_many_are_asked_for() -> None:
    assert rest.depth_request(SPOT, 1000) == rest.info("l2Book", 2, coin="@107")
    levels = [[{"px": "38.5", "sz": "1.0", "n": 1}], []]
    depth = rest.read_depth(body({"coin": "@107", "time": 1790000000000, "levels": levels}), SPOT, 1)
    assert (depth.bids, depth.asks, depth.sequence) == ((("38.5", "1"),), (), None)


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (200, b"null", UnknownMarket),
        (422, b"Failed to deserialize the JSON body into the target type", Refused),
        (429, b"null", RateLimited),
        (403, b"<html>", Forbidden),
        (500, b"null", ServerFault),
        (502, b"\xff", ServerFault),
    ],
)
def test_each_error_has_its_meaning(status: int, said: bytes, error: type[ExchangeError]) -> None:
    assert type(rest.read_error(status, {}, said)) is error


BODIES = [json.dumps(one) for one in (META, SPOT_META, [CANDLE], [META, [{"prevDayPx": "1.0"}] * 3])]


@settings(max_examples=150, deadline=None)
@given(said=anything | mutated(BODIES))
def test_no_body_raises_anything_but_our_own_errors(said: str | bytes) -> None:
    read_by_all(rest, said, PERPETUAL)


def test_an_answer_is_no_error_and_a_broken_one_is_a_bad_frame() -> None:
    assert rest.read_error(200, {}, b"[]") is None and rest.used_weight({}) is None
    for broken in (b"", b"[", b"[[[[", b'{"universe":3}', b"\xff", b'"text"'):
        with pytest.raises(BadFrame):
            rest.read_instruments(broken)
        with pytest.raises(BadFrame):
            rest.read_ticker(broken, PERPETUAL, 1)
    assert asked(CARD.probe) == {"type": "l2Book", "coin": "BTC"}
