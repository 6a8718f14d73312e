"""The Deribit feed: subscriptions, login, and that nothing a connection may bring raises or leaves unsound."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.contract import Close, Output, Request, Send
from exchanges.deribit import CARD
from exchanges.deribit.calls import CHANNELS_PER_CALL
from exchanges.deribit.feed import CLIENT_ID, CLIENT_SECRET, DeribitFeed
from exchanges.events import Depth, Gap, Rejected, Status
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound

FRAMES = frames_of("deribit")
KEYS = {CLIENT_ID: "name", CLIENT_SECRET: "very-secret"}
S_NS = 1_000_000_000


def new_feed(keys: dict[str, str] | None = None, count: int = 0) -> DeribitFeed:
    return DeribitFeed(instruments(count), keys or {})


def instruments(count: int) -> Instruments:
    return Instruments(
        Instrument(symbol=f"A{n}-USDC", venue_symbol=f"A{n}_USDC", base=f"A{n}", quote="USDC", kind="spot")
        for n in range(count)
    )


def sent(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in outputs if isinstance(output, Send)]


def channels(outputs: Iterable[Output]) -> list[str]:
    return [channel for call in sent(outputs) for channel in call["params"].get("channels", ())]


def answer(number: int, **said: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, **said})


@settings(max_examples=200, deadline=None)
@given(frame=anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(new_feed().receive(frame, 1), "deribit")


@settings(max_examples=400, deadline=None)
@given(frame=mutated(FRAMES), wanted=st.booleans())
def test_no_truncated_or_mutated_frame_raises(frame: str, wanted: bool) -> None:
    feed = new_feed()
    list(feed.wanted([("trade", "BTC-USD-PERP_BTC"), ("depth", "BTC-PERPETUAL")]) if wanted else ())
    assert sound(feed.receive(frame, 1), "deribit")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FRAMES), st.integers(0, 3000)), max_size=30), st.booleans())
def test_no_order_of_frames_raises(steps: list[tuple[str, int]], keys: bool) -> None:
    feed, now_ns = new_feed(KEYS if keys else {}), 0
    outputs = [*feed.opening(), *feed.wanted([("trade", "BTC-PERPETUAL"), ("depth_5", "BTC_USDC-PERPETUAL")])]
    for frame, pause_ms in steps:
        now_ns += pause_ms * 1_000_000
        outputs += [*feed.receive(frame, now_ns), *feed.tick(now_ns)]
    assert sound(outputs, "deribit")


@pytest.mark.parametrize("number", ["1e999", "1e-999", "0e0", "-1", '"sNaN"', '"Infinity"', "1e99999", "9" * 200])
@pytest.mark.parametrize("place", ["price", "amount"])
def test_no_number_of_a_trade_leaves_as_something_else(number: str, place: str) -> None:
    row = {"trade_id": '"1"', "trade_seq": "1", "timestamp": "1790000000452", "instrument_name": '"BTC-PERPETUAL"',
           "price": "5", "amount": "10", "direction": '"buy"', place: number}  # fmt: skip
    data = ",".join(f'"{name}":{value}' for name, value in row.items())
    frame = f'{{"method":"subscription","params":{{"channel":"trades.BTC-PERPETUAL.100ms","data":[{{{data}}}]}}}}'
    assert sound(new_feed().receive(frame, 1), "deribit")


def test_a_frame_nested_beyond_reason_is_rejected() -> None:
    [rejected] = new_feed().receive('{"x":' + "[" * 100_000, 1)
    assert isinstance(rejected, Rejected)


def test_the_answer_to_a_request_that_no_feed_made_is_rejected() -> None:
    [rejected] = new_feed().answered(Request("/api/v2/public/ticker"), b"{}", 1)
    assert isinstance(rejected, Rejected) and list(new_feed().failed(Request("/"), ValueError(), 1)) == []


def test_many_channels_are_asked_for_in_calls_within_the_limits() -> None:
    feed = new_feed(count=900)
    outputs = list(feed.wanted([("trade", f"A{n}-USDC") for n in range(900)]))
    sizes = [len(call["params"]["channels"]) for call in sent(outputs)]
    assert sizes == [CHANNELS_PER_CALL, CHANNELS_PER_CALL, 101]
    longest = "chart.trades.BTCDVOL_USDC-25DEC26-100000d625-C.720"
    assert CHANNELS_PER_CALL * (len(longest) + 4) + 100 < 32768
    assert len({call["id"] for call in sent(outputs)}) == 3


def test_only_what_changed_is_asked_for() -> None:
    feed = new_feed(count=3)
    list(feed.wanted([("trade", "A0-USDC"), ("depth", "A1-USDC")]))
    again = [("trade", "A0-USDC"), ("depth_5", "A1-USDC"), ("trade", "A2-USDC")]
    assert channels(feed.wanted(again)) == ["trades.A2_USDC.100ms"]
    assert list(feed.wanted(again)) == []
    calls = sent(feed.wanted([]))
    assert [call["method"] for call in calls] == ["public/unsubscribe"]
    assert "instrument.state.any.any" in calls[0]["params"]["channels"]


def test_every_stream_of_the_card_can_be_wanted() -> None:
    feed = new_feed(count=1)
    found = channels(feed.wanted([(stream, "A0-USDC") for stream in CARD.stream_names()]))
    assert len(found) == len(CARD.intervals) + 4


def test_a_heartbeat_is_asked_for_first_and_nothing_is_logged_in_without_keys() -> None:
    [call] = sent(new_feed().opening())
    assert (call["method"], call["params"]) == ("public/set_heartbeat", {"interval": 10})
    assert len(sent(DeribitFeed(Instruments(), {CLIENT_ID: "name", CLIENT_SECRET: ""}).opening())) == 1


def test_with_keys_the_raw_channels_are_joined_after_the_login() -> None:
    feed = new_feed(KEYS, 1)
    login = sent(feed.opening())[1]
    assert login["method"] == "public/auth" and login["params"]["client_secret"] == "very-secret"
    assert list(feed.wanted([("trade", "A0-USDC"), ("candle_1m", "A0-USDC")])) == []
    joined = channels(feed.receive(answer(login["id"], result={"access_token": "x", "expires_in": 9}), 1))
    assert joined == ["chart.trades.A0_USDC.1", "instrument.state.any.any", "trades.A0_USDC.raw"]
    assert list(feed.tick(60 * S_NS)) == []


def test_a_refused_login_is_told_without_the_key_and_the_public_channels_are_joined() -> None:
    feed = new_feed(KEYS, 1)
    login = sent(feed.opening())[1]
    list(feed.wanted([("trade", "A0-USDC")]))
    error = {"code": 13004, "message": "invalid_credentials"}
    rejected, status, *rest = feed.receive(answer(login["id"], error=error), 1)
    assert isinstance(rejected, Rejected) and rejected.kind == "refused 13004"
    assert isinstance(status, Status) and (status.status, status.stream) == ("not_authenticated", "trade")
    assert channels(rest) == ["instrument.state.any.any", "trades.A0_USDC.100ms"]
    assert not any("very-secret" in repr(output) for output in (rejected, status, *rest))


@pytest.mark.parametrize("error", [{"code": 13028, "message": "unavailable"}, {"code": 10028, "message": "too_many"}])
def test_a_login_that_fails_in_passing_is_tried_again_on_a_new_connection(error: dict[str, Any]) -> None:
    feed = new_feed(KEYS, 1)
    login = sent(feed.opening())[1]
    list(feed.wanted([("trade", "A0-USDC")]))
    outputs = list(feed.receive(answer(login["id"], error=error), 1))
    assert [type(output) for output in outputs] == [Rejected, Close]


def test_a_login_without_an_answer_ends_the_connection() -> None:
    feed = new_feed(KEYS)
    list(feed.opening())
    assert list(feed.tick(S_NS)) == []
    assert [type(output) for output in feed.tick(12 * S_NS)] == [Close]


def test_where_raw_is_refused_later_the_public_channels_are_joined() -> None:
    feed = new_feed(KEYS, 1)
    login = sent(feed.opening())[1]
    list(feed.wanted([("depth", "A0-USDC")]))
    [call] = sent(feed.receive(answer(login["id"], result={}), 1))
    error = {"code": 13778, "message": "raw_subscriptions_not_available_for_unauthorized"}
    outputs = list(feed.receive(answer(call["id"], error=error), 2))
    assert channels(outputs) == ["book.A0_USDC.100ms"]
    assert channels(feed.tick(5 * S_NS)) == ["instrument.state.any.any"]


def test_a_channel_whose_snapshot_never_comes_is_joined_again_in_time_but_not_in_a_hurry() -> None:
    feed = new_feed(count=1)
    [call] = sent(feed.wanted([("depth", "A0-USDC")]))
    list(feed.receive(answer(call["id"], result=call["params"]["channels"]), 0))
    book = {"timestamp": 1, "instrument_name": "A0_USDC", "type": "change", "change_id": 2, "bids": [], "asks": []}
    said = {"method": "subscription", "params": {"channel": "book.A0_USDC.100ms", "data": book}}
    list(feed.receive(json.dumps(said), 0))
    joined = []
    for second in range(30):
        calls = sent(feed.tick(second * S_NS))
        joined += [second] * bool(calls)
        for asked in calls:
            list(feed.receive(answer(asked["id"], result=asked["params"]["channels"]), second * S_NS))
    assert joined == [0, 10, 20]


def test_the_proven_book_can_be_asked_for_at_any_time() -> None:
    feed = new_feed()
    assert feed.book("BTC_USDC", 5) is None and feed.waiting() == {}
    data = {"timestamp": 1790000000000, "instrument_name": "BTC_USDC", "type": "snapshot", "change_id": 7,
            "bids": [["new", 84143.0, 0.5]], "asks": [["new", 84144.0, 0.1]]}  # fmt: skip
    said = {"method": "subscription", "params": {"channel": "book.BTC_USDC.100ms", "data": data}}
    list(feed.receive(json.dumps(said), 1))
    assert feed.book("BTC_USDC", 5) == Depth(
        symbol="BTC_USDC", venue_symbol="BTC_USDC", received_ns=5, event_us=1790000000000000, type="snapshot",
        bids=(("84143", "0.5"),), asks=(("84144", "0.1"),), sequence=7,
    )  # fmt: skip


def test_a_change_that_is_said_twice_changes_nothing_and_one_that_is_left_out_is_a_gap() -> None:
    feed = new_feed()

    def heard(number: int, before: int | None) -> list[type]:
        book = {"timestamp": 1790000000000, "instrument_name": "BTC_USDC", "change_id": number,
                "bids": [["change", 84143.0, number]], "asks": []}  # fmt: skip
        data = {**book, "type": "change", "prev_change_id": before} if before else {**book, "type": "snapshot"}
        said = {"method": "subscription", "params": {"channel": "book.BTC_USDC.100ms", "data": data}}
        return [type(output) for output in feed.receive(json.dumps(said), 1)]

    assert [heard(7, None), heard(8, 7), heard(8, 7), heard(9, 8)] == [[Depth], [Depth], [], [Depth]]
    assert heard(11, 10) == [Gap]
