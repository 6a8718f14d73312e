"""OKX's channels from the exchange's side: control messages, their errors and limits, and the frames."""

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from exchanges.intervals import MINUTE_MS
from exchanges.invented import HangUp, HttpAnswer, HttpRequest
from exchanges.okx.feed import OkxFeed
from exchanges.okx.sandbox import Sandbox
from exchanges.symbols import Instruments
from sandbox.market import Market

NOW_MS = 1_795_000_012_300
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "okx"


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Market(1, 200, 26, lambda: NOW_MS))


class Line:
    """One connection; a message a second."""

    def __init__(self, sandbox: Sandbox, door: str) -> None:
        talk = sandbox.connect(HttpRequest("GET", f"/ws/v5/{door}", {}))
        assert not isinstance(talk, HttpAnswer)
        self.talk, self.now_ms = talk, NOW_MS
        assert list(talk.opening(NOW_MS)) == []

    def say(self, frame: str | bytes | dict) -> list[Any]:
        self.now_ms += 1000
        said = self.talk.receive(json.dumps(frame) if isinstance(frame, dict) else frame, self.now_ms)
        return [one if isinstance(one, HangUp) or one == "pong" else json.loads(one) for one in said]

    def subscribe(self, *args: tuple[str, str], op: str = "subscribe") -> list[Any]:
        return self.say({"id": "7", "op": op, "args": [{"channel": c, "instId": market} for c, market in args]})

    @property
    def names(self) -> list[str]:
        return [channel.name for channel in self.talk.channels]


def test_each_channel_is_acknowledged_by_itself(sandbox: Sandbox):
    line = Line(sandbox, "public")
    said = line.subscribe(("trades", "BTC-USDT"), ("books", "币安人生-USDT"))
    assert [(one["event"], one["id"], one["arg"]["channel"]) for one in said] == [
        ("subscribe", "7", "trades"), ("subscribe", "7", "books"),
    ]  # fmt: skip
    assert len({one["connId"] for one in said}) == 1
    [gone] = line.subscribe(("trades", "BTC-USDT"), op="unsubscribe")
    assert gone["event"] == "unsubscribe" and line.names == ["books:币安人生-USDT"]


@pytest.mark.parametrize(
    ("door", "channel", "market", "code"),
    [
        ("public", "trades", "NO-SUCH", "60018"),
        ("public", "candle1m", "BTC-USDT", "60018"),
        ("public", "trades-all", "BTC-USDT", "60018"),
        ("business", "books", "BTC-USDT", "60018"),
        ("business", "candle7m", "BTC-USDT", "60018"),
        ("public", "books-l2-tbt", "BTC-USDT", "60011"),
    ],
)
def test_one_wrong_channel_does_not_spoil_the_others(sandbox: Sandbox, door, channel, market, code):
    line = Line(sandbox, door)
    right = ("tickers", "BTC-USDT") if door == "public" else ("candle1m", "BTC-USDT")
    wrong, good = line.subscribe((channel, market), right)
    assert (wrong["event"], wrong["code"], wrong["id"]) == ("error", code, "7") and "arg" not in wrong
    assert good["event"] == "subscribe" and len(line.names) == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "60012"), (b"\xff\x00", "60012"), ("[1]", "60012"), ({"op": "buy"}, "60019"), ({"id": "1"}, "60019"),
        ({"op": "subscribe"}, "60013"), ({"op": "subscribe", "args": [7]}, "60018"), ({"op": "login"}, "60005"),
    ],
)  # fmt: skip
def test_a_message_that_makes_no_sense_has_the_documented_error(sandbox: Sandbox, frame: Any, code: str):
    line = Line(sandbox, "public")
    [said] = line.say(frame)
    assert (said["event"], said["code"]) == ("error", code)


def test_a_text_ping_is_answered_by_a_text_pong(sandbox: Sandbox):
    assert Line(sandbox, "business").say("ping") == ["pong"]


def test_who_is_subscribed_to_nothing_is_sent_away(sandbox: Sandbox):
    line = Line(sandbox, "public")
    assert list(line.talk.tick(NOW_MS + 30_000)) == []
    [end] = line.talk.tick(NOW_MS + 30_001)
    assert isinstance(end, HangUp) and end.code == 4004
    line.subscribe(("tickers", "BTC-USDT"))
    assert list(line.talk.tick(NOW_MS + 90_000)) == []


def test_the_481st_request_of_an_hour_and_a_request_too_long_are_refused(sandbox: Sandbox):
    line = Line(sandbox, "public")
    for _ in range(480):
        [said] = line.subscribe(("tickers", "BTC-USDT"))
        assert said["event"] == "subscribe"
    assert line.subscribe(("tickers", "BTC-USDT"))[0]["code"] == "60014"
    assert line.say(" " * 65_537) == [HangUp(1009, "Max frame length has been exceeded")]


def test_an_upgrade_is_announced_and_other_paths_are_refused(sandbox: Sandbox):
    [said] = Line(sandbox, "public").talk.goodbye(NOW_MS)
    assert json.loads(said)["code"] == "64008"
    refused = sandbox.connect(HttpRequest("GET", "/ws/v5/private", {}))
    assert isinstance(refused, HttpAnswer) and refused.status == 404


def frames(sandbox: Sandbox, name: str, market: str, length_ms: int, step_ms: int = 0) -> list[Any]:
    """A channel's first frames and those of the last `length_ms`."""
    door = "business" if name.startswith("candle") or name == "trades-all" else "public"
    line = Line(sandbox, door)
    line.subscribe((name, market))
    [channel] = line.talk.channels
    start_ms, step_ms = NOW_MS - length_ms, step_ms or length_ms
    told = list(sandbox.first(channel, start_ms))
    for at_ms in range(start_ms, NOW_MS, step_ms):
        told += sandbox.frames(channel, at_ms, at_ms + step_ms)
    return [json.loads(frame) for frame in told]


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value[:1]] if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize(
    ("channel", "sample"),
    [
        ("tickers", "ws_ticker_okcoin.jsonl"),
        ("candle1m", "ws_candles_okcoin.jsonl"),
        ("books", "ws_book_snapshot.json"),
    ],
)
def test_a_frame_has_the_shape_of_a_recorded_one(sandbox: Sandbox, channel: str, sample: str):
    file = SAMPLES / sample
    if not file.exists():
        pytest.skip(f"no samples at {SAMPLES}")
    text = file.read_text() if sample.endswith(".json") else json.loads(file.read_text().splitlines()[0])["raw"]
    assert shape(frames(sandbox, channel, "BTC-USDT", 1000)[0]) == shape(json.loads(text))


def test_each_match_is_told_once_and_merged_ones_add_up(sandbox: Sandbox):
    each = [frame["data"][0] for frame in frames(sandbox, "trades-all", "BTC-USDT", 60_000)]
    merged = [frame["data"][0] for frame in frames(sandbox, "trades", "BTC-USDT", 60_000)]
    ids = [int(row["tradeId"]) for row in each]
    assert ids == list(range(ids[0], ids[0] + len(ids))) and len(ids) > 20
    assert sum(int(row["count"]) for row in merged) == len(each) > len(merged)
    assert sum(Decimal(row["sz"]) for row in merged) == sum(Decimal(row["sz"]) for row in each)
    assert all(int(b["tradeId"]) - int(b["count"]) == int(a["tradeId"]) for a, b in pairwise(merged))


@pytest.mark.parametrize("market", ["BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USD-301227-60000-C"])
def test_the_updates_of_a_book_make_the_book_that_is_there_at_their_end(sandbox: Sandbox, market: str):
    told = frames(sandbox, "books", market, 5_000, step_ms=100)
    assert [frame["action"] for frame in told] == ["snapshot"] + ["update"] * (len(told) - 1) and len(told) > 5
    rows = [frame["data"][0] for frame in told]
    assert rows[0]["prevSeqId"] == -1 and all(b["prevSeqId"] == a["seqId"] for a, b in pairwise(rows))
    there = frames(sandbox, "books", market, 1)[-1]["data"][0]
    for side in ("bids", "asks"):
        held = {level[0]: level[1] for row in rows for level in row[side]}
        held = {price: quantity for price, quantity in held.items() if quantity != "0"}
        assert len(held) == 400
        assert held == {level[0]: level[1] for level in there[side]}


def test_a_candle_ends_once_with_its_final_figures(sandbox: Sandbox):
    rows = [frame["data"][0] for frame in frames(sandbox, "candle1m", "BTC-USDT", 180_300, step_ms=300)]
    ended = [row for row in rows if row[8] == "1"]
    opens = [int(row[0]) for row in ended]
    assert opens == [opens[0] + MINUTE_MS * n for n in range(3)]


def test_five_levels_and_the_best_are_those_of_the_book(sandbox: Sandbox):
    [book], [five], [best] = (
        frames(sandbox, name, "BTC-USDT", 1)[-1]["data"] for name in ("books", "books5", "bbo-tbt")
    )
    assert (five["bids"], five["asks"]) == (book["bids"][:5], book["asks"][:5])
    assert (best["bids"], best["asks"]) == (book["bids"][:1], book["asks"][:1])


def test_the_feed_reads_every_channel_without_a_complaint(sandbox: Sandbox):
    feed = OkxFeed(Instruments())
    for name in ("trades-all", "trades", "tickers", "books", "books5", "candle1m", "candle1Dutc"):
        for frame in frames(sandbox, name, "ETH-USDT", 3_000, step_ms=100):
            assert [type(output).__name__ for output in feed.receive(json.dumps(frame), 1)] != ["Rejected"]
