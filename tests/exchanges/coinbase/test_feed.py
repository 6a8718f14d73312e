"""The Coinbase feed: subscriptions, polls, and that nothing a connection may bring raises or leaves unsound."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.coinbase import CARD
from exchanges.coinbase.subscriptions import MARKETS_PER_MESSAGE
from exchanges.contract import Feed, Fetch, Output, Send
from exchanges.errors import RateLimited
from exchanges.events import Gap, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound

FRAMES = frames_of("coinbase")
SECOND_NS = 1_000_000_000
PERP = Instrument(
    symbol="BTC-USD-PERP", venue_symbol="BIP-20DEC30-CDE", base="BTC", quote="USD", kind="perpetual",
    contract_size="0.01",
)  # fmt: skip


def new_feed() -> Feed:
    return CARD.feed(Instruments())


@settings(max_examples=200, deadline=None)
@given(frame=anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(new_feed().receive(frame, 1), "coinbase")


@settings(max_examples=400, deadline=None)
@given(frame=mutated(FRAMES))
def test_no_truncated_or_mutated_frame_raises(frame: str) -> None:
    assert sound(new_feed().receive(frame, 1), "coinbase")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FRAMES), st.integers(0, 300)), max_size=30), st.booleans())
def test_no_order_of_frames_raises(steps: list[tuple[str, int]], told: bool) -> None:
    feed, now_ns = CARD.feed(spot("BTC-USD", "ETH-USD")), 0
    if told:
        list(feed.wanted([(stream, "BTC-USD") for stream in CARD.stream_names()]))
    for frame, pause_ms in steps:
        now_ns += pause_ms * 1_000_000
        assert sound(feed.receive(frame, now_ns), "coinbase")
        assert sound(feed.tick(now_ns), "coinbase")


def test_a_frame_nested_beyond_reason_is_rejected() -> None:
    [rejected] = new_feed().receive('{"x":' + "[" * 100_000, 1)
    assert isinstance(rejected, Rejected)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"candles":[{"start":"x"}]}', b"\xff"])
def test_a_broken_answer_is_rejected_and_asked_for_again(body: bytes) -> None:
    feed = CARD.feed(spot("BTC-USD"))
    list(feed.wanted([("candle_1h", "BTC-USD")]))
    [fetch] = fetches(feed.tick(10 * SECOND_NS))
    [rejected] = feed.answered(fetch.request, body, 11 * SECOND_NS)
    assert isinstance(rejected, Rejected)
    assert fetches(feed.tick(13 * SECOND_NS)) == [fetch]


def spot(*symbols: str) -> Instruments:
    return Instruments(
        Instrument(symbol=name, venue_symbol=name, base=name.partition("-")[0], quote="USD", kind="spot")
        for name in symbols
    )


def sent(outputs: Any) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in outputs if isinstance(output, Send)]


def fetches(outputs: Any) -> list[Fetch]:
    return [output for output in outputs if isinstance(output, Fetch)]


def test_many_markets_are_asked_for_in_messages_of_a_modest_size() -> None:
    names = [f"A{number}-USD" for number in range(120)]
    frames = sent(CARD.feed(spot(*names)).wanted([("depth", name) for name in names]))
    assert [len(frame.get("product_ids", ())) for frame in frames] == [0, MARKETS_PER_MESSAGE, MARKETS_PER_MESSAGE, 20]
    assert {frame["channel"] for frame in frames} == {"heartbeats", "level2"}


def test_only_what_changed_is_asked_for() -> None:
    feed = CARD.feed(spot("A-USD", "B-USD"))
    list(feed.wanted([("depth", "A-USD")]))
    frames = sent(feed.wanted([("depth_5", "A-USD"), ("depth", "B-USD")]))
    assert frames == [{"type": "subscribe", "channel": "level2", "product_ids": ["B-USD"]}]
    assert sent(feed.wanted([("depth_5", "A-USD"), ("depth", "B-USD")])) == []


def test_every_stream_of_the_card_can_be_wanted_on_its_socket() -> None:
    channels: dict[tuple[str, int], set[str]] = {}
    for symbol, markets in (("A-USD", spot("A-USD")), ("BTC-USD-PERP", Instruments([PERP]))):
        for socket in range(len(CARD.sockets)):
            wants = [(one, symbol) for one in CARD.stream_names() if CARD.socket_of(one, symbol) == socket]
            frames = sent(CARD.feed(markets).wanted(wants))
            said = {channel for frame in frames for channel in frame.get("channels", [frame.get("channel")])}
            channels[symbol, socket] = said
    assert channels == {
        ("A-USD", 0): {"matches", "ticker", "heartbeat"},
        ("A-USD", 1): {"level2", "candles", "heartbeats"},
        ("BTC-USD-PERP", 0): set(),
        ("BTC-USD-PERP", 1): {"level2", "candles", "heartbeats", "market_trades", "ticker"},
    }


def test_books_that_break_again_and_again_are_not_asked_for_faster_than_each_five_seconds() -> None:
    feed, asked_s = CARD.feed(spot("BTC-USD")), []
    list(feed.wanted([("depth", "BTC-USD")]))
    head = {"channel": "l2_data", "timestamp": "2026-09-21T14:13:21Z"}
    crossed = (("bid", "2"), ("offer", "1"))
    updates = [{"side": side, "price_level": price, "new_quantity": "1"} for side, price in crossed]
    for second in range(1, 31):
        event = {"type": "snapshot", "product_id": "BTC-USD", "updates": updates}
        outputs: list[Output] = list(
            feed.receive(json.dumps({**head, "sequence_num": second, "events": [event]}), second * SECOND_NS)
        )
        outputs += feed.tick(second * SECOND_NS)
        asked_s += [second for frame in sent(outputs) if frame["type"] == "subscribe"]
    assert asked_s[0] == 1 and all(after - before >= 5 for before, after in zip(asked_s, asked_s[1:], strict=False))
    assert feed.book("BTC-USD", 1) is None


def test_a_refused_message_that_names_no_market_is_halved_until_one_is_found() -> None:
    feed = CARD.feed(spot("A-USD", "B-USD", "C-USD"))
    list(feed.wanted([("ticker", "A-USD"), ("ticker", "B-USD"), ("ticker", "C-USD")]))
    asked = [["A-USD", "B-USD", "C-USD"], ["A-USD", "B-USD", "C-USD"]]  # heartbeat, ticker
    refused: list[Output] = []
    answered: list[str] = []
    while asked:
        markets = asked.pop(0)
        if "B-USD" in markets:
            frame = {"type": "error", "message": "Failed to subscribe", "reason": "unknown product"}
        else:
            answered += markets
            frame = {"type": "subscriptions", "channels": [{"name": "ticker", "product_ids": answered}]}
        outputs = list(feed.receive(json.dumps(frame), 1))
        asked += [frame["product_ids"] for frame in sent(outputs)]
        refused += [output for output in outputs if not isinstance(output, Send | Rejected)]
    assert sorted(answered) == ["A-USD", "A-USD", "C-USD", "C-USD"]
    assert [(one.status, one.symbol, one.stream) for one in refused] == [("not_listed", "B-USD", "ticker")]  # type: ignore[union-attr]


def test_trades_and_ticker_of_a_future_come_from_advanced_trade_and_count_contracts() -> None:
    feed = CARD.feed(Instruments([PERP]))
    frames = sent(feed.wanted([("trade", "BTC-USD-PERP"), ("ticker", "BTC-USD-PERP")]))
    assert {frame["channel"]: frame.get("product_ids") for frame in frames} == {
        "heartbeats": None, "market_trades": ["BIP-20DEC30-CDE"], "ticker": ["BIP-20DEC30-CDE"]
    }  # fmt: skip
    row = {"product_id": "BIP-20DEC30-CDE", "price": "100", "volume_24_h": "300", "best_bid": "", "best_ask": None}
    [told] = feed.receive(framed("ticker", 0, {"type": "snapshot", "tickers": [row]}), 1)
    assert isinstance(told, Ticker) and (told.volume_24h, told.bid_price, told.ask_price) == ("3", None, None)
    [newest] = feed.receive(trades_of_future(1, "snapshot", "b", "a"), 2)
    assert isinstance(newest, Trade)
    assert (newest.trade_id, newest.quantity, newest.venue_quantity, newest.side) == ("b", "0.05", "5", "buy")
    assert ids(feed.receive(trades_of_future(2, "update", "d", "c"), 3)) == ["c", "d"]


def test_a_lost_frame_is_a_gap_of_a_futures_trades_and_the_new_snapshot_has_what_was_lost() -> None:
    feed = CARD.feed(Instruments([PERP]))
    list(feed.wanted([("trade", "BTC-USD-PERP")]))
    list(feed.receive(trades_of_future(0, "snapshot", "2", "1"), 1))
    gap, *rest = feed.receive(framed("heartbeats", 2, {}), 2)
    assert isinstance(gap, Gap) and (gap.stream, gap.symbol, gap.reason) == ("trade", "BTC-USD-PERP", "sequence")
    assert [(frame["type"], frame["channel"]) for frame in sent(rest)] == [
        ("unsubscribe", "market_trades"), ("subscribe", "market_trades")
    ]  # fmt: skip
    assert ids(feed.receive(trades_of_future(3, "snapshot", "4", "3", "2", "1"), 3)) == ["3", "4"]


def test_a_broken_frame_of_trades_is_a_loss_of_trades_alone() -> None:
    feed = CARD.feed(Instruments([PERP]))
    wants = [("trade", "BTC-USD-PERP"), ("depth", "BTC-USD-PERP")]
    list(feed.wanted(wants))
    levels = [{"side": "bid", "price_level": "1", "new_quantity": "1"}]
    list(
        feed.receive(framed("l2_data", 0, {"type": "snapshot", "product_id": PERP.venue_symbol, "updates": levels}), 1)
    )
    rejected, gap, *rest = feed.receive(framed("market_trades", 1, {"trades": 5}), 2)
    assert isinstance(rejected, Rejected) and isinstance(gap, Gap) and gap.stream == "trade"
    assert [frame["channel"] for frame in sent(rest)] == ["market_trades"] * 2 and len(rest) == 2
    assert feed.book("BTC-USD-PERP", 3) is not None


def test_of_a_recording_too_a_lost_frame_is_a_gap_of_the_trades_whose_ids_prove_nothing() -> None:
    feed = CARD.feed(Instruments([PERP]))
    assert ids(feed.receive(trades_of_future(0, "snapshot", "b", "a"), 1)) == ["a", "b"]
    gap, trade = feed.receive(trades_of_future(2, "update", "d", "b"), 2)
    assert isinstance(gap, Gap) and isinstance(trade, Trade) and trade.trade_id == "d"


def framed(channel: str, number: int, event: dict[str, Any]) -> str:
    head = {"channel": channel, "timestamp": "2026-09-21T14:13:21Z", "sequence_num": number}
    return json.dumps({**head, "events": [event]})


def trades_of_future(number: int, kind: str, *ids: str) -> str:
    rows = [
        {"trade_id": trade_id, "product_id": "BIP-20DEC30-CDE", "price": "100", "size": "5", "side": "SELL",
         "time": "2026-09-21T14:13:21Z"} for trade_id in ids
    ]  # fmt: skip
    return framed("market_trades", number, {"type": kind, "trades": rows})


def ids(outputs: Any) -> list[str]:
    return [output.trade_id for output in outputs if isinstance(output, Trade)]


@pytest.mark.parametrize("text", ["rate limit exceeded", "Failed to subscribe"])
def test_a_message_that_is_refused_for_another_reason_makes_no_market_unlisted(text: str) -> None:
    feed = CARD.feed(spot("A-USD"))
    list(feed.wanted([("ticker", "A-USD")]))
    list(feed.receive('{"type":"subscriptions","channels":[{"name":"heartbeat","product_ids":["A-USD"]}]}', 1))
    [said] = feed.receive(json.dumps({"type": "error", "message": text}), 2)
    assert isinstance(said, Rejected)
    assert list(feed.tick(3)) == list(feed.tick(9 * SECOND_NS)) == []
    assert sent(feed.tick(11 * SECOND_NS)) == [{"type": "subscribe", "product_ids": ["A-USD"], "channels": ["ticker"]}]


def test_a_channel_that_advanced_trade_refuses_is_asked_for_again_and_its_markets_stay_listed() -> None:
    feed = CARD.feed(spot("A-USD"))
    frames = sent(feed.wanted([("candle_5m", "A-USD")]))
    assert [frame["channel"] for frame in frames] == ["candles", "heartbeats"]
    list(feed.receive('{"type":"error","message":"rate limit exceeded"}', 1))
    assert not list(feed.receive(framed("subscriptions", 0, {"subscriptions": {"heartbeats": ["heartbeats"]}}), 2))
    assert not list(feed.tick(SECOND_NS))
    assert sent(feed.tick(12 * SECOND_NS)) == frames[:1]
    assert not list(feed.receive(framed("subscriptions", 1, {"subscriptions": {"candles": ["A-USD"]}}), 13 * SECOND_NS))


def test_a_limit_that_is_hit_stops_all_polls_of_the_connection_for_so_long() -> None:
    feed = CARD.feed(spot("A-USD", "B-USD"))
    list(feed.wanted([("candle_1m", "A-USD"), ("candle_1m", "B-USD")]))
    [fetch] = fetches(feed.tick(10 * SECOND_NS))
    list(feed.failed(fetch.request, RateLimited("too many", 30.0), 11 * SECOND_NS))
    assert fetches(feed.tick(40 * SECOND_NS)) == []
    assert len(fetches(feed.tick(41 * SECOND_NS))) == 1


def test_where_heartbeats_tell_of_trades_again_and_again_and_none_comes_they_are_subscribed_to_anew() -> None:
    feed = CARD.feed(spot("A-USD"))
    list(feed.wanted([("trade", "A-USD")]))
    match = {"type": "match", "trade_id": 1, "product_id": "A-USD", "side": "buy", "size": "1", "price": "2",
             "time": "2026-09-21T14:13:22.000000Z"}  # fmt: skip
    list(feed.receive(json.dumps(match), 1))

    def beaten(number: int) -> list[Output]:
        beat = {"type": "heartbeat", "sequence": number, "last_trade_id": number, "product_id": "A-USD",
                "time": "2026-09-21T14:13:22.000000Z"}  # fmt: skip
        return list(feed.receive(json.dumps(beat), number))

    said = [output for number in range(2, 8) for output in beaten(number)]
    assert [type(output) for output in said] == [Gap, Gap, Gap, Send, Send]
    verbs = [(frame["type"], frame["channels"]) for frame in sent(said)]
    assert verbs == [("unsubscribe", ["matches"]), ("subscribe", ["matches"])]
