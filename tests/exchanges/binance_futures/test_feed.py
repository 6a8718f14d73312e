"""The feed of Binance USD-M Futures: subscriptions, and that nothing a connection may bring raises."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.binance_futures import CARD
from exchanges.binance_futures.feed import WINDOW, FuturesFeed
from exchanges.contract import ALL, Fetch, Output, Request, Send
from exchanges.events import Depth, Rejected
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound

FRAMES = frames_of("binance_futures")
DEPTH = Request("/fapi/v1/depth?symbol=BTCUSDT&limit=1000")
BEST = Request("/fapi/v1/ticker/bookTicker")
SNAPSHOT = b'{"lastUpdateId":160,"E":1,"T":1,"bids":[["84143.00","0.500"]],"asks":[["84144.00","0.100"]]}'
ROWS = b'[{"symbol":"BTCUSDT","bidPrice":"1","bidQty":"1","askPrice":"2","askQty":"1","time":1}]'


def fresh() -> FuturesFeed:
    return FuturesFeed(Instruments())


@settings(max_examples=200, deadline=None)
@given(anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(fresh().receive(frame, 1), "binance_futures")


@settings(max_examples=300, deadline=None)
@given(mutated(FRAMES))
def test_no_truncated_or_mutated_frame_raises(frame: str) -> None:
    assert sound(fresh().receive(frame, 1), "binance_futures")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FRAMES), st.sampled_from((None, DEPTH, BEST)), st.integers(0, 300))))
def test_no_order_of_frames_and_answers_raises(steps: list[tuple[str, Request | None, int]]) -> None:
    feed, now_ns = fresh(), 0
    for frame, answered, pause_ms in steps:
        now_ns += pause_ms * 1_000_000
        assert sound(feed.receive(frame, now_ns), "binance_futures")
        body = SNAPSHOT if answered is DEPTH else ROWS
        assert sound(feed.answered(answered, body, now_ns) if answered else (), "binance_futures")
        assert sound(feed.tick(now_ns), "binance_futures")


@pytest.mark.parametrize("request_", [DEPTH, BEST])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"code":-1121,"msg":"Invalid symbol."}', b"\xff", SNAPSHOT[:-5]])
def test_a_broken_answer_is_rejected(request_: Request, body: bytes) -> None:
    [rejected] = fresh().answered(request_, body, 1)
    assert isinstance(rejected, Rejected)


def instruments(count: int) -> Instruments:
    return Instruments(
        Instrument(symbol=f"A{n}-USDT-PERP", venue_symbol=f"A{n}USDT", base=f"A{n}", quote="USDT", kind="perpetual")
        for n in range(count)
    )


def sent(outputs: Iterable[Output]) -> list[list[str]]:
    return [json.loads(output.text)["params"] for output in outputs if isinstance(output, Send)]


def test_every_stream_of_the_card_is_asked_for_on_the_route_that_has_it() -> None:
    routes: dict[str, list[str]] = {"public": [], "market": []}
    for stream in CARD.stream_names():
        route = CARD.sockets[CARD.socket_of(stream)].url.split("/")[3]
        [names] = sent(FuturesFeed(instruments(1)).wanted([(stream, "A0-USDT-PERP")]))
        routes[route] += names
    assert set(routes["public"]) == {"a0usdt@depth@100ms"}
    kinds = {name.partition("@")[2].partition("_")[0] for name in routes["market"]}
    assert kinds == {"aggTrade", "ticker", "kline"}
    assert len(routes["market"]) == len(CARD.intervals) + 2


def test_every_markets_ticker_is_one_subscription_and_best_prices_one_request() -> None:
    feed = FuturesFeed(instruments(300))
    assert sent(feed.wanted([("ticker", ALL)])) == [["!ticker@arr"]]
    assert [output.request for output in feed.tick(1) if isinstance(output, Fetch)] == [Request(BEST.target, 5)]
    assert not list(feed.tick(2))


def test_a_snapshot_of_1000_levels_is_enough_for_the_window() -> None:
    feed = fresh()
    levels = [[f"{price}", "1"] for price in range(10_000, 9_000, -1)]
    asks = [[f"{price}", "1"] for price in range(10_001, 11_001)]
    first = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 5, "u": 9, "pu": 2, "b": [], "a": []}
    assert [type(output) for output in feed.receive(json.dumps(first), 1)] == [Fetch]
    body = json.dumps({"lastUpdateId": 9, "bids": levels, "asks": asks}).encode()
    [snapshot] = feed.answered(DEPTH, body, 2)
    assert isinstance(snapshot, Depth) and len(snapshot.bids) == len(snapshot.asks) == WINDOW
    gone = {**first, "U": 12, "u": 15, "pu": 9, "b": [[str(price), "0"] for price in range(10_000, 9_700, -1)]}
    [delta] = feed.receive(json.dumps(gone), 3)
    assert isinstance(delta, Depth) and len(delta.bids) == 600  # 300 that went, 300 that moved in
    most = {**first, "U": 22, "u": 25, "pu": 15, "b": [[str(price), "0"] for price in range(9_700, 9_590, -1)]}
    outputs = list(feed.receive(json.dumps(most), 4))
    assert [type(output) for output in outputs] == [Depth, Fetch]
    assert outputs[1] == Fetch(Request(DEPTH.target, 20), patient=True)  # the book goes on meanwhile
