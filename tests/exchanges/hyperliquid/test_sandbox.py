"""Hyperliquid's sandbox: the info endpoint, its errors and limits, and the connection that one wrong coin ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from exchanges.contract import Send
from exchanges.events import Depth, Gap, Status, Trade
from exchanges.hyperliquid import CARD, rest
from exchanges.hyperliquid.sandbox import Sandbox
from exchanges.intervals import MINUTE_MS
from exchanges.invented import HangUp, HttpAnswer, HttpRequest
from exchanges.symbols import Instrument, Instruments
from sandbox.market import Market
from tests.exchanges.ours import Ours, of, until
from tests.sandbox_server import StartSandbox

NOW_MS = 1_795_000_012_345
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "hyperliquid"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Market(1, 200, 5, lambda: NOW_MS))


def answer(sandbox: Sandbox, body: Any, method: str = "POST", path: str = "/info") -> HttpAnswer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return sandbox.answer(HttpRequest(method, path, {}, body=raw, client="one", now_ms=NOW_MS))


def info(sandbox: Sandbox, kind: str, **fields: Any) -> Any:
    found = answer(sandbox, {"type": kind, **fields})
    assert found.status == 200, found
    return json.loads(found.body)


def candles(sandbox: Sandbox, **changed: Any) -> HttpAnswer:
    asked = {"coin": "BTC", "interval": "1m", "startTime": NOW_MS - 5 * MINUTE_MS, "endTime": NOW_MS, **changed}
    return answer(sandbox, {"type": "candleSnapshot", "req": asked})


class Line:
    """One connection."""

    def __init__(self, sandbox: Sandbox) -> None:
        talk = sandbox.connect(HttpRequest("GET", "/ws", {}, now_ms=NOW_MS))
        assert not isinstance(talk, HttpAnswer)
        self.talk = talk

    def say(self, said: Any) -> list[Any]:
        frame = said if isinstance(said, str | bytes) else json.dumps(said)
        return [one if isinstance(one, HangUp) else json.loads(one) for one in self.talk.receive(frame, NOW_MS)]

    def subscribe(self, kind: str, method: str = "subscribe", **fields: Any) -> Any:
        [said] = self.say({"method": method, "subscription": {"type": kind, **fields}})
        return said


def test_each_kind_of_call_is_answered(sandbox: Sandbox):
    assert info(sandbox, "exchangeStatus")["time"] == NOW_MS and info(sandbox, "perpDexs") == [None]
    meta, contexts = info(sandbox, "metaAndAssetCtxs")
    assert len(meta["universe"]) == len(contexts) and meta == info(sandbox, "meta")
    spot, spot_contexts = info(sandbox, "spotMetaAndAssetCtxs")
    assert [one["name"] for one in spot["universe"]] == [one["coin"] for one in spot_contexts]
    mids = info(sandbox, "allMids")
    assert mids["BTC"] == contexts[0]["midPx"] == mids["@0"]
    book = info(sandbox, "l2Book", coin="BTC")
    assert [len(side) for side in book["levels"]] == [20, 20] and book["time"] == NOW_MS
    times = [one["time"] for one in info(sandbox, "recentTrades", coin="@0")]
    assert times == sorted(times, reverse=True) and len(times) == 10


def test_unknown_coins_and_bodies_that_cannot_be_read_are_refused_as_there(sandbox: Sandbox):
    assert info(sandbox, "l2Book", coin="btc") is None and info(sandbox, "recentTrades", coin="NOPE") is None
    assert json.loads(candles(sandbox, coin="NOPE").body) is None
    for body in (b"", b"[]", b'{"type":7}', {"type": "nothing"}, {"type": "l2Book"}, {"type": "candleSnapshot"}):
        assert answer(sandbox, body).status == 422
    for changed in ({"startTime": -1}, {"startTime": "1"}, {"endTime": None}, {"interval": "6h"}):
        assert candles(sandbox, **changed).status == 422
    assert (answer(sandbox, {}, "GET").status, answer(sandbox, {}, path="/exchange").status) == (405, 404)


def test_candles_lie_between_their_bounds_and_the_last_one_is_running(sandbox: Sandbox):
    rows = json.loads(candles(sandbox).body)
    assert len(rows) == 5 and rows[-1]["T"] > NOW_MS > rows[-1]["t"]
    assert all(row["T"] == row["t"] + MINUTE_MS - 1 and row["s"] == "BTC" for row in rows)
    [first] = json.loads(candles(sandbox, startTime=rows[0]["t"], endTime=rows[0]["t"]).body)
    assert first == rows[0]
    assert len(json.loads(candles(sandbox, startTime=0).body)) == 5000


def test_the_budget_of_an_address_is_1200_a_minute(sandbox: Sandbox):
    assert [answer(sandbox, {"type": "meta"}).status for _ in range(61)] == [200] * 60 + [429]


def test_a_wrong_coin_ends_the_connection_without_a_word(sandbox: Sandbox):
    for kind, fields in (
        ("trades", {"coin": "btc"}), ("l2Book", {"coin": "NOPE"}), ("bbo", {"coin": "@999"}),
        ("candle", {"coin": "BTC", "interval": "6h"}), ("l2Book", {"coin": "BTC", "nSigFigs": 6}),
    ):  # fmt: skip
        assert Line(sandbox).subscribe(kind, **fields) == HangUp()


def test_our_feed_finds_the_wrong_coin_and_keeps_the_others(sandbox: Sandbox):
    """The listing is older than the exchange's: it names a market that is no longer there."""
    gone = Instrument(symbol="GONE-USDC-PERP", venue_symbol="GONE", base="GONE", quote="USDC", kind="perpetual")
    listed = Instruments([*rest.read_instruments(answer(sandbox, {"type": "meta"}).body), gone])
    wants = [("trade", symbol) for symbol in listed.by_symbol if symbol != "MATIC-USDC-PERP"]
    conversations = [_conversation(sandbox, listed, wants, NOW_MS + 10_000 * number) for number in range(4)]
    assert [ended for ended, _, _ in conversations] == [True, True, False, False]
    for _, channels, told in conversations[2:]:
        assert channels == len(wants) - 1
        assert [(one.symbol, one.status) for one in told] == [("GONE-USDC-PERP", "not_listed")]


def _conversation(
    sandbox: Sandbox, listed: Instruments, wants: list[tuple[str, str]], at_ms: int
) -> tuple[bool, int, list[Status]]:
    """Six seconds: whether the exchange hung up, how many streams run, and what our feed said of markets."""
    line, feed = Line(sandbox), CARD.feed(listed)
    outputs, told = list(feed.wanted(wants)), []
    for now_ms in range(at_ms, at_ms + 6_000, 100):
        told += [output for output in outputs if isinstance(output, Status)]
        heard = [said for output in outputs if isinstance(output, Send) for said in line.say(output.text)]
        if HangUp() in heard:
            return True, len(line.talk.channels), told
        outputs = [event for said in heard for event in feed.receive(json.dumps(said), now_ms * 1_000_000)]
        outputs += feed.tick(now_ms * 1_000_000)
    return False, len(line.talk.channels), told


def test_an_acknowledgement_fills_in_the_defaults_and_repetitions_are_errors(sandbox: Sandbox):
    line = Line(sandbox)
    whole = {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False}
    acknowledged = {"method": "subscribe", "subscription": whole}
    assert line.subscribe("l2Book", coin="BTC") == {"channel": "subscriptionResponse", "data": acknowledged}
    assert line.subscribe("l2Book", coin="BTC", fast=True)["data"]["subscription"] == {**whole, "fast": True}
    assert line.subscribe("l2Book", coin="BTC")["data"].startswith('Already subscribed: {"type":"l2Book"')
    assert line.subscribe("l2Book", "unsubscribe", coin="BTC")["data"]["method"] == "unsubscribe"
    assert line.subscribe("l2Book", "unsubscribe", coin="BTC")["data"].startswith("Already unsubscribed: ")
    assert [channel.stream for channel in line.talk.channels] == ["depth_5"]
    assert line.say({"method": "ping"}) == [{"channel": "pong"}]
    for wrong in ("x", "[]", "7", '{"method":"jump"}', b"\xff", '{"method":"subscribe","subscription":{"type":"no"}}'):
        [said] = line.say(wrong)
        assert said["channel"] == "error" and said["data"].startswith("Error parsing JSON")


def test_a_post_answers_what_the_info_endpoint_knows(sandbox: Sandbox):
    request = {"type": "info", "payload": {"type": "l2Book", "coin": "BTC"}}
    [said] = Line(sandbox).say({"method": "post", "id": 1, "request": request})
    assert said["data"]["id"] == 1
    assert said["data"]["response"]["payload"] == {"type": "l2Book", "data": info(sandbox, "l2Book", coin="BTC")}


def test_an_idle_connection_is_dropped_after_a_minute(sandbox: Sandbox):
    talk = Line(sandbox).talk
    assert list(talk.tick(NOW_MS + 59_000)) == [] and list(talk.tick(NOW_MS + 60_000)) == [HangUp()]
    assert list(talk.control(NOW_MS)) == list(talk.opening(NOW_MS)) == list(talk.goodbye(NOW_MS)) == []


def said(sandbox: Sandbox, kind: str, **fields: Any) -> tuple[list[Any], list[Any]]:
    """What a newcomer to a stream gets first, and its frames of the last ten seconds."""
    line = Line(sandbox)
    line.subscribe(kind, **fields)
    [channel] = line.talk.channels
    step_ms, start_ms = channel.period_ms or 1000, NOW_MS - NOW_MS % 5000 - 10_000
    frames = [
        frame
        for at in range(start_ms, start_ms + 10_000, step_ms)
        for frame in sandbox.frames(channel, at, at + step_ms)
    ]
    return [json.loads(one) for one in sandbox.first(channel, start_ms)], [json.loads(one) for one in frames]


def test_books_are_whole_each_time_and_fast_ones_say_so(sandbox: Sandbox):
    first, whole = said(sandbox, "l2Book", coin="BTC")
    _, fast = said(sandbox, "l2Book", coin="BTC", fast=True)
    assert (len(first), len(whole), len(fast)) == (1, 2, 20)
    assert {len(side) for frame in whole for side in frame["data"]["levels"]} == {20}
    assert all(frame["data"]["fast"] and len(frame["data"]["levels"][0]) == 5 for frame in fast)


def test_trades_are_repeated_to_a_newcomer_and_no_id_comes_twice(sandbox: Sandbox):
    [repeated], frames = said(sandbox, "trades", coin="@0")
    later = [row for frame in frames for row in frame["data"]]
    ids = [row["tid"] for row in [*repeated["data"], *later]]
    assert len(repeated["data"]) == 25 and later and len(set(ids)) == len(ids) and max(ids) < 2**50
    assert {row["coin"] for row in later} == {"@0"} and {row["side"] for row in later} == {"A", "B"}


def test_offers_come_only_when_they_changed_and_spot_has_a_channel_of_its_own(sandbox: Sandbox):
    [first], offers = said(sandbox, "bbo", coin="BTC")
    sides = [frame["data"]["bbo"] for frame in [first, *offers]]
    assert len(offers) > 5 and all(before != after for before, after in zip(sides, sides[1:], strict=False))
    assert {frame["channel"] for frame in said(sandbox, "activeAssetCtx", coin="@0")[1]} == {"activeSpotAssetCtx"}
    assert len(said(sandbox, "allMids")[1]) == 2


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("trades", {}), ("bbo", {}), ("activeAssetCtx", {}), ("candle", {"interval": "1m"})],
)  # fmt: skip
def test_a_frame_has_the_shape_of_a_recorded_one(sandbox: Sandbox, kind: str, fields: dict[str, str]):
    if not SAMPLES.is_dir():
        pytest.skip("the recorded payloads are not at hand")
    lines = [json.loads(json.loads(line)["raw"]) for line in (SAMPLES / "ws_frames.jsonl").read_text().splitlines()]
    recorded = next(frame for frame in lines if frame["channel"] == kind)
    assert _shape(said(sandbox, kind, coin="BTC", **fields)[1][0]) == _shape(recorded)


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(one) for name, one in value.items()}
    return [_shape(value[0])] if isinstance(value, list) else type(value)


def test_the_fed_events_end_in_the_book_of_a_call(sandbox: Sandbox):
    feed = CARD.feed(Instruments())
    for frame in said(sandbox, "l2Book", coin="BTC")[1]:
        assert all(isinstance(event, Depth) for event in feed.receive(json.dumps(frame), 1))
    assert feed.book("BTC-USDC-PERP", 1) is None  # the feed knows markets by the listing alone
    assert feed.book("BTC", 1) is not None


async def test_a_connection_that_is_disturbed_tells_no_trade_twice_and_the_next_goes_on_from_the_newest(
    start_sandbox: StartSandbox,
):
    server = start_sandbox(seed=3, rate=16, symbols=2)  # what is repeated reaches back over the pause
    ours = await Ours.loaded("hyperliquid", server)
    symbol = "BTC-USDC-PERP"
    async with ours.listening(("trade", symbol), ("depth", symbol)) as first:
        await until(lambda: len(of(first, Trade)) > 3)
        server.fault("duplicate", exchange="hyperliquid", symbol="BTC-USDT", stream="trade", count=2)
        server.fault("broken_frame", exchange="hyperliquid", symbol="BTC-USDT", stream="trade", count=2, form="unknown")
        before = len(first)
        await until(lambda: len(of(first[before:], Trade)) > 5)
    async with ours.listening(("trade", symbol), ("depth", symbol)) as second:
        await until(lambda: {Trade, Depth} <= {type(event) for event in second})
    ids, more = ([trade.trade_id for trade in of(heard, Trade)] for heard in (first, second))
    assert len(ids) == len({*ids}) and len(more) == len({*more}) and more[0] in ids
    again = {trade.trade_us for trade in of(second, Trade) if trade.trade_id in ids}
    assert again == {of(first, Trade)[-1].trade_us}  # several happen in one millisecond
    assert not of([*first, *second], Gap)
