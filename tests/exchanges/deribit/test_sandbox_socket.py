"""Deribit's connection from the exchange's side: calls, login, heartbeats, limits, and what the channels say."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from exchanges.deribit import CARD
from exchanges.deribit.sandbox import Sandbox
from exchanges.deribit.sandbox_socket import MOST_BYTES
from exchanges.events import Depth, Gap, Trade
from exchanges.intervals import MINUTE_MS
from exchanges.invented import HangUp, HttpAnswer, HttpRequest
from exchanges.symbols import Instruments
from sandbox.market import Market
from tests.exchanges.ours import Ours, of, until
from tests.sandbox_server import StartSandbox

NOW_MS = 1_795_000_012_345
SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "deribit"


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(Market(1, 200, 20, lambda: NOW_MS))


class Line:
    """One connection; a call a second unless told otherwise."""

    def __init__(self, sandbox: Sandbox) -> None:
        talk = sandbox.connect(HttpRequest("GET", "/ws/api/v2", {}))
        assert not isinstance(talk, HttpAnswer)
        self.talk, self.now_ms = talk, NOW_MS

    def call(self, method: str, pause_ms: int = 1000, **params: Any) -> Any:
        self.now_ms += pause_ms
        frame = json.dumps({"jsonrpc": "2.0", "id": 5, "method": f"public/{method}", "params": params})
        said = [one if isinstance(one, HangUp) else json.loads(one) for one in self.talk.receive(frame, self.now_ms)]
        return said[0] if len(said) == 1 else said

    @property
    def names(self) -> list[str]:
        return [channel.name for channel in self.talk.channels]


def test_only_one_path_is_a_connection(sandbox: Sandbox):
    refused = sandbox.connect(HttpRequest("GET", "/ws", {}))
    assert isinstance(refused, HttpAnswer) and refused.status == 404


def test_what_does_not_exist_is_left_out_of_the_answer_without_a_word(sandbox: Sandbox):
    line = Line(sandbox)
    good = ["trades.BTC-PERPETUAL.100ms", "book.BTC_USDC-PERPETUAL.agg2", "chart.trades.BTC-PERPETUAL.60",
            "quote.ETH_USDT", "book.BTC-PERPETUAL.none.20.100ms", "instrument.state.any.any"]  # fmt: skip
    bad = ["trades.NOSUCH.100ms", "trades.btc-perpetual.100ms", "chart.trades.BTC-PERPETUAL.240", "nonsense"]
    assert line.call("subscribe", channels=[*bad, *good])["result"] == good
    assert line.names == good
    assert line.call("unsubscribe", channels=[good[0], "nonsense"])["result"] == [good[0]]
    assert line.call("unsubscribe_all")["result"] == "ok" and line.names == []


def test_raw_needs_a_login(sandbox: Sandbox):
    line = Line(sandbox)
    raw = ["book.BTC-PERPETUAL.raw"]
    assert line.call("subscribe", channels=raw)["error"]["code"] == 13778
    wrong = {"grant_type": "client_credentials", "client_id": "somebody", "client_secret": "else"}
    assert line.call("auth", **wrong)["error"]["code"] == 13004
    right = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}
    assert line.call("auth", **right)["result"]["token_type"] == "bearer"
    assert line.call("subscribe", channels=raw)["result"] == raw


def test_calls_of_http_work_here_too(sandbox: Sandbox):
    line = Line(sandbox)
    assert line.call("ticker", instrument_name="BTC-PERPETUAL")["result"]["state"] == "open"
    assert line.call("get_order_book", instrument_name="BTC-PERPETUAL", depth=5)["result"]["bids"]
    assert line.call("ticker", instrument_name="NOSUCH")["error"]["code"] == 13020


@pytest.mark.parametrize(
    ("frame", "code"),
    [("{", -32700), (b"\xff\x00", -32700), ("[1]", -32600), ('{"id":1}', -32600),
     ('{"method":"public/buy","id":1}', -32601), ('{"method":"public/subscribe","id":1}', -32602),
     ('{"method":"public/subscribe","params":{"channels":[7]}}', -32602),
     ('{"method":"public/subscribe","params":[]}', -32602), ('{"method":"public/ticker","params":[1]}', -32602),
     ('{"method":"public/set_heartbeat","params":{"interval":5}}', -32602)],
)  # fmt: skip
def test_a_frame_that_makes_no_sense_has_the_documented_error(sandbox: Sandbox, frame: str | bytes, code: int):
    [said] = Line(sandbox).talk.receive(frame, NOW_MS)
    assert isinstance(said, str) and json.loads(said)["error"]["code"] == code


def test_too_many_channels_too_large_a_frame_and_too_many_calls(sandbox: Sandbox):
    line = Line(sandbox)
    many = [f"trades.X{number}.100ms" for number in range(501)]
    assert line.call("subscribe", channels=many)["error"]["data"]["param"] == "channels"
    assert line.call("subscribe", channels=["x" * MOST_BYTES]).code == 1009
    said = [line.call("subscribe", pause_ms=1, channels=["nonsense"]) for _ in range(20)]
    ended = [one for one in said if isinstance(one, list)]
    assert ended and ended[0][0]["error"]["code"] == 10028 and isinstance(ended[0][1], HangUp)
    assert said.index(ended[0]) > 10


def test_who_leaves_a_test_request_unanswered_is_dropped(sandbox: Sandbox):
    line = Line(sandbox)
    assert list(line.talk.tick(NOW_MS + 60_000)) == []
    assert line.call("set_heartbeat", interval=10)["result"] == "ok"
    beats = [json.loads(said)["params"]["type"] for said in line.talk.tick(line.now_ms + 10_000)]
    assert beats == ["heartbeat", "test_request"]
    assert line.call("test")["result"]["version"]
    assert len(list(line.talk.tick(line.now_ms + 20_000))) == 2
    [ended] = line.talk.tick(line.now_ms + 30_000)
    assert isinstance(ended, HangUp)


def data(sandbox: Sandbox, name: str, length_ms: int, step_ms: int = 0) -> list[Any]:
    """What a channel said in the last `length_ms`."""
    line = Line(sandbox)
    line.call("subscribe", channels=[name])
    [channel] = line.talk.channels
    step_ms = step_ms or length_ms
    starts = range(NOW_MS - length_ms, NOW_MS, step_ms)
    return [json.loads(frame)["params"] for at in starts for frame in sandbox.frames(channel, at, at + step_ms)]


def first(sandbox: Sandbox, name: str, at_ms: int) -> Any:
    line = Line(sandbox)
    line.call("subscribe", channels=[name])
    [channel] = line.talk.channels
    [frame] = sandbox.first(channel, at_ms)
    return json.loads(frame)["params"]["data"]


def test_a_book_begins_whole_and_each_change_names_the_state_before_it(sandbox: Sandbox):
    name = "book.BTC-PERPETUAL.100ms"
    whole = first(sandbox, name, NOW_MS - 5_000)
    changes = [said["data"] for said in data(sandbox, name, 5_000, 100)]
    assert whole["type"] == "snapshot" and "prev_change_id" not in whole
    assert {action for action, *_ in whole["bids"]} == {"new"} and len(whole["asks"]) > 100
    assert len(changes) > 10 and {change["type"] for change in changes} == {"change"}
    assert all(after["prev_change_id"] == before["change_id"] for before, after in pairwise([whole, *changes]))
    assert {action for change in changes for action, *_ in change["bids"]} == {"change", "delete"}


def test_a_book_of_the_channel_ends_as_that_of_a_call(sandbox: Sandbox):
    name = "book.BTC_USDC-PERPETUAL.100ms"
    feed = CARD.feed(Instruments())
    for frame in (first(sandbox, name, NOW_MS - 5_000), *(said["data"] for said in data(sandbox, name, 5_000, 100))):
        said = {"method": "subscription", "params": {"channel": name, "data": frame}}
        assert all(isinstance(event, Depth) for event in feed.receive(json.dumps(said), 1))
    book = feed.book("BTC_USDC-PERPETUAL", 1)
    answer = Line(sandbox).call("get_order_book", instrument_name="BTC_USDC-PERPETUAL", depth=100)["result"]
    assert book is not None and book.sequence == answer["change_id"]
    assert [[float(price), float(amount)] for price, amount in book.bids[:100]] == answer["bids"]


def test_candles_of_the_chart_are_final_when_the_next_begins(sandbox: Sandbox):
    said = [one["data"] for one in data(sandbox, "chart.trades.BTC-PERPETUAL.1", 3 * MINUTE_MS, 1000)]
    finals = {one["tick"]: one for one in said}
    chart = Line(sandbox).call(
        "get_tradingview_chart_data", instrument_name="BTC-PERPETUAL", resolution="1",
        start_timestamp=min(finals) - 1, end_timestamp=NOW_MS,
    )["result"]  # fmt: skip
    assert chart["ticks"] == sorted(finals) and len(finals) >= 3
    assert chart["close"][:-1] == [finals[tick]["close"] for tick in chart["ticks"][:-1]]
    assert chart["volume"][:-1] == [finals[tick]["volume"] for tick in chart["ticks"][:-1]]


@pytest.mark.parametrize(
    ("name", "sample"),
    [("trades.BTC-PERPETUAL.100ms", "ws_trades.json"), ("chart.trades.BTC-PERPETUAL.1", "ws_candle.json"),
     ("quote.BTC-PERPETUAL", "ws_quote.json")],
)  # fmt: skip
def test_a_notification_has_the_shape_of_a_recorded_one(sandbox: Sandbox, name: str, sample: str):
    file = SAMPLES / sample
    if not file.exists():
        pytest.skip(f"no samples at {SAMPLES}")
    recorded, ours = json.loads(file.read_text())["params"]["data"], data(sandbox, name, 5_000)[0]["data"]
    if isinstance(recorded, list):
        recorded, ours = recorded[0], ours[0]
    kinds = {key: type(value) for key, value in recorded.items() if key != "combo_trade_id"}
    assert {key: type(value) for key, value in ours.items()} == kinds


async def test_a_frame_that_is_lost_is_a_gap_and_then_a_new_snapshot(start_sandbox: StartSandbox):
    server = start_sandbox(seed=3, rate=100, symbols=2)
    ours = await Ours.loaded("deribit", server)
    symbol = "BTC-USD-PERP_BTC"
    async with ours.listening(("depth", symbol), ("trade", symbol)) as heard:
        await until(lambda: {Depth, Trade} <= {type(event) for event in heard})
        for stream in ("depth", "trade"):
            server.fault("skip", exchange="deribit", symbol="BTC-USDT", stream=stream, count=1)
        gaps = await until(
            lambda: (
                {e.stream: i for i, e in enumerate(heard) if isinstance(e, Gap)}
                if {e.stream for e in heard if isinstance(e, Gap)} == {"depth", "trade"}
                else None
            )
        )
        after = await until(lambda: [event for event in heard[gaps["depth"] :] if isinstance(event, Depth)])
        assert after[0].type == "snapshot"
        assert await until(lambda: [event for event in heard[gaps["trade"] :] if isinstance(event, Trade)])


async def test_with_keys_our_feed_logs_in_and_gets_raw_channels(start_sandbox: StartSandbox):
    server = start_sandbox(seed=3, rate=100, symbols=2)
    ours = await Ours.loaded("deribit", server, "sandbox")
    async with ours.listening(("depth", "BTC-USDC-PERP"), ("trade", "BTC-USDC-PERP")) as heard:
        deltas = await until(lambda: found if len(found := _deltas(heard)) > 20 else None)
        assert deltas[20].event_us - deltas[0].event_us < 1_600_000  # every 100 ms they would take 2 s
        assert not of(heard, Gap)


def _deltas(heard: list[Any]) -> list[Any]:
    return [event for event in of(heard, Depth) if event.type == "delta"]
