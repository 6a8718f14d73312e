"""The Bitstamp feed: nothing that a connection may bring raises, books follow each picture, tickers are polled."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.bitstamp import CARD
from exchanges.bitstamp.feed import HEARTBEAT
from exchanges.contract import Feed, Fetch, Request, Send
from exchanges.events import Depth, Rejected
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound
from tests.exchanges.ours import books

FRAMES = frames_of("bitstamp")
S_NS = 1_000_000_000
NOW_US = 1_790_000_000_000_000
BITCOIN = Instrument(symbol="BTC-USD", venue_symbol="btcusd", base="BTC", quote="USD", kind="spot")
WANTS = [("trade", "BTC-USD"), ("ticker", "BTC-USD"), ("depth", "BTC-USD"), ("depth_5", "BTC-USD"), ("trade", "X-USD")]
TARGETS = ["/api/v2/ticker/", "/api/v2/ohlc/btcusd/?step=60", "/api/v2/ohlc/x/?step=7", "/api/v2/order_book/btcusd/"]


def feed() -> Feed:
    return CARD.feed(Instruments([BITCOIN]))


def picture(micros: int, bids: dict[int, int], asks: dict[int, int]) -> str:
    sides = {
        name: [[str(price), f"{quantity}.00000000"] for price, quantity in side.items()]
        for name, side in (("bids", bids), ("asks", asks))
    }
    return json.dumps(
        {"event": "data", "channel": "order_book_btcusd", "data": {"microtimestamp": str(micros), **sides}}
    )


@settings(max_examples=200, deadline=None)
@given(frame=anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(feed().receive(frame, 1), "bitstamp")


@settings(max_examples=400, deadline=None)
@given(frame=mutated(FRAMES), wanted=st.booleans())
def test_no_truncated_or_mutated_frame_raises(frame: str, wanted: bool) -> None:
    mine = feed()
    list(mine.wanted(WANTS) if wanted else ())
    assert sound(mine.receive(frame, 1), "bitstamp")


@settings(max_examples=200, deadline=None)
@given(body=anything | mutated(FRAMES), target=st.sampled_from(TARGETS))
def test_no_answer_raises(body: str | bytes, target: str) -> None:
    raw = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
    assert sound(feed().answered(Request(target), raw, 1), "bitstamp")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FRAMES), st.integers(0, 40_000)), max_size=30))
def test_no_order_of_frames_raises(steps: list[tuple[str, int]]) -> None:
    mine, now_ns = feed(), 0
    outputs = [*mine.opening(), *mine.wanted(WANTS)]
    for frame, pause_ms in steps:
        now_ns += pause_ms * 1_000_000
        outputs += [*mine.receive(frame, now_ns), *mine.tick(now_ns)]
    assert sound(outputs, "bitstamp")


side = st.dictionaries(st.integers(1, 12), st.integers(1, 3), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(side, side), min_size=1, max_size=12))
def test_whoever_follows_the_changes_holds_the_last_picture_that_was_not_crossed(pictures: list[Any]) -> None:
    mine, heard, last = feed(), [], None
    list(mine.wanted([("depth", "BTC-USD")]))
    for number, (bids, asks) in enumerate(pictures, 1):
        outputs = list(mine.receive(picture(NOW_US + number, bids, asks), number))
        heard += [output for output in outputs if isinstance(output, Depth)]
        crossed = bool(bids and asks) and max(bids) >= min(asks)
        assert [output.kind for output in outputs if isinstance(output, Rejected)] == ["crossed book"] * crossed
        last = last if crossed else (bids, asks)
    told = [[{Decimal(p): Decimal(q) for p, q in one.items()} for one in sides] for sides in books(heard).values()]
    assert (told[-1] == [*last]) if last else not told
    assert [event.type for event in heard[1:]].count("snapshot") == 0


def test_the_card_has_a_connection_for_trades_and_books_and_none_for_what_is_polled() -> None:
    by_stream = {stream: CARD.sockets[CARD.socket_of(stream)].url for stream in CARD.stream_names()}
    assert {stream for stream, url in by_stream.items() if not url} == {
        "ticker", *(f"candle_{interval}" for interval in CARD.intervals)
    }  # fmt: skip
    mine = feed()
    assert [type(one) for one in mine.wanted(WANTS)] == [Send, Send]
    assert [one.request.target for one in mine.tick(S_NS) if isinstance(one, Fetch)] == ["/api/v2/ticker/"]


def test_what_is_only_polled_has_no_heartbeat() -> None:
    mine = feed()
    list(mine.wanted([("ticker", "BTC-USD")]))
    said = [one for second in range(1, 100) for one in mine.tick(second * S_NS)]
    assert HEARTBEAT not in said and any(isinstance(one, Fetch) for one in said)


def test_a_book_is_shown_from_its_first_picture_on_and_forgotten_with_the_last_reader() -> None:
    mine = feed()
    list(mine.wanted([("depth_5", "BTC-USD")]))
    assert mine.book("BTC-USD", 1) is None
    list(mine.receive(picture(NOW_US, {1: 1}, {2: 1}), 1))
    book = mine.book("BTC-USD", 2)
    assert book and (book.bids, book.asks) == ((("1", "1"),), (("2", "1"),))
    list(mine.wanted([("trade", "BTC-USD")]))
    assert mine.book("BTC-USD", 3) is None and mine.waiting() == {}
