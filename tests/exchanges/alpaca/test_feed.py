"""Alpaca's feed with keys: login, one message at a time, refusals, a book begun anew; and that nothing raises."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.alpaca import CARD, rest
from exchanges.alpaca.feed import AlpacaFeed
from exchanges.contract import Close, Output, Request, Send
from exchanges.events import Candle, Depth, Gap, Rejected, Status, Ticker, Trade
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound

FRAMES = frames_of("alpaca")
KEYS = {"ALPACA_KEY_ID": "key", "ALPACA_SECRET_KEY": "secret"}
S_NS = 1_000_000_000
NOW_NS = 1_790_000_000 * S_NS
BTC, ETH, AAPL = "BTC-USD", "ETH-USD", "AAPL"
BOOK = {"T": "o", "S": "BTC/USD", "t": "2026-09-21T14:13:20Z", "b": [{"p": 5, "s": 1}], "a": [{"p": 6, "s": 1}]}
TARGETS = [
    "/v1beta3/crypto/us/bars?symbols=BTC%2FUSD&timeframe=1Min", "/v2/stocks/AAPL/trades", "/v2/stocks/snapshots",
    "/v1beta3/crypto/us/latest/orderbooks?symbols=BTC%2FUSD", "/nowhere", "/v1beta3/crypto/us/snapshots",
]  # fmt: skip


def instruments() -> Instruments:
    pairs = [
        Instrument(symbol=symbol, venue_symbol=symbol.replace("-", "/"), base=symbol[:3], quote="USD", kind="spot")
        for symbol in (BTC, ETH)
    ]
    return Instruments([*pairs, Instrument(symbol=AAPL, venue_symbol=AAPL, base=AAPL, quote="USD", kind="stock")])


def said(*rows: dict[str, Any]) -> str:
    return json.dumps(rows)


def sent(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in outputs if isinstance(output, Send)]


def listed(**channels: list[str]) -> str:
    return said({"T": "subscription", **channels})


def error(code: int) -> str:
    return said({"T": "error", "code": code, "msg": "as the test says"})


def logged_in(*wants: tuple[str, str]) -> tuple[AlpacaFeed, list[dict[str, Any]]]:
    """The feed, and what it says once it is logged in."""
    feed = AlpacaFeed(instruments(), KEYS)
    assert list(feed.opening()) == [] and sent(feed.wanted(wants)) == []
    [login] = sent(feed.receive(said({"T": "success", "msg": "connected"}), NOW_NS))
    assert login == {"action": "auth", "key": "key", "secret": "secret"}
    return feed, sent(feed.receive(said({"T": "success", "msg": "authenticated"}), NOW_NS))


def test_crypto_and_stocks_have_a_socket_each_and_only_where_keys_are():
    keyed = replace(CARD, keys=KEYS)
    assert {one.url for one in CARD.sockets} == {""}
    for card in (keyed.at("http://h:1/alpaca"), replace(CARD.at("http://h:1/alpaca"), keys=KEYS)):
        for symbol, path in ((BTC, "v1beta3/crypto/us"), (AAPL, "v2/iex"), ("BRK.B", "v2/iex")):
            for stream in CARD.stream_names():
                assert card.sockets[card.socket_of(stream, symbol)].url == f"ws://h:1/alpaca/{path}"
    assert keyed.sockets[1].url == "wss://stream.data.alpaca.markets/v2/iex"
    assert "secret" not in repr(keyed)
    signed = keyed.sign(rest.instruments_requests()[0], KEYS)
    assert signed.headers == {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
    assert CARD.sign(Request("/x"), {"ALPACA_KEY_ID": "key"}).headers == {}


def test_one_market_a_message_and_one_message_at_a_time():
    feed, first = logged_in(("trade", BTC), ("ticker", BTC), ("candle_1m", ETH), ("candle_1h", BTC))
    assert first == [{"action": "subscribe", "quotes": ["BTC/USD"], "trades": ["BTC/USD"]}]
    second = sent(feed.receive(listed(quotes=["BTC/USD"], trades=["BTC/USD"]), NOW_NS))
    assert second == [{"action": "subscribe", "bars": ["ETH/USD"], "updatedBars": ["ETH/USD"]}]
    whole = {"quotes": ["BTC/USD"], "trades": ["BTC/USD"], "bars": ["ETH/USD"], "updatedBars": ["ETH/USD"]}
    assert list(feed.receive(listed(**whole), NOW_NS)) == []
    assert sent(feed.wanted([("ticker", BTC)])) == [
        {"action": "unsubscribe", "bars": ["ETH/USD"], "updatedBars": ["ETH/USD"]}
    ]


def test_stocks_come_by_their_socket_but_their_books_which_are_none_and_longer_candles():
    feed, first = logged_in(
        ("trade", AAPL), ("ticker", AAPL), ("candle_1m", AAPL), ("candle_1d", AAPL), ("depth", AAPL)
    )
    names = ["bars", "quotes", "trades", "updatedBars"]
    assert first == [{"action": "subscribe", **{name: [AAPL] for name in names}}]
    status, fetch = feed.tick(NOW_NS)
    assert isinstance(status, Status) and (status.stream, status.status) == ("depth", "stopped")
    assert fetch.request.path == "/v2/stocks/AAPL/bars" and fetch.request.query["timeframe"] == "1Day"
    assert list(feed.receive(listed(**{name: [AAPL] for name in names}, corrections=[AAPL]), NOW_NS)) == []
    at = "2026-09-21T14:13:20Z"
    trade = {"T": "t", "S": AAPL, "i": 1, "x": "V", "p": 5, "s": 2, "c": ["@"], "z": "C", "t": at}
    quote = {
        "T": "q",
        "S": AAPL,
        "bx": "V",
        "bp": 5,
        "bs": 100,
        "ax": "V",
        "ap": 0,
        "as": 0,
        "c": ["R"],
        "z": "C",
        "t": at,
    }
    bar = {"T": "u", "S": AAPL, "o": 5, "h": 5, "l": 5, "c": 5, "v": 2, "n": 1, "vw": 5, "t": "2026-09-21T14:12:00Z"}
    found = list(feed.receive(said(trade, quote, bar), NOW_NS))
    assert [(type(one), one.symbol) for one in found] == [(kind, AAPL) for kind in (Trade, Ticker, Ticker, Candle)]
    assert (found[2].last_price, found[2].bid_quantity, found[2].ask_price) == ("5", "100", None)


def test_a_quote_that_repeats_the_last_one_is_told_with_its_time_and_a_trade_at_the_last_price_is_no_ticker():
    feed, _ = logged_in(("ticker", BTC))
    quote = {"T": "q", "S": "BTC/USD", "bp": 5, "bs": 1, "ap": 6, "as": 2, "t": "2026-09-21T14:13:20Z"}
    trade = {"T": "t", "S": "BTC/USD", "p": 5.5, "s": 3, "t": "2026-09-21T14:13:21Z", "i": 7, "tks": "B"}
    later = {**quote, "t": "2026-09-21T14:13:22Z"}
    found = list(feed.receive(said(quote, trade, {**trade, "i": 8}, later), NOW_NS))
    assert [one.event_us % 60_000_000 for one in found] == [20_000_000, 21_000_000, 22_000_000]


def test_a_ticker_is_made_of_quotes_and_trades():
    feed, _ = logged_in(("ticker", BTC))
    quote = {"T": "q", "S": "BTC/USD", "bp": 5, "bs": 1, "ap": 6, "as": 2, "t": "2026-09-21T14:13:20Z"}
    trade = {"T": "t", "S": "BTC/USD", "p": 5.5, "s": 3, "t": "2026-09-21T14:13:21Z", "i": 7, "tks": "B"}
    _, second = list(feed.receive(said(quote, trade), NOW_NS))
    assert isinstance(second, Ticker) and (second.last_price, second.bid_price, second.ask_quantity) == (
        "5.5",
        "5",
        "2",
    )


def test_a_market_that_is_left_out_of_the_list_or_refused_is_not_listed():
    feed, _ = logged_in(("trade", BTC), ("trade", ETH))
    told = list(feed.receive(listed(trades=[]), NOW_NS))
    assert isinstance(told[0], Status) and (told[0].symbol, told[0].status) == (BTC, "not_listed")
    assert sent(told) == [{"action": "subscribe", "trades": ["ETH/USD"]}]
    [status] = feed.receive(error(400), NOW_NS)
    assert isinstance(status, Status) and (status.symbol, status.status) == (ETH, "not_listed")


def test_what_is_beyond_the_plan_is_asked_for_by_rest():
    feed, _ = logged_in(("depth", BTC))
    assert list(feed.receive(error(405), NOW_NS)) == []
    [fetch] = feed.tick(NOW_NS)
    assert fetch.request.path == "/v1beta3/crypto/us/latest/orderbooks"
    body = json.dumps({"orderbooks": {"BTC/USD": BOOK}}).encode()
    [depth] = feed.answered(fetch.request, body, NOW_NS)
    assert isinstance(depth, Depth) and (depth.symbol, depth.type) == (BTC, "snapshot")


@pytest.mark.parametrize("code", [402, 411])
def test_wrong_keys_are_said_and_not_tried_in_a_loop(code: int):
    feed, _ = logged_in(("trade", BTC))
    status, close = feed.receive(error(code), NOW_NS)
    assert isinstance(status, Status) and status.status == "not_authenticated"
    assert isinstance(close, Close) and close.after_s >= 60


def test_a_crossed_book_is_a_gap_and_is_subscribed_to_anew():
    feed, first = logged_in(("depth", BTC), ("depth_5", BTC))
    assert first == [{"action": "subscribe", "orderbooks": ["BTC/USD"]}]
    assert list(feed.receive(listed(orderbooks=["BTC/USD"]), NOW_NS)) == []
    assert [one.stream for one in feed.receive(said({**BOOK, "r": True}), NOW_NS)] == ["depth", "depth_5"]
    assert feed.book(BTC, NOW_NS) is not None
    gaps = list(feed.receive(said({**BOOK, "b": [{"p": 7, "s": 1}]}), NOW_NS))
    assert [type(one) for one in gaps] == [Gap, Gap] and feed.book(BTC, NOW_NS) is None
    assert sent(feed.tick(NOW_NS)) == [{"action": "unsubscribe", "orderbooks": ["BTC/USD"]}]
    assert sent(feed.receive(listed(orderbooks=[]), NOW_NS)) == [{"action": "subscribe", "orderbooks": ["BTC/USD"]}]
    assert list(feed.receive(said(BOOK), NOW_NS)) == []
    assert [one.type for one in feed.receive(said({**BOOK, "r": True}), NOW_NS + S_NS)] == ["snapshot"] * 2


@pytest.mark.parametrize(
    ("frame", "is_lost"),
    [
        ('[{"T":"o","S":"BTC/USD","t":"2026-09-21T14:13:20Z","b":[{"p":1,', True),
        (b"\xff", True),
        ('[{"T":"o","S":"BTC/USD","t":"2026-09-21T14:13:20Z","b":[{"p":"x","s":1}],"a":[]}]', True),
        ('[{"T":"t","S":"BTC/USD","p":"x"}]', False),
    ],
    ids=["cut short", "binary", "a broken book", "a broken trade"],
)
def test_what_nobody_can_read_leaves_no_book_proven_that_it_may_have_changed(frame: str | bytes, is_lost: bool):
    feed, _ = logged_in(("depth", "BTC-USD"))
    sides = {"b": [{"p": 100, "s": 1}], "a": [{"p": 101, "s": 1}]}
    list(feed.receive(said({"T": "o", "S": "BTC/USD", "t": "2026-09-21T14:13:20Z", "r": True, **sides}), 3))
    assert feed.book("BTC-USD", 3)
    broken, *outputs = feed.receive(frame, 4)
    assert isinstance(broken, Rejected)
    assert [type(output) for output in outputs] == [Gap] * is_lost
    assert (feed.book("BTC-USD", 5) is None) is is_lost


def test_a_message_without_an_answer_ends_the_connection():
    feed, _ = logged_in(("trade", BTC))
    assert list(feed.tick(NOW_NS)) == []
    assert [type(one) for one in feed.tick(NOW_NS + 11 * S_NS)] == [Close]


def test_a_full_page_of_new_trades_is_a_loss():
    feed = AlpacaFeed(instruments(), {})
    feed.wanted([("trade", AAPL)])
    [fetch] = feed.tick(NOW_NS)

    def page(first: int, count: int) -> bytes:
        rows = [{"t": f"2026-09-21T14:13:20.{i:09d}Z", "x": "V", "p": 1, "s": 1, "i": i, "z": "C"} for i in range(
            first + count - 1, first - 1, -1)]  # fmt: skip
        return json.dumps({"symbol": AAPL, "trades": rows, "next_page_token": None}).encode()

    assert [one.trade_id for one in feed.answered(fetch.request, page(1, 5), NOW_NS) if isinstance(one, Trade)] == [
        "4", "5"
    ]  # fmt: skip
    [fetch] = feed.tick(NOW_NS + 5 * S_NS)
    told = list(feed.answered(fetch.request, page(5000, 1000), NOW_NS + 5 * S_NS))
    assert isinstance(told[0], Gap) and len(told) == 1001


@settings(max_examples=150, deadline=None)
@given(frame=anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(AlpacaFeed(Instruments(), {}).receive(frame, 1), "alpaca")


@settings(max_examples=300, deadline=None)
@given(frame=mutated(FRAMES), wanted=st.booleans())
def test_no_truncated_or_mutated_frame_raises(frame: str, wanted: bool) -> None:
    feed = AlpacaFeed(instruments(), KEYS)
    list(feed.wanted([("trade", BTC), ("ticker", BTC), ("depth", BTC), ("candle_1m", BTC)]) if wanted else ())
    assert sound(feed.receive(frame, 1), "alpaca")


@settings(max_examples=150, deadline=None)
@given(body=anything | mutated(FRAMES), target=st.sampled_from(TARGETS))
def test_no_answer_raises(body: str | bytes, target: str) -> None:
    raw = body if isinstance(body, bytes) else body.encode(errors="replace")
    outputs = list(AlpacaFeed(instruments(), {}).answered(Request(target), raw, 1))
    assert sound(outputs, "alpaca") and all(isinstance(one, Rejected) or one.symbol for one in outputs)
