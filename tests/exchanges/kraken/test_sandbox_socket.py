"""Kraken's WebSocket v2 from the exchange's side: answers, snapshots, frames, limits."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from exchanges.events import Candle, Depth, Gap, Rejected, Ticker, Trade
from exchanges.intervals import MINUTE_MS
from exchanges.invented import Channel, HangUp, HttpAnswer, HttpRequest
from exchanges.kraken.feed import KrakenFeed
from exchanges.kraken.sandbox import Sandbox
from exchanges.symbols import Instruments
from sandbox.market import Market

NOW_MS = 1_795_000_012_345


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Market(1, 400, 20, lambda: NOW_MS))


def talk_of(sandbox: Sandbox) -> Any:
    return sandbox.connect(HttpRequest("GET", "/v2", {}))


def say(talk: Any, method: str = "subscribe", now_ms: int = NOW_MS, **params: Any) -> list[dict[str, Any]]:
    frame = json.dumps({"method": method, "params": params, "req_id": 7})
    return [json.loads(said) for said in talk.receive(frame, now_ms)]


def channel(sandbox: Sandbox, **params: Any) -> Channel:
    talk = talk_of(sandbox)
    say(talk, **params)
    [found] = talk.channels
    return found


def test_each_market_is_answered_by_itself(sandbox: Sandbox) -> None:
    talk = talk_of(sandbox)
    [status] = talk.opening(NOW_MS)
    assert json.loads(status)["data"][0]["system"] == "online"
    good, bad = say(talk, channel="book", symbol=["BTC/USDT", "XBT/USDT"], depth=25)
    assert (good["success"], good["req_id"], good["result"]["symbol"], good["result"]["depth"]) == (
        True,
        7,
        "BTC/USDT",
        25,
    )
    assert (bad["success"], bad["error"], bad["symbol"]) == (
        False,
        "Currency pair not supported XBT/USDT",
        "XBT/USDT",
    )
    [again] = say(talk, channel="book", symbol=["BTC/USDT"], depth=25)
    assert again["error"].startswith("Already subscribed")
    [wrong] = say(talk, "unsubscribe", channel="book", symbol=["BTC/USDT"])
    assert wrong["error"] == "Subscription Not Found"
    [right] = say(talk, "unsubscribe", channel="book", symbol=["BTC/USDT"], depth=25)
    assert right["success"] and right["method"] == "unsubscribe" and list(talk.channels) == []


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"channel": "book", "symbol": ["BTC/USDT"], "depth": 7}, "Subscription depth not supported"),
        ({"channel": "ohlc", "symbol": ["BTC/USDT"], "interval": 3}, "Subscription ohlc interval not supported"),
        ({"channel": "ticker", "symbol": ["BTC/USDT"], "event_trigger": "never"}, "Event trigger not supported"),
        ({"channel": "nothing", "symbol": ["BTC/USDT"]}, "Subscription name invalid nothing"),
        ({"channel": "trade"}, "Symbol(s) not found"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(sandbox: Sandbox, params: dict[str, Any], error: str) -> None:
    [said] = say(talk_of(sandbox), **params)
    assert (said["success"], said["error"]) == (False, error)


def test_what_is_no_request_is_refused_and_a_ping_is_answered(sandbox: Sandbox) -> None:
    talk = talk_of(sandbox)
    assert [json.loads(said)["error"] for said in talk.receive("{", NOW_MS)] == ["Malformed request"]
    assert say(talk, "dance")[0]["error"] == "Unsupported event"
    [pong] = talk.receive('{"method":"ping","req_id":101}', NOW_MS)
    assert (json.loads(pong)["method"], json.loads(pong)["req_id"]) == ("pong", 101)
    assert isinstance(sandbox.connect(HttpRequest("GET", "/v3", {})), HttpAnswer)


def test_a_21st_message_within_a_second_is_dropped(sandbox: Sandbox) -> None:
    talk = talk_of(sandbox)
    said = [next(iter(talk.receive('{"method":"ping"}', NOW_MS))) for _ in range(21)]
    assert [json.loads(one).get("Error") for one in said] == [None] * 20 + ["Exceeded msg rate"]
    assert "pong" in next(iter(talk.receive('{"method":"ping"}', NOW_MS + 1000)))


def test_heartbeats_come_once_something_is_subscribed_and_silence_ends_a_connection(sandbox: Sandbox) -> None:
    talk = talk_of(sandbox)
    assert list(talk.tick(NOW_MS)) == []
    assert list(talk.tick(NOW_MS + 60_001)) == [HangUp(1001, "idle")]
    say(talk, channel="trade", symbol=["BTC/USDT"])
    assert list(talk.tick(NOW_MS + 90_000)) == ['{"channel":"heartbeat"}']


@pytest.mark.parametrize("depth", [10, 25, 100, 1000])
def test_a_book_of_any_depth_is_proven_frame_by_frame(sandbox: Sandbox, depth: int) -> None:
    book, feed = channel(sandbox, channel="book", symbol=["ETH/USDT"], depth=depth), KrakenFeed(Instruments())
    start_ms, found = NOW_MS - 20_000, list[Any]()
    result = {"channel": "book", "symbol": "ETH/USDT", "depth": depth}
    feed.receive(json.dumps({"method": "subscribe", "success": True, "result": result}), 1)
    for frame in sandbox.first(book, start_ms):
        found += feed.receive(frame, 1)
    for at_ms in range(start_ms, NOW_MS, 40):
        for frame in sandbox.frames(book, at_ms, min(at_ms + 40, NOW_MS)):
            found += feed.receive(frame, 1)
    assert [type(one) for one in found] == [Depth] * len(found) and len(found) > 50
    whole, state = json.loads(sandbox.first(book, NOW_MS)[0], parse_float=Decimal), feed.book("ETH/USDT", 1)
    assert state is not None
    for side, levels in (("bids", state.bids), ("asks", state.asks)):
        theirs = [(level["price"], level["qty"]) for level in whole["data"][0][side]]
        assert [(Decimal(price), Decimal(quantity)) for price, quantity in levels] == theirs


def test_frames_that_are_left_out_break_the_checksum(sandbox: Sandbox) -> None:
    book, feed = channel(sandbox, channel="book", symbol=["ETH/USDT"], depth=10), KrakenFeed(Instruments())
    frames = [
        frame for at in range(0, 2000, 40) for frame in sandbox.frames(book, NOW_MS - 4000 + at, NOW_MS - 3960 + at)
    ]
    found = [
        out
        for frame in [*sandbox.first(book, NOW_MS - 20_000), *frames[len(frames) // 2 :]]
        for out in feed.receive(frame, 1)
    ]
    assert [one.reason for one in found if isinstance(one, Gap)] == ["checksum"]


def test_trades_run_without_a_hole_from_the_snapshot_on(sandbox: Sandbox) -> None:
    trades, feed = channel(sandbox, channel="trade", symbol=["ETH/USDT"], snapshot=True), KrakenFeed(Instruments())
    frames = [*sandbox.first(trades, NOW_MS - 5000), *sandbox.frames(trades, NOW_MS - 5000, NOW_MS)]
    found = [out for frame in frames for out in feed.receive(frame, 1)]
    assert {type(one) for one in found} == {Trade} and len(found) > 50
    ids = [int(one.trade_id) for one in found if isinstance(one, Trade)]
    assert all(after == before + 1 for before, after in pairwise(ids))
    assert sandbox.first(channel(sandbox, channel="trade", symbol=["ETH/USDT"]), NOW_MS) == ()


def test_a_candle_ends_with_its_final_figures(sandbox: Sandbox) -> None:
    ohlc, feed = channel(sandbox, channel="ohlc", symbol=["ETH/USDT"], interval=1), KrakenFeed(Instruments())
    start_ms = NOW_MS - NOW_MS % MINUTE_MS - 4 * MINUTE_MS
    frames = [
        frame for at in range(start_ms, start_ms + 3 * MINUTE_MS, 500) for frame in sandbox.frames(ohlc, at, at + 500)
    ]
    found = [out for frame in frames for out in feed.receive(frame, 1)]
    closed = [one for one in found if isinstance(one, Candle) and one.closed]
    assert [one.open_ms for one in closed] == [start_ms, start_ms + MINUTE_MS]
    wanted = Market(1, 400, 20, lambda: NOW_MS).candles("ETH-USDT", "1m", start_ms, start_ms + MINUTE_MS, 2)
    assert [(one.open, one.high, one.low, one.close, one.volume, one.trades) for one in closed] == [
        (one.open, one.high, one.low, one.close, one.volume, one.trades) for one in wanted
    ]
    snapshot = json.loads(sandbox.first(ohlc, NOW_MS)[0])
    assert snapshot["type"] == "snapshot" and len(snapshot["data"]) == 12


def test_a_ticker_agrees_with_the_last_trade(sandbox: Sandbox) -> None:
    ticker = channel(sandbox, channel="ticker", symbol=["ETH/USDT"], event_trigger="bbo")
    [event] = KrakenFeed(Instruments()).receive(sandbox.first(ticker, NOW_MS)[0], 1)
    assert isinstance(event, Ticker)
    window = Market(1, 400, 20, lambda: NOW_MS).window("ETH-USDT", 86_400_000)
    assert (event.last_price, event.open_24h, event.volume_24h) == (window.last, window.open, window.volume)
    assert not [one for one in [event] if isinstance(one, Rejected)]


def test_maintenance_is_said_before_the_end(sandbox: Sandbox) -> None:
    [said] = talk_of(sandbox).goodbye(NOW_MS)
    assert json.loads(said)["data"][0]["system"] == "maintenance"
