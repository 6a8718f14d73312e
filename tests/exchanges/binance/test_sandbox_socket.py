"""Binance's streams from the exchange's side: control messages, their errors and limits, and the frames."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from exchanges.binance.sandbox import Sandbox
from exchanges.intervals import MINUTE_MS
from exchanges.invented import Channel, HangUp, HttpAnswer, HttpRequest
from sandbox.market import Market

NOW_MS = 1_795_000_012_345
SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples" / "binance"


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Market(1, 200, 26, lambda: NOW_MS))


class Line:
    """One connection; a message a second unless told otherwise."""

    def __init__(self, sandbox: Sandbox, path: str, **query: str) -> None:
        talk = sandbox.connect(HttpRequest("GET", path, query))
        assert not isinstance(talk, HttpAnswer)
        self.talk, self.now_ms = talk, NOW_MS

    def say(self, frame: str | bytes | dict) -> Any:
        self.now_ms += 1000
        (said,) = self.talk.receive(json.dumps(frame) if isinstance(frame, dict) else frame, self.now_ms)
        return said if isinstance(said, HangUp) else json.loads(said)

    @property
    def names(self) -> list[str]:
        return [channel.name for channel in self.talk.channels]


def test_paths_name_streams(sandbox: Sandbox):
    assert Line(sandbox, "/ws").names == Line(sandbox, "/stream").names == []
    assert Line(sandbox, "/ws/btcusdt@trade/ethusdt@depth").names == ["btcusdt@trade", "ethusdt@depth"]
    combined = Line(sandbox, "/stream", streams="btcusdt@trade/币安人生usdt@trade")
    assert combined.names == ["btcusdt@trade", "币安人生usdt@trade"]
    assert {channel.variant for channel in combined.talk.channels} == {"combined"}
    refused = sandbox.connect(HttpRequest("GET", "/elsewhere", {}))
    assert isinstance(refused, HttpAnswer) and refused.status == 404


def test_subscriptions_come_and_go(sandbox: Sandbox):
    line = Line(sandbox, "/ws")
    names = ["btcusdt@trade", "btcusdt@depth@100ms", "nosuch@trade", "btcusdt@nothing"]
    assert line.say({"method": "SUBSCRIBE", "params": names, "id": 1}) == {"result": None, "id": 1}
    assert line.say({"method": "LIST_SUBSCRIPTIONS", "id": "abc"}) == {"result": names, "id": "abc"}
    assert line.names == names[:2]
    line.say({"method": "UNSUBSCRIBE", "params": names[:1], "id": None})
    assert line.names == names[1:2]


def test_the_property_combined_changes_the_frames(sandbox: Sandbox):
    line = Line(sandbox, "/ws/btcusdt@trade")
    assert line.say({"method": "GET_PROPERTY", "params": ["combined"], "id": 1})["result"] is False
    assert line.say({"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})["result"] is None
    assert line.say({"method": "GET_PROPERTY", "params": ["combined"], "id": 3})["result"] is True
    assert [channel.variant for channel in line.talk.channels] == ["combined"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 3),
        (b"\xff\x00", 3),
        ("[1]", 2),
        ({"method": "BUY", "id": 1}, 2),
        ({"id": 1}, 2),
        ({"method": "SUBSCRIBE", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [7], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": ["btcusdt"], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1.5}, 2),
        ({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": "x" * 37}, 2),
        ({"method": "SUBSCRIBE", "params": [f"s{number}@trade" for number in range(1025)], "id": 1}, 2),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1),
        ({"method": "SET_PROPERTY", "params": ["colour", True], "id": 1}, 0),
    ],
)
def test_a_message_that_makes_no_sense_has_the_documented_error(sandbox: Sandbox, frame: Any, code: int):
    line = Line(sandbox, "/ws/btcusdt@trade")
    said = line.say(frame)
    assert said["code"] == code and said["msg"]
    assert line.names == ["btcusdt@trade"]


def test_1024_streams_fit_on_a_connection(sandbox: Sandbox):
    line = Line(sandbox, "/ws")
    names = [f"s{number}@trade" for number in range(1024)]
    assert line.say({"method": "SUBSCRIBE", "params": names, "id": 1}) == {"result": None, "id": 1}
    assert line.say({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 2})["code"] == 2


def test_a_sixth_message_within_a_second_ends_the_connection(sandbox: Sandbox):
    talk = Line(sandbox, "/ws").talk
    ask = json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1})
    said = [talk.receive(ask, NOW_MS) for _ in range(3)] + [talk.control(NOW_MS + 1) for _ in range(2)]
    assert not any(isinstance(one, HangUp) for several in said for one in several)
    (later,) = talk.receive(ask, NOW_MS + 1000)
    assert not isinstance(later, HangUp)
    ends = [list(talk.receive(ask, NOW_MS + 1000)) for _ in range(3)]
    assert ends[-1] == [HangUp(1008, "Too many requests")]


def test_the_shutdown_notice_has_the_form_of_the_connection(sandbox: Sandbox):
    event = {"e": "serverShutdown", "E": NOW_MS}
    assert [json.loads(said) for said in Line(sandbox, "/ws").talk.goodbye(NOW_MS)] == [event]
    (said,) = Line(sandbox, "/stream").talk.goodbye(NOW_MS)
    assert json.loads(said) == {"stream": "!serverShutdown", "data": event}


def frames(sandbox: Sandbox, name: str, length_ms: int, combined: bool = False) -> list[Any]:
    """A stream's frames of the last `length_ms`."""
    path = {"path": "/stream", "streams": name} if combined else {"path": f"/ws/{name}"}
    (channel,) = Line(sandbox, **path).talk.channels
    return [json.loads(frame) for frame in sandbox.frames(channel, NOW_MS - length_ms, NOW_MS)]


def recorded(name: str, stream: str) -> Any:
    """The first recorded frame of a stream."""
    file = SAMPLES / name
    if not file.exists():
        pytest.skip(f"no samples at {SAMPLES}")
    if name.endswith(".json"):
        return json.loads(file.read_text())["data"]
    lines = (json.loads(json.loads(line)["raw"]) for line in file.read_text().splitlines())
    return next(frame["data"] for frame in lines if stream in frame["stream"])


def kinds(frame: Any) -> Any:
    if isinstance(frame, dict):
        return {key: kinds(value) for key, value in frame.items()}
    return type(frame).__name__


@pytest.mark.parametrize(
    ("stream", "sample", "retired"),
    [
        ("btcusdt@trade", "ws_trade_stream.json", {"a", "b"}),
        ("btcusdt@aggTrade", "ws_trades.jsonl", set()),
        ("btcusdt@bookTicker", "ws_ticker.jsonl", set()),
        ("btcusdt@ticker", "ws_ticker_24h.json", set()),
        ("btcusdt@kline_1m", "ws_candles.jsonl", set()),
        ("btcusdt@depth@100ms", "ws_book.jsonl", set()),
    ],
)
def test_a_frame_has_the_shape_of_a_recorded_one(sandbox: Sandbox, stream: str, sample: str, retired: set[str]):
    wanted = recorded(sample, stream.partition("@")[2].partition("_")[0])
    ours = frames(sandbox, stream, 2_000)[0]
    assert kinds(ours) == {key: kind for key, kind in kinds(wanted).items() if key not in retired}
    assert ours.get("e") == wanted.get("e")


def test_a_combined_frame_is_the_raw_one_in_an_envelope(sandbox: Sandbox):
    for name in ("btcusdt@trade", "btcusdt@depth5@100ms", "!miniTicker@arr", "btcusdt@avgPrice", "btcusdt@ticker_1h"):
        raw, combined = frames(sandbox, name, 2_000), frames(sandbox, name, 2_000, combined=True)
        assert raw and combined == [{"stream": name, "data": frame} for frame in raw]


def test_depth_frames_continue_each_other_and_partial_ones_agree(sandbox: Sandbox):
    (channel,) = Line(sandbox, "/ws/btcusdt@depth@100ms").talk.channels
    (partial,) = Line(sandbox, "/ws/btcusdt@depth20@100ms").talk.channels
    times_ms = range(NOW_MS - 5_000, NOW_MS, 100)
    updates = [json.loads(frame) for at_ms in times_ms for frame in sandbox.frames(channel, at_ms, at_ms + 100)]
    assert all(after["U"] == before["u"] + 1 and after["u"] >= after["U"] for before, after in pairwise(updates))
    (top,) = (json.loads(frame) for frame in sandbox.frames(partial, NOW_MS - 200, times_ms[-1] + 100))
    assert top["lastUpdateId"] == updates[-1]["u"] and len(top["bids"]) == len(top["asks"]) == 20


def test_a_candle_ends_once_with_its_final_figures(sandbox: Sandbox):
    start_ms = NOW_MS - NOW_MS % MINUTE_MS - 5 * MINUTE_MS
    (channel,) = Line(sandbox, "/ws/btcusdt@kline_1m").talk.channels
    assert channel == Channel("btcusdt@kline_1m", "BTC-USDT", "candle_1m", 2000)
    pushed = [
        json.loads(frame)["k"]
        for at_ms in range(start_ms, start_ms + 3 * MINUTE_MS, 2000)
        for frame in sandbox.frames(channel, at_ms, at_ms + 2000)
    ]
    ended = [candle for candle in pushed if candle["x"]]
    assert [candle["t"] for candle in ended] == [start_ms, start_ms + MINUTE_MS, start_ms + 2 * MINUTE_MS]
    assert all(before["L"] + 1 == after["f"] for before, after in pairwise(ended))
    running = [candle for candle in pushed if candle["t"] == start_ms + MINUTE_MS and not candle["x"]]
    assert len(running) == 29 and all(before["n"] <= after["n"] for before, after in pairwise(running))


def test_a_candle_without_trades_is_flat(sandbox: Sandbox):
    (channel,) = Line(sandbox, "/ws/btcusdt@kline_1s").talk.channels
    quiet = Sandbox(Market(1, 2, 20, lambda: NOW_MS))
    candle = json.loads(quiet.frames(channel, NOW_MS - 1000, NOW_MS)[0])["k"]
    assert (candle["n"], candle["f"], candle["L"], candle["v"]) == (0, -1, -1, "0.00000000")
    assert candle["o"] == candle["h"] == candle["l"] == candle["c"]
