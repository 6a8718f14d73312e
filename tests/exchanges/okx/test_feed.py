"""The OKX feed: subscriptions and their budget, heartbeats, contracts; and nothing a connection brings harms it."""

import json
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.contract import Close, Output, Request, Send
from exchanges.events import Depth, Gap, Rejected, Status, Ticker, Trade
from exchanges.okx import CARD
from exchanges.okx.feed import QUIET_NS, OkxFeed
from exchanges.okx.subscriptions import ARGS_PER_REQUEST, BURST, EACH_NS
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound
from tests.exchanges.okx.markets import INVERSE, LINEAR, OPTION, SPOT, all_kinds, spot

FRAMES = frames_of("okx")
SECOND_NS = 1_000_000_000


@settings(max_examples=200, deadline=None)
@given(anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(OkxFeed(Instruments()).receive(frame, 1), "okx")


@settings(max_examples=400, deadline=None)
@given(mutated(FRAMES))
def test_no_truncated_or_mutated_frame_raises(frame: str) -> None:
    assert sound(OkxFeed(all_kinds()).receive(frame, 1), "okx")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FRAMES), st.booleans(), st.integers(0, 20_000)), max_size=30))
def test_no_order_of_frames_and_ticks_raises(steps: list[tuple[str, bool, int]]) -> None:
    feed, now_ns = OkxFeed(all_kinds()), SECOND_NS
    list(feed.wanted([(stream, "BTC-USDT") for stream in CARD.stream_names()]))
    for frame, ticks, pause_ms in steps:
        now_ns += pause_ms * 1_000_000
        assert sound(feed.receive(frame, now_ns), "okx")
        assert sound(feed.tick(now_ns) if ticks else [], "okx")


def test_a_frame_nested_beyond_reason_is_rejected() -> None:
    [rejected] = OkxFeed(Instruments()).receive('{"data":' + "[" * 100_000, 1)
    assert isinstance(rejected, Rejected)


def test_no_answer_is_asked_for() -> None:
    [rejected] = OkxFeed(Instruments()).answered(Request("/api/v5/public/time"), b"{}", 1)
    assert isinstance(rejected, Rejected)


def sent(outputs: Any) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in outputs if isinstance(output, Send) and output.text != "ping"]


def data(channel: str, market: str, row: Any, **more: Any) -> str:
    return json.dumps({"arg": {"channel": channel, "instId": market}, "data": [row], **more})


def test_many_channels_are_asked_for_in_requests_of_a_modest_size() -> None:
    markets = [spot(f"A{n}") for n in range(450)]
    feed = OkxFeed(Instruments(markets))
    requests = sent(feed.wanted([("trade", market.symbol) for market in markets]))
    assert [len(request["args"]) for request in requests] == [ARGS_PER_REQUEST, ARGS_PER_REQUEST, 50]
    assert [request["id"] for request in requests] == ["1", "2", "3"]
    assert all(len(json.dumps(request)) < 65_536 for request in requests)


def test_every_stream_of_the_card_can_be_wanted() -> None:
    [request] = sent(OkxFeed(all_kinds()).wanted([(stream, "BTC-USDT") for stream in CARD.stream_names()]))
    assert len(request["args"]) == len(CARD.intervals) + 3
    assert {CARD.sockets[CARD.socket_of(stream)].url.rpartition("/")[2] for stream in ("depth_5", "ticker")} == {
        "public"
    }
    assert {CARD.sockets[CARD.socket_of(stream)].url.rpartition("/")[2] for stream in ("trade", "candle_1m")} == {
        "business"
    }


def test_requests_stay_within_480_an_hour() -> None:
    feed, now_ns, count = OkxFeed(all_kinds()), SECOND_NS, 0
    for turn in range(3600 * 2):
        now_ns += SECOND_NS // 2
        count += len(sent(feed.wanted([("trade", "BTC-USDT")] if turn % 2 else [])))
        count += len(sent(feed.tick(now_ns)))
        list(feed.receive("pong", now_ns))
    assert BURST < count <= 480
    list(feed.wanted([("trade", "BTC-USDT")]))
    for _ in range(3):  # what was put off is made up for
        now_ns += EACH_NS
        list(feed.receive("pong", now_ns))
        count += len(sent(feed.tick(now_ns)))
    list(feed.receive('{"event":"subscribe","arg":{"channel":"trades-all","instId":"BTC-USDT"}}', now_ns))
    assert sent(feed.tick(now_ns + SECOND_NS)) == []


def test_a_quiet_connection_is_pinged_and_given_up_where_no_answer_comes() -> None:
    feed = OkxFeed(Instruments())
    assert list(feed.tick(SECOND_NS)) == []
    ping_ns = SECOND_NS + QUIET_NS + 1
    assert list(feed.tick(ping_ns)) == [Send("ping")]
    assert list(feed.tick(ping_ns + SECOND_NS)) == []
    assert list(feed.receive("pong", ping_ns + 2 * SECOND_NS)) == []
    again_ns = ping_ns + 2 * SECOND_NS + QUIET_NS + 1
    assert list(feed.tick(again_ns)) == [Send("ping")]
    assert list(feed.tick(again_ns + QUIET_NS + 1)) == [Close("no pong came")]


def one_trade(market: str, price: str, size: str) -> Trade:
    row = {"instId": market, "tradeId": "5", "px": price, "sz": size, "side": "buy", "ts": "1790000000123"}
    [trade] = OkxFeed(all_kinds()).receive(data("trades-all", market, row), 1)
    assert isinstance(trade, Trade)
    return trade


@pytest.mark.parametrize(
    ("market", "price", "size", "quantity"),
    [
        (SPOT, "84143.1", "1.5", ("1.5", None)),
        (LINEAR, "84143.1", "1.5", ("0.015", "1.5")),
        (INVERSE, "80000", "3", ("0.00375", "3")),
        (INVERSE, "84143.1", "1.0", ("0.00118845157832311859", "1")),
        (INVERSE, "3", "2", ("66.6666666666666667", "2")),
        (OPTION, "0.0325", "7", ("0.07", "7")),
    ],
)
def test_a_quantity_is_told_in_base_units(market: Any, price: str, size: str, quantity: Any) -> None:
    trade = one_trade(market.venue_symbol, price, size)
    assert trade.symbol == market.symbol
    assert (trade.quantity, trade.venue_quantity) == quantity


def test_books_and_tickers_of_contracts_are_in_base_units_too() -> None:
    feed = OkxFeed(all_kinds())
    row = {
        "asks": [["80000", "4", "0", "1"]],
        "bids": [["79999", "0", "0", "0"]],
        "ts": "1",
        "seqId": 2,
        "prevSeqId": -1,
    }
    [depth] = feed.receive(data("books", INVERSE.venue_symbol, row, action="snapshot"), 1)
    assert isinstance(depth, Depth) and (depth.bids, depth.asks) == ((), (("80000", "0.005"),))
    names = ("last", "askPx", "bidPx", "open24h", "high24h", "low24h")
    day = {
        **dict.fromkeys(names, "80000"),
        "lastSz": "4",
        "askSz": "8",
        "bidSz": "",
        "volCcy24h": "12",
        "vol24h": "9600",
    }
    [ticker] = feed.receive(data("tickers", INVERSE.venue_symbol, {**day, "ts": "1790000000123"}), 1)
    assert isinstance(ticker, Ticker)
    assert (ticker.last_quantity, ticker.ask_quantity, ticker.bid_quantity) == ("0.005", "0.01", None)
    assert (ticker.volume_24h, ticker.quote_volume_24h) == ("12", None)


def book(seq: int, before: int, bids: list[list[str]], asks: list[list[str]]) -> str:
    row = {"asks": asks, "bids": bids, "ts": "1790000000100", "checksum": 0, "prevSeqId": before, "seqId": seq}
    return data("books", "BTC-USDT", row, action="snapshot" if before < 0 else "update")


def test_a_book_never_holds_more_than_the_400_levels_it_is_told_of() -> None:
    feed = OkxFeed(all_kinds())
    bids = [[str(1000 - n), "1", "0", "1"] for n in range(400)]
    list(feed.receive(book(1, -1, bids, [["2000", "1", "0", "1"]]), 1))
    list(feed.receive(book(2, 1, [["1001", "5", "0", "1"]], []), 2))
    state = feed.book("BTC-USDT", 3)
    assert state and (len(state.bids), state.bids[0], state.bids[-1]) == (400, ("1001", "5"), ("602", "1"))
    list(feed.receive(book(3, 2, [["1001", "0", "0", "0"]], []), 4))
    state = feed.book("BTC-USDT", 5)
    assert state and (len(state.bids), state.bids[-1]) == (399, ("602", "1"))


def summed(*levels: str) -> int:
    told = crc32(":".join(levels).encode())
    return told - 2**32 if told >= 2**31 else told


@pytest.mark.parametrize("market", [SPOT, LINEAR, INVERSE])
def test_a_checksum_is_over_the_digits_that_were_sent_and_over_contracts(market: Instrument) -> None:
    feed, name = OkxFeed(all_kinds()), market.venue_symbol
    first = {"bids": [["10.50", "2.0", "0", "1"]], "asks": [["11.0", "30", "0", "1"]], "ts": "1790000000100"}
    whole = {**first, "checksum": summed("10.50:2.0", "11.0:30")}
    [depth] = feed.receive(data("books", name, whole, action="snapshot"), 1)
    assert isinstance(depth, Depth) and depth.type == "snapshot"
    change = {"bids": [["10.40", "1", "0", "1"]], "asks": [["11.0", "0", "0", "0"]], "ts": "1790000000200"}
    [depth] = feed.receive(
        data("books", name, {**change, "checksum": summed("10.50:2.0", "10.40:1")}, action="update"), 2
    )
    assert isinstance(depth, Depth) and depth.type == "delta"
    [gap] = feed.receive(data("books", name, {**change, "checksum": 7}, action="update"), 3)
    assert isinstance(gap, Gap) and gap.reason == "checksum"


@pytest.mark.parametrize(("channel", "levels"), [("books-l2-tbt", 400), ("books50-l2-tbt", 50)])
def test_the_books_of_recordings_with_a_login_are_read_each_to_its_depth(channel: str, levels: int) -> None:
    feed = OkxFeed(all_kinds())
    bids = [[str(1000 - n), "1", "0", "1"] for n in range(levels)]
    row = {"asks": [], "bids": bids, "ts": "1790000000100", "checksum": 0, "prevSeqId": -1, "seqId": 10}
    assert len(list(feed.receive(data(channel, "BTC-USDT", row, action="snapshot"), 1))) == 1
    change = {**row, "bids": [["1001", "1", "0", "1"]], "prevSeqId": 10, "seqId": 11}
    assert list(feed.receive(data("books", "BTC-USDT", change, action="update"), 2)) == []  # another view of the book
    [delta] = feed.receive(data(channel, "BTC-USDT", change, action="update"), 3)
    assert isinstance(delta, Depth) and delta.sequence == 11
    assert delta.bids == (("1001", "1"), (str(1001 - levels), "0"))


def test_a_broken_update_is_rejected_and_the_next_one_is_a_gap() -> None:
    feed, now_ns = OkxFeed(all_kinds()), SECOND_NS
    list(feed.wanted([("depth", "BTC-USDT")]))
    list(feed.receive(book(1, -1, [["10", "1", "0", "1"]], []), now_ns))
    [rejected] = feed.receive(book(2, 1, [["x", "1", "0", "1"]], []), now_ns)
    assert isinstance(rejected, Rejected)
    [gap] = feed.receive(book(3, 2, [["10", "2", "0", "1"]], []), now_ns)
    assert isinstance(gap, Gap) and feed.book("BTC-USDT", now_ns) is None


def test_a_snapshot_that_does_not_come_is_asked_for_again() -> None:
    feed = OkxFeed(all_kinds())
    list(feed.wanted([("depth", "BTC-USDT")]))
    list(feed.receive('{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"}}', SECOND_NS))
    assert sent(feed.tick(SECOND_NS)) == []
    list(feed.receive("pong", 16 * SECOND_NS))
    assert [request["op"] for request in sent(feed.tick(17 * SECOND_NS))] == ["unsubscribe", "subscribe"]
    list(feed.receive('{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"}}', 18 * SECOND_NS))
    assert sent(feed.tick(19 * SECOND_NS)) == []


def test_one_market_that_is_never_acknowledged_is_found_among_many() -> None:
    markets = [spot(f"A{n}") for n in range(5)]
    feed, now_ns = OkxFeed(Instruments(markets)), SECOND_NS
    told: list[Output] = list(feed.wanted([("ticker", market.symbol) for market in markets]))
    waiting, statuses = sent(told), []
    for _ in range(200):
        for request in waiting:
            for arg in request["args"]:
                if arg["instId"] != "A3-USDT":
                    list(feed.receive(json.dumps({"id": request["id"], "event": "subscribe", "arg": arg}), now_ns))
        now_ns += SECOND_NS // 4
        list(feed.receive("pong", now_ns))
        told = list(feed.tick(now_ns))
        waiting = sent(told)
        statuses += [output for output in told if isinstance(output, Status)]
    [status] = statuses
    assert (status.symbol, status.stream, status.status) == ("A3-USDT", "ticker", "not_listed")
