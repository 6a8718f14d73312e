"""The Hyperliquid feed: the wrong coin, repeated trades, and that nothing a connection may bring raises."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.contract import Output, Request, Send
from exchanges.events import Depth, Rejected, Status, Trade
from exchanges.hyperliquid import CARD
from exchanges.hyperliquid.feed import CONNECTIONS, SHARE, HyperliquidFeed, new_feed
from exchanges.hyperliquid.subscriptions import AT_ONCE
from exchanges.symbols import Instrument, Instruments
from tests.exchanges.fuzz import anything, frames_of, mutated, sound

FRAMES = frames_of("hyperliquid")
S_NS = 1_000_000_000
NOW_MS = 1_790_000_000_000
WANTS = [("trade", "BTC-USDC-PERP"), ("ticker", "BTC-USDC-PERP"), ("depth", "BTC-USDC-PERP"), ("depth_5", "UBTC-USDC")]


def instruments(*coins: str) -> Instruments:
    return Instruments(
        Instrument(symbol=f"{coin}-USDC-PERP", venue_symbol=coin, base=coin, quote="USDC", kind="perpetual")
        for coin in coins
    )


def sent(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    return [json.loads(output.text) for output in outputs if isinstance(output, Send)]


def asked(outputs: Iterable[Output]) -> list[str]:
    """The coins of all subscriptions that were sent."""
    return [one["subscription"]["coin"] for one in sent(outputs) if one["method"] == "subscribe"]


def acknowledgement(coin: str, kind: str = "trades") -> str:
    said = {"method": "subscribe", "subscription": {"type": kind, "coin": coin}}
    return json.dumps({"channel": "subscriptionResponse", "data": said})


def trades(*rows: tuple[int, int], coin: str = "A") -> str:
    """Of (time, id)."""
    data = [{"coin": coin, "side": "B", "px": "1.5", "sz": "2.0", "time": at, "tid": tid} for at, tid in rows]
    return json.dumps({"channel": "trades", "data": data})


@settings(max_examples=200, deadline=None)
@given(frame=anything)
def test_no_bytes_and_no_text_raise(frame: str | bytes) -> None:
    assert sound(new_feed(Instruments(), {}).receive(frame, 1), "hyperliquid")


@settings(max_examples=400, deadline=None)
@given(frame=mutated(FRAMES), wanted=st.booleans())
def test_no_truncated_or_mutated_frame_raises(frame: str, wanted: bool) -> None:
    feed = new_feed(instruments("BTC", "UBTC"), {})
    list(feed.wanted(WANTS) if wanted else ())
    assert sound(feed.receive(frame, 1), "hyperliquid")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FRAMES), st.integers(0, 40000)), max_size=30))
def test_no_order_of_frames_raises(steps: list[tuple[str, int]]) -> None:
    feed, now_ns = new_feed(instruments("BTC"), {}), 0
    outputs = [*feed.opening(), *feed.wanted(WANTS)]
    for frame, pause_ms in steps:
        now_ns += pause_ms * 1_000_000
        outputs += [*feed.receive(frame, now_ns), *feed.tick(now_ns)]
    assert sound(outputs, "hyperliquid")


@pytest.mark.parametrize("number", ["1e999", "1e-999", "0e0", "-1", "sNaN", "Infinity", "1e99999", "9" * 200, "", "½"])
@pytest.mark.parametrize("place", ["px", "sz"])
def test_no_number_of_a_trade_leaves_as_something_else(number: str, place: str) -> None:
    row = {"coin": "BTC", "side": "A", "px": "5", "sz": "1", "time": NOW_MS, "tid": 1, place: number}
    frame = json.dumps({"channel": "trades", "data": [row]})
    assert sound(new_feed(Instruments(), {}).receive(frame, 1), "hyperliquid")


def test_the_answer_to_a_request_that_no_feed_made_is_rejected() -> None:
    feed = new_feed(Instruments(), {})
    [rejected] = feed.answered(Request("/info"), b"{}", 1)
    assert isinstance(rejected, Rejected) and list(feed.failed(Request("/info"), ValueError(), 1)) == []


def test_every_stream_of_the_card_can_be_wanted_and_books_share_a_subscription() -> None:
    feed = new_feed(instruments("A"), {})
    found = unanswered = sent(feed.wanted([(stream, "A-USDC-PERP") for stream in CARD.stream_names()]))
    while unanswered:
        answers = [json.dumps({"channel": "subscriptionResponse", "data": one}) for one in unanswered]
        unanswered = [one for answer in answers for one in sent(feed.receive(answer, 1))]
        found = found + unanswered
    kinds = sorted(one["subscription"]["type"] for one in found)
    assert kinds == ["activeAssetCtx", "bbo", *["candle"] * len(CARD.intervals), "l2Book", "l2Book", "trades"]


def test_few_subscriptions_are_unanswered_at_a_time_and_answers_let_the_next_follow() -> None:
    coins = [f"A{number:03}" for number in range(30)]
    feed = new_feed(instruments(*coins), {})
    first = asked(feed.wanted([("trade", f"{coin}-USDC-PERP") for coin in coins]))
    assert first == coins[:AT_ONCE]
    assert asked(feed.receive(acknowledgement("A000"), 1)) == ["A010"]
    waiting = [coin for coin in coins[1:11] for coin in asked(feed.receive(acknowledgement(coin), 1))]
    assert waiting == coins[11:21]


def test_the_connections_of_an_address_keep_its_limits_together() -> None:
    connections = sum(socket.most_connections or 99 for socket in CARD.sockets)
    assert connections == CONNECTIONS and CONNECTIONS * SHARE <= 1000
    assert all(socket.max_subscriptions <= SHARE for socket in CARD.sockets)
    assert sum(60 * socket.messages_per_s * (socket.most_connections or 99) for socket in CARD.sockets) <= 2000
    assert sum(socket.connects.amount for socket in CARD.sockets if socket.connects) <= 30


def test_what_is_beyond_a_connection_s_share_says_so_and_what_is_carried_stays() -> None:
    coins = [f"A{number:03}" for number in range(SHARE + 2)]
    feed, late = new_feed(instruments(*coins), {}), ("trade", "A000-USDC-PERP")
    wants = [("trade", f"{coin}-USDC-PERP") for coin in coins[1:]]
    joined = _all_joined(feed, feed.wanted(wants))
    assert joined == set(coins[1:-1])
    outputs = [*feed.wanted([late, *wants]), *feed.tick(S_NS), *feed.tick(2 * S_NS)]
    assert sent(outputs) == []
    told = [(output.symbol, output.status) for output in outputs if isinstance(output, Status)]
    assert told == [(late[1], "quota_spent"), (wants[-1][1], "quota_spent")]
    left = list(feed.wanted([late, *wants[1:]]))
    assert [one["method"] for one in sent(left)] == ["unsubscribe", "subscribe"] and asked(left) == ["A000"]


def _all_joined(feed: HyperliquidFeed, outputs: Iterable[Output]) -> set[str]:
    """The coins that are subscribed once every subscription is acknowledged."""
    joined: set[str] = set()
    while coins := asked(outputs):
        joined |= set(coins)
        outputs = [output for coin in coins for output in feed.receive(acknowledgement(coin), S_NS)]
    return joined


def test_a_coin_that_ends_the_connection_is_found_and_the_others_stay() -> None:
    listed = instruments("BAD", "GOOD", "OLD")
    wants = [("trade", f"{coin}-USDC-PERP") for coin in ("BAD", "GOOD", "OLD")]
    refused: list[Status] = []
    joined: list[set[str]] = []
    now_ns = S_NS
    for _ in range(4):
        feed = new_feed(listed, {})
        alive, now_ns = _conversation(feed, wants, now_ns, refused)
        joined.append(alive)
    assert [status.symbol for status in refused] == ["BAD-USDC-PERP"] * len(refused) and refused
    assert refused[0].status == "not_listed" and joined[-1] == {"GOOD", "OLD"}


def _conversation(
    feed: HyperliquidFeed, wants: list[tuple[str, str]], now_ns: int, refused: list[Status]
) -> tuple[set[str], int]:
    """A connection of ten seconds to an exchange that closes it half a second after the coin BAD."""
    alive: set[str] = set()
    outputs = list(feed.wanted(wants))
    for _ in range(20):
        coins = asked(outputs)
        refused += [output for output in outputs if isinstance(output, Status)]
        if "BAD" in coins:
            return alive, now_ns + S_NS
        alive |= set(coins)
        outputs = [output for coin in coins for output in feed.receive(acknowledgement(coin), now_ns)]
        now_ns += S_NS // 2
        outputs += feed.tick(now_ns)
    return alive, now_ns


def test_a_coin_that_was_only_cut_off_is_asked_for_alone_and_then_as_before() -> None:
    listed = instruments("A", "B")
    wants = [("trade", "A-USDC-PERP"), ("ticker", "A-USDC-PERP"), ("trade", "B-USDC-PERP")]
    first = new_feed(listed, {})
    assert set(asked(first.wanted(wants))) == {"A", "B"}
    second = new_feed(listed, {})
    assert asked(second.wanted(wants)) == []
    assert [one["subscription"] for one in sent(second.tick(9 * S_NS))] == [{"type": "activeAssetCtx", "coin": "A"}]
    assert asked(second.tick(10 * S_NS)) == []
    assert asked(second.receive(acknowledgement("A", "activeAssetCtx"), 10 * S_NS)) == ["A", "A"]
    for kind in ("bbo", "trades"):
        list(second.receive(acknowledgement("A", kind), 10 * S_NS))
    assert asked(second.tick(11 * S_NS)) == ["B"]
    list(second.receive(acknowledgement("B"), 11 * S_NS))
    assert set(asked(new_feed(listed, {}).wanted(wants))) == {"A", "B"}


def test_what_is_repeated_after_a_new_connection_begins_with_the_newest_that_the_one_before_had_heard() -> None:
    listed, wants = instruments("A"), [("trade", "A-USDC-PERP")]
    now_ns = NOW_MS * 1_000_000
    first = new_feed(listed, {})
    list(first.wanted(wants))
    told = [*first.receive(trades((NOW_MS - 10, 7)), now_ns), *first.receive(trades((NOW_MS, 1)), now_ns)]
    second = new_feed(listed, {})
    list(second.wanted(wants))
    repeated = trades((NOW_MS - 90_000, 9), (NOW_MS - 10, 7), (NOW_MS, 1), (NOW_MS + 1, 4), (NOW_MS + 30_000, 2))
    told += second.receive(repeated, now_ns + 60 * S_NS)
    assert [event.trade_id for event in told if isinstance(event, Trade)] == ["7", "1", "1", "4", "2"]


def test_what_nobody_wanted_for_a_while_begins_anew() -> None:
    feed = new_feed(instruments("A"), {})
    list(feed.wanted([("trade", "A-USDC-PERP")]))
    assert len(list(feed.receive(trades((NOW_MS, 1)), NOW_MS * 1_000_000))) == 1
    list(feed.wanted([]))
    assert list(feed.receive(trades((NOW_MS, 2)), NOW_MS * 1_000_000)) == []
    list(feed.wanted([("trade", "A-USDC-PERP")]))
    later_ns = (NOW_MS + 60_000) * 1_000_000
    told = list(feed.receive(trades((NOW_MS + 1, 3), (NOW_MS + 59_000, 4)), later_ns))
    assert [event.trade_id for event in told if isinstance(event, Trade)] == ["4"]


def test_a_market_that_is_delisted_is_not_asked_for() -> None:
    gone = Instrument(
        symbol="M-USDC-PERP", venue_symbol="M", base="M", quote="USDC", kind="perpetual", status="delisted"
    )
    feed = new_feed(Instruments([gone]), {})
    assert list(feed.wanted([("depth", "M-USDC-PERP")])) == []
    [status] = feed.tick(S_NS)
    assert isinstance(status, Status) and (status.status, status.stream) == ("not_listed", "depth")


def test_the_proven_book_can_be_asked_for_at_any_time() -> None:
    feed = new_feed(Instruments(), {})
    assert feed.book("BTC", 5) is None and feed.waiting() == {}
    levels = [[{"px": "84143.0", "sz": "0.5", "n": 1}], [{"px": "84144.0", "sz": "0.1", "n": 1}]]
    list(feed.receive(json.dumps({"channel": "l2Book", "data": {"coin": "BTC", "time": NOW_MS, "levels": levels}}), 1))
    assert feed.book("BTC", 5) == Depth(
        symbol="BTC", venue_symbol="BTC", received_ns=5, event_us=NOW_MS * 1000, type="snapshot",
        bids=(("84143", "0.5"),), asks=(("84144", "0.1"),),
    )  # fmt: skip
