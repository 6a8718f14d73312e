"""Alpaca's REST: requests as the source documents them, and what answers and errors come to."""

import json
from typing import Any

import pytest

from exchanges.alpaca import CARD, rest
from exchanges.alpaca.names import micros
from exchanges.errors import (
    BadFrame,
    Forbidden,
    NotAuthenticated,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)
from exchanges.events import Rejected
from exchanges.symbols import Instrument

PAIR = Instrument(symbol="BTC-USD", venue_symbol="BTC/USD", base="BTC", quote="USD", kind="spot")
SHARE = Instrument(symbol="BRK.B", venue_symbol="BRK.B", base="BRK.B", quote="USD", kind="stock")
ASSET = {"id": "x", "class": "crypto", "exchange": "CRYPTO", "symbol": "BTC/USD", "status": "active", "tradable": True,
         "min_order_size": "0.000026873", "min_trade_increment": "0.000000001", "price_increment": "1"}  # fmt: skip


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_the_listing_is_asked_of_the_trading_host_and_all_else_of_the_data_host():
    assert [CARD.address(one) for one in rest.instruments_requests()] == ["https://paper-api.alpaca.markets"] * 2
    assert CARD.address(rest.ticker_request(PAIR)) == "https://data.alpaca.markets"


def test_pairs_and_shares_are_listed_those_over_the_counter_not():
    rejected: list[Rejected] = []
    share = {"id": "y", "class": "us_equity", "exchange": "NYSE", "symbol": "BRK.B", "tradable": False}
    rows = [ASSET, share, {**share, "symbol": "BAYRY", "exchange": "OTC"}, {**share, "class": "us_option"},
            {**ASSET, "symbol": "BITCOIN"}, {"id": "z"}]  # fmt: skip
    pair, stock = rest.read_instruments(body(rows), rejected)
    assert (pair.symbol, pair.quantity_increment, pair.min_quantity) == ("BTC-USD", "0.000000001", "0.000026873")
    assert (stock.symbol, stock.kind, stock.status) == ("BRK.B", "stock", "halted")
    assert len(rejected) == 3
    with pytest.raises(BadFrame):
        rest.read_instruments(body(rows))


def test_a_pair_without_its_slash_is_that_pair():
    [pair] = rest.read_instruments(body([{**ASSET, "symbol": "LINKUSDT"}]))
    assert (pair.symbol, pair.venue_symbol, pair.base, pair.quote) == ("LINK-USDT", "LINK/USDT", "LINK", "USDT")
    spelled = {name: CARD.spelled(name) for name in ("BTCUSD", "ETHBTC", "USDTUSDC", "GOOGL", "FAKEPACA")}
    assert list(spelled.values()) == ["BTC-USD", "ETH-BTC", "USDT-USDC", "GOOGL", "FAKEPACA"]


def test_without_keys_the_pairs_are_those_of_the_public_list_that_are_quoted():
    [request] = CARD.open_lists
    asked = request.query["symbols"].split(",")
    assert len(asked) == len(set(asked)) > 50 and {"BTC/USD", "ETH/BTC"} <= set(asked) and not request.host
    quote = {"t": "2026-09-21T14:13:20Z", "bp": 1, "bs": 1, "ap": 2, "as": 1}
    pairs = rest.read_instruments(body({"quotes": {"BTC/USD": quote, "ETH/BTC": quote}}))
    assert [(one.symbol, one.kind, one.price_increment) for one in pairs] == [
        ("BTC-USD", "spot", None), ("ETH-BTC", "spot", None)
    ]  # fmt: skip


def test_an_answer_about_one_market_alone_is_read_too():
    quote = {"t": "2026-09-21T14:13:20Z", "bp": 1, "bs": 300, "ap": 2, "as": 1, "z": "A"}
    trade = {"t": "2026-09-21T14:13:20Z", "x": "V", "p": 1.5, "s": 3, "c": ["@"], "i": 7, "z": "A"}
    bar = {"t": "2026-09-21T14:13:00Z", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1, "n": 1}
    assert rest.read_ticker(body({"symbol": "BRK.B", "quote": quote}), SHARE, 1).bid_quantity == "300"
    whole = {"symbol": "BRK.B", "latestTrade": trade, "latestQuote": quote, "minuteBar": bar}
    assert rest.read_ticker(body(whole), SHARE, 1).last_price == "1.5"
    assert [one.trade_id for one in rest.read_trades(body({"symbol": "BRK.B", "trade": trade}), SHARE, 1)] == ["7"]
    assert len(rest.read_candles(body({"symbol": "BRK.B", "bar": bar}), SHARE, "1m", 1)) == 1


def test_sizes_in_quotes_of_stocks_were_lots_until_november_2025_those_of_crypto_never():
    def sizes(at: str, **more: str) -> tuple[str | None, str | None]:
        quote = {"t": at, "bp": 1, "bs": 4, "ap": 0, "as": 0, **more}
        ticker = rest.read_ticker(body({"quotes": {"BRK.B": quote}}), SHARE, 1)
        return ticker.bid_quantity, ticker.ask_quantity

    assert sizes("2025-10-31T20:00:00Z", z="A") == ("400", None)
    assert sizes("2025-11-03T14:30:00Z", z="A") == sizes("2024-01-02T00:00:00Z") == ("4", None)


@pytest.mark.parametrize("size", ["1e99915121428", "-4", "1" * 101])
def test_a_size_that_is_none_is_a_bad_frame(size: str) -> None:
    for at in ("2025-10-31T20:00:00Z", "2025-11-03T14:30:00Z"):
        quotes = f'{{"quotes":{{"BRK.B":{{"t":"{at}","bp":8,"bs":4,"ap":9,"as":{size},"z":"A"}}}}}}'
        with pytest.raises(BadFrame):
            rest.read_ticker(quotes.encode(), SHARE, 1)


def test_requests_name_the_market_the_feed_and_both_bounds():
    asked = rest.candles_request(PAIR, "1h", 1_790_000_000_000, 1_790_003_600_000)
    assert asked.path == "/v1beta3/crypto/us/bars" and asked.query == {
        "symbols": "BTC/USD", "timeframe": "1Hour", "start": "2026-09-21T14:13:20.000Z",
        "end": "2026-09-21T15:13:19.999Z", "limit": "10000", "sort": "asc",
    }  # fmt: skip
    trades = rest.trades_request(SHARE, limit=5)
    assert trades.path == "/v2/stocks/BRK.B/trades" and (trades.query["feed"], trades.query["limit"]) == ("iex", "5")
    for refused in (lambda: rest.trades_request(PAIR, "1"), lambda: rest.depth_request(SHARE, 5)):
        with pytest.raises(Refused):
            refused()


def test_a_book_and_a_null_list():
    row = {"t": "2026-09-21T14:13:20Z", "b": [{"p": 5, "s": 1}], "a": [{"p": 6.5, "s": 2}]}
    depth = rest.read_depth(body({"orderbooks": {"BTC/USD": row}}), PAIR, 1)
    assert (depth.bids, depth.asks) == ((("5", "1"),), (("6.5", "2"),))
    with pytest.raises(UnknownMarket):
        rest.read_depth(body({"orderbooks": {}}), PAIR, 1)
    assert rest.read_trades(body({"trades": None, "next_page_token": None}), SHARE, 1) == []


def test_a_day_of_a_stock_is_as_long_as_new_york_says():
    def day(at: str) -> int:
        bar = {"t": at, "o": 1, "h": 1, "l": 1, "c": 1, "v": 1, "n": 1}
        [candle] = rest.read_candles(body({"symbol": "BRK.B", "bars": [bar]}), SHARE, "1d", 1, 0)
        return (candle.close_ms + 1 - candle.open_ms) // 3_600_000

    assert [day("2026-03-08T05:00:00Z"), day("2026-09-21T04:00:00Z"), day("2026-11-01T04:00:00Z")] == [23, 24, 25]
    with pytest.raises(BadFrame):
        day("2026-09-21T00:00:00Z")


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (401, {"message": "unauthorized"}, NotAuthenticated),
        (403, {"message": "forbidden."}, NotAuthenticated),
        (403, "<html>", Forbidden),
        (422, {"code": 42210000, "message": "subscription does not permit querying recent SIP data"}, NotAuthenticated),
        (400, {"message": "invalid symbol: NOPE"}, UnknownMarket),
        (404, {"code": 40410000, "message": "asset not found for X"}, UnknownMarket),
        (400, {"message": "invalid limit"}, Refused),
        (500, "<html>", ServerFault),
        (200, "<html>", ServerFault),
    ],
)
def test_errors_are_told_by_their_words_and_status(status: int, words: Any, kind: type[Exception]):
    raw = words.encode() if isinstance(words, str) else body(words)
    assert type(rest.read_error(status, {}, raw)) is kind


def test_a_limit_waits_for_the_quota_to_change():
    def wait_s(**headers: str) -> float:
        error = rest.read_error(429, {name.replace("_", "-"): text for name, text in headers.items()}, b"")
        assert isinstance(error, RateLimited)
        return error.retry_after_s

    assert wait_s() == 60 and wait_s(retry_after="7") == 7
    assert wait_s(x_ratelimit_reset="1790000010", date="Mon, 21 Sep 2026 14:13:20 GMT") == 10
    assert rest.read_error(200, {}, b"{}") is None
    assert rest.used_weight({"x-ratelimit-limit": "200", "x-ratelimit-remaining": "150"}) == 50
    assert rest.used_weight({}) is None


def test_times_have_up_to_nine_digits_and_a_zone():
    assert micros("2026-09-21T14:13:20.123456789Z") == 1_790_000_000_123_456
    assert micros("2026-09-21T10:13:20-04:00") == 1_790_000_000_000_000
    for wrong in ("2026-09-21", "2026-09-21T14:13:20", "2026-13-21T14:13:20Z", "0001-01-01T00:00:00Z", ""):
        with pytest.raises(BadFrame):
            micros(wrong)
