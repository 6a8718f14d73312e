"""The Kraken feed: subscriptions, and that nothing a connection may bring raises or leaves as an unsound event."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.contract import Output, Request, Send
from exchanges.events import Depth, Gap, Rejected
from exchanges.kraken import CARD
from exchanges.kraken.feed import KrakenFeed
from exchanges.kraken.subscriptions import MARKETS_PER_MESSAGE
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound, steps_of

FRAMES = frames_of("kraken") + [step["text"] for step in steps_of("kraken") if "text" in step]
WANTS = [(stream, f"{base}-USD") for stream in CARD.stream_names() for base in ("BTC", "ETH")]


def instruments(*bases: str) -> Instruments:
    return Instruments(
        Instrument(symbol=f"{base}-USD", venue_symbol=f"{base}/USD", base=base, quote="USD", kind="spot")
        for base in bases
    )


def sent(outputs: list[Output]) -> list[dict[str, object]]:
    return [json.loads(output.text) for output in outputs if isinstance(output, Send)]


@settings(max_examples=200, deadline=None)
@given(anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(KrakenFeed(Instruments()).receive(frame, 1), "kraken")


@settings(max_examples=400, deadline=None)
@given(mutated(FRAMES))
def test_no_truncated_or_mutated_frame_raises(frame: str) -> None:
    assert sound(KrakenFeed(Instruments()).receive(frame, 1), "kraken")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.sampled_from(FRAMES), mutated(FRAMES)), st.integers(0, 9000)), max_size=30))
def test_no_order_of_frames_raises(steps: list[tuple[str, int]]) -> None:
    feed, now_ns = KrakenFeed(instruments("BTC", "ETH")), 0
    assert sound(feed.wanted(WANTS), "kraken")
    for frame, pause_ms in steps:
        now_ns += pause_ms * 1_000_000
        assert sound(feed.receive(frame, now_ns), "kraken")
        assert sound(feed.tick(now_ns), "kraken")


def test_a_frame_nested_beyond_reason_is_rejected() -> None:
    for frame in ('{"x":' + "[" * 100_000, "[" * 100_000, '{"channel":"book","data":' + "[" * 100_000):
        [rejected] = KrakenFeed(Instruments()).receive(frame, 1)
        assert isinstance(rejected, Rejected)


def test_an_answer_that_nobody_asked_for_is_rejected() -> None:
    feed = KrakenFeed(Instruments())
    [rejected] = feed.answered(Request("/0/public/Depth?pair=XBTUSD"), b"{}", 1)
    assert isinstance(rejected, Rejected)
    assert list(feed.failed(Request("/0/public/Depth"), ValueError(), 1)) == list(feed.opening()) == []


def test_many_markets_are_asked_for_in_messages_of_a_modest_size() -> None:
    bases = [f"A{number}" for number in range(120)]
    frames = sent(list(KrakenFeed(instruments(*bases)).wanted([("trade", f"{base}-USD") for base in bases])))
    sizes = [len(frame["params"]["symbol"]) for frame in frames]  # type: ignore[index]
    assert sizes == [MARKETS_PER_MESSAGE, MARKETS_PER_MESSAGE, 20]
    assert [frame["req_id"] for frame in frames] == [1, 2, 3]


def test_every_stream_of_the_card_can_be_wanted_and_given_up() -> None:
    feed = KrakenFeed(instruments("BTC", "ETH"))
    asked = sent(list(feed.wanted(WANTS)))
    assert len(asked) == 3 + len(CARD.intervals)
    dropped = sent(list(feed.wanted([])))
    assert [frame["params"] for frame in dropped] == [frame["params"] for frame in asked]
    assert {frame["method"] for frame in dropped} == {"unsubscribe"}


def test_the_proven_book_can_be_asked_for_and_updates_before_it_wait() -> None:
    feed = CARD.feed(Instruments())
    update = '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[],"checksum":1}]}'
    assert list(feed.receive(update, 1)) == []
    assert (feed.book("BTC/USD", 5), feed.waiting()) == (None, {"BTC-USD": 1})
    rows = '"bids":[{"price":1.5,"qty":2.00000000}],"asks":[{"price":1.6,"qty":1.00000000}]'
    feed.receive(f'{{"channel":"book","type":"snapshot","data":[{{"symbol":"BTC/USD",{rows}}}]}}', 2)
    assert feed.waiting() == {}
    assert feed.book("BTC/USD", 5) == Depth(
        symbol="BTC-USD", venue_symbol="BTC/USD", received_ns=5, type="snapshot", bids=(("1.5", "2"),),
        asks=(("1.6", "1"),),
    )  # fmt: skip


@pytest.mark.parametrize("stream", CARD.stream_names())
def test_a_refused_market_is_not_listed_in_each_stream_that_wanted_it(stream: str) -> None:
    feed = KrakenFeed(instruments("BTC"))
    [request] = sent(list(feed.wanted([(stream, "BTC-USD")])))
    refusal = {"error": "Currency pair not supported BTC/USD", "method": "subscribe", "success": False}
    [status] = feed.receive(json.dumps({**refusal, "req_id": request["req_id"]}), 9)
    assert (status.stream, status.status, status.symbol) == (stream, "not_listed", "BTC-USD")  # type: ignore[union-attr]
    assert not [output for second in range(90) for output in sent(feed.tick(second * 10**9)) if "params" in output]


@pytest.mark.parametrize(
    ("frame", "lost"),
    [
        ('{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"pri', ["BTC-USD"]),
        ('{"channel":"book","type":"upd', ["BTC-USD", "ETH-USD"]),
        (b"\x00\xff", ["BTC-USD", "ETH-USD"]),
        ('{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","si', []),
        ('{"channel":"unheard-of"}', []),
    ],
    ids=["names its market", "names none", "binary", "another channel", "readable"],
)
def test_a_frame_that_nobody_can_read_leaves_no_book_proven_that_it_may_have_changed(
    frame: str | bytes, lost: list[str]
) -> None:
    feed = KrakenFeed(instruments("BTC", "ETH"))
    feed.wanted([("depth", "BTC-USD"), ("depth", "ETH-USD")])
    rows = '"bids":[{"price":2,"qty":1}],"asks":[{"price":3,"qty":1}]'
    for market in ("BTC/USD", "ETH/USD"):
        feed.receive(f'{{"channel":"book","type":"snapshot","data":[{{"symbol":"{market}",{rows}}}]}}', 2)
    outputs = list(feed.receive(frame, 3))
    gaps = [output for output in outputs if isinstance(output, Gap)]
    assert isinstance(outputs[0], Rejected)
    assert [(gap.symbol, gap.reason) for gap in gaps] == [(symbol, "checksum") for symbol in lost]
    assert [symbol for symbol in ("BTC-USD", "ETH-USD") if feed.book(symbol, 4) is None] == lost
    assert bool(sent(outputs)) == bool(lost)


def test_a_refused_book_is_not_asked_for_again_when_another_market_joins() -> None:
    feed = KrakenFeed(instruments("BTC", "ETH"))
    [request] = sent(list(feed.wanted([("depth", "BTC-USD")])))
    refusal = {"error": "Currency pair not supported BTC/USD", "method": "subscribe", "success": False}
    assert len(list(feed.receive(json.dumps({**refusal, "req_id": request["req_id"]}), 9))) == 1
    list(feed.wanted([("depth", "BTC-USD"), ("trade", "ETH-USD")]))
    again = [frame for second in range(90) for frame in sent(feed.tick(second * 10**9)) if "params" in frame]
    assert all(frame["params"]["channel"] != "book" for frame in again)  # type: ignore[index]
