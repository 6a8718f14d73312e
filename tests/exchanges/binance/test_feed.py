"""The Binance feed: subscriptions, and that nothing a connection may bring raises or leaves as an unsound event."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.binance import CARD
from exchanges.binance.feed import STREAMS_PER_FRAME, BinanceFeed
from exchanges.contract import Output, Request, Send
from exchanges.events import Depth, Rejected
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound

FRAMES = frames_of("binance")
SNAPSHOT = b'{"lastUpdateId":160,"bids":[["84143.00","0.50000000"]],"asks":[["84144.00","0.10000000"]]}'
DEPTH = Request("/api/v3/depth?symbol=BTCUSDT&limit=5000")


@settings(max_examples=200, deadline=None)
@given(anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(BinanceFeed(Instruments()).receive(frame, 1), "binance")


@settings(max_examples=300, deadline=None)
@given(mutated(FRAMES))
def test_no_truncated_or_mutated_frame_raises(frame: str) -> None:
    assert sound(BinanceFeed(Instruments()).receive(frame, 1), "binance")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FRAMES), st.booleans(), st.integers(0, 300)), max_size=30))
def test_no_order_of_frames_and_answers_raises(steps: list[tuple[str, bool, int]]) -> None:
    feed, now_ns = BinanceFeed(Instruments()), 0
    for frame, answer, pause_ms in steps:
        now_ns += pause_ms * 1_000_000
        assert sound(feed.receive(frame, now_ns), "binance")
        assert sound(feed.answered(DEPTH, SNAPSHOT, now_ns) if answer else (), "binance")
        assert sound(feed.tick(now_ns), "binance")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"code":-1121,"msg":"Invalid symbol."}', b"\xff", SNAPSHOT[:-5]]
)
def test_a_broken_answer_is_rejected(body: bytes) -> None:
    [rejected] = BinanceFeed(Instruments()).answered(DEPTH, body, 1)
    assert isinstance(rejected, Rejected)


def test_a_frame_nested_beyond_reason_is_rejected() -> None:
    [rejected] = BinanceFeed(Instruments()).receive('{"x":' + "[" * 100_000, 1)
    assert isinstance(rejected, Rejected)


def test_frames_that_fail_in_the_same_way_are_of_one_kind() -> None:
    feed = BinanceFeed(Instruments())
    frames = ['{"stream":"a@trade","data":{"e":"trade"', '{"stream":"bcd@trade","data":{"e":"tr', "{"]
    assert len({output.kind for frame in frames for output in feed.receive(frame, 1)}) == 1  # type: ignore[union-attr]


def instruments(count: int) -> Instruments:
    return Instruments(
        Instrument(symbol=f"A{n}-USDT", venue_symbol=f"A{n}USDT", base=f"A{n}", quote="USDT", kind="spot")
        for n in range(count)
    )


def sent(outputs: list[Output]) -> list[dict[str, object]]:
    return [json.loads(output.text) for output in outputs if isinstance(output, Send)]


def test_many_streams_are_asked_for_in_frames_of_a_modest_size() -> None:
    feed = BinanceFeed(instruments(450))
    frames = sent(list(feed.wanted([("trade", f"A{n}-USDT") for n in range(450)])))
    sizes = [len(frame["params"]) for frame in frames]  # type: ignore[arg-type]
    assert sizes == [STREAMS_PER_FRAME, STREAMS_PER_FRAME, 50]
    assert [frame["id"] for frame in frames] == [1, 2, 3]


def test_only_what_changed_is_asked_for() -> None:
    feed = BinanceFeed(instruments(3))
    list(feed.wanted([("trade", "A0-USDT"), ("depth", "A1-USDT")]))
    frames = sent(list(feed.wanted([("trade", "A0-USDT"), ("depth_5", "A1-USDT"), ("trade", "A2-USDT")])))
    assert frames == [{"method": "SUBSCRIBE", "params": ["a2usdt@trade"], "id": 2}]
    assert list(feed.wanted([("trade", "A0-USDT"), ("depth_5", "A1-USDT"), ("trade", "A2-USDT")])) == []


def test_the_proven_book_can_be_asked_for_at_any_time() -> None:
    feed = BinanceFeed(Instruments())
    assert feed.book("BTCUSDT", 5) is None
    list(feed.receive('{"e":"depthUpdate","E":1790000000200,"s":"BTCUSDT","U":157,"u":160,"b":[],"a":[]}', 1))
    assert feed.waiting() == {"BTCUSDT": 1}
    list(feed.answered(DEPTH, SNAPSHOT, 2))
    assert feed.waiting() == {}
    assert feed.book("BTCUSDT", 5) == Depth(
        symbol="BTCUSDT", venue_symbol="BTCUSDT", received_ns=5, type="snapshot", bids=(("84143", "0.5"),),
        asks=(("84144", "0.1"),), sequence=160,
    )  # fmt: skip


def test_every_stream_of_the_card_can_be_wanted() -> None:
    feed = BinanceFeed(instruments(1))
    [frame] = sent(list(feed.wanted([(stream, "A0-USDT") for stream in CARD.stream_names()])))
    assert len(frame["params"]) == len(CARD.intervals) + 4  # type: ignore[arg-type]
