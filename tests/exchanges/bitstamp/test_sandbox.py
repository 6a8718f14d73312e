"""Bitstamp's sandbox: its addresses, limits and errors, and the conversation of one connection with our feed."""

import json
from typing import Any

import pytest

from exchanges.bitstamp import CARD, rest
from exchanges.bitstamp.sandbox import Sandbox
from exchanges.bitstamp.sandbox_socket import LONGEST, MOST_CHANNELS
from exchanges.contract import Send
from exchanges.events import Candle, Depth, Gap, Status, Ticker, Trade
from exchanges.intervals import MINUTE_MS
from exchanges.invented import HangUp, HttpAnswer, HttpRequest
from exchanges.symbols import Instrument, Instruments
from sandbox.market import Market
from tests.exchanges.ours import Ours, books, of, until
from tests.sandbox_server import StartSandbox

NOW_MS = 1_795_000_012_345


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(Market(1, 200, 5, lambda: NOW_MS))


def answer(sandbox: Sandbox, path: str, method: str = "GET", **query: str) -> HttpAnswer:
    return sandbox.answer(HttpRequest(method, f"/api/v2/{path}", query, client="one", now_ms=NOW_MS))


def asked(sandbox: Sandbox, path: str, **query: str) -> Any:
    found = answer(sandbox, path, **query)
    assert found.status == 200, found
    return json.loads(found.body)


class Line:
    """One connection."""

    def __init__(self, sandbox: Sandbox) -> None:
        talk = sandbox.connect(HttpRequest("GET", "/", {}, now_ms=NOW_MS))
        assert not isinstance(talk, HttpAnswer)
        self.talk = talk

    def say(self, said: Any) -> Any:
        frame = said if isinstance(said, str | bytes) else json.dumps(said)
        [one] = self.talk.receive(frame, NOW_MS)
        return one if isinstance(one, HangUp) else json.loads(one)

    def subscribe(self, channel: str, event: str = "bts:subscribe") -> Any:
        return self.say({"event": event, "data": {"channel": channel}})


def frames(sandbox: Sandbox, name: str) -> list[Any]:
    """Of the last ten seconds."""
    line = Line(sandbox)
    line.subscribe(name)
    [channel] = line.talk.channels
    step_ms, start_ms = channel.period_ms or 1000, NOW_MS - NOW_MS % 1000 - 10_000
    steps = range(start_ms, start_ms + 10_000, step_ms)
    return [json.loads(one) for at_ms in steps for one in sandbox.frames(channel, at_ms, at_ms + step_ms)]


def test_each_address_is_answered(sandbox: Sandbox):
    markets = asked(sandbox, "markets/")
    assert [one["market_symbol"] for one in markets[:2]] == ["btcusdt", "ethusdt"] and len(markets) == 5
    day = asked(sandbox, "ticker/btcusdt/")
    assert asked(sandbox, "ticker/")[0] == {**day, "pair": "BTC/USDT"} and day["open"] != day["open_24"]
    book = asked(sandbox, "order_book/btcusdt/")
    assert len(book["bids"]) > 100 and float(book["bids"][0][0]) < float(book["asks"][0][0])
    assert [len(level) for level in asked(sandbox, "order_book/btcusdt/", group="2")["asks"][:2]] == [3, 3]
    rows = asked(sandbox, "transactions/btcusdt/", time="minute")
    ids = [int(row["tid"]) for row in rows]
    assert ids == sorted(ids, reverse=True) and {row["type"] for row in rows} == {"0", "1"}
    assert all(NOW_MS // 1000 - int(row["date"]) <= 60 for row in rows)


def test_candles_lie_before_their_end_or_after_their_start_and_the_last_is_running(sandbox: Sandbox):
    def opens(**query: str) -> list[int]:
        rows = asked(sandbox, "ohlc/btcusdt/", step="60", **query)["data"]["ohlc"]
        return [int(row["timestamp"]) for row in rows]

    now_s = NOW_MS // MINUTE_MS * 60
    assert opens(limit="3") == [now_s - 120, now_s - 60, now_s]
    assert opens(limit="2", start=str(now_s - 600)) == [now_s - 600, now_s - 540]
    assert opens(limit="2", start=str(now_s - 600), end=str(now_s - 1)) == [now_s - 120, now_s - 60]
    assert opens(limit="2", exclude_current_candle="true") == [now_s - 60]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("ticker/nousd/", {}, 404), ("orders/btcusdt/", {}, 404), ("", {}, 404), ("ohlc/", {}, 404),
        ("ohlc/btcusdt/", {"step": "60"}, 400), ("ohlc/btcusdt/", {"step": "7", "limit": "1"}, 400),
        ("ohlc/btcusdt/", {"step": "60", "limit": "1001"}, 400), ("transactions/btcusdt/", {"time": "year"}, 400),
        ("ohlc/btcusdt/", {"step": "60", "limit": "1", "start": "-1"}, 400),
        ("order_book/btcusdt/", {"group": "3"}, 400),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_our_reader_says_so(
    sandbox: Sandbox, path: str, query: dict[str, str], status: int
):
    found = answer(sandbox, path, **query)
    assert found.status == status and rest.read_error(found.status, found.headers, found.body) is not None
    assert answer(sandbox, "markets/", "POST").status == 405


def test_an_address_may_ask_400_times_a_second(sandbox: Sandbox):
    statuses = [answer(sandbox, "nothing/").status for _ in range(402)]
    assert statuses == [404] * 400 + [429] * 2
    found = sandbox.refusal(429, 5)
    assert json.loads(found.body)["response_code"] == "400.002" and found.headers == {"retry-after": "5"}


def test_a_channel_of_an_unknown_market_is_acknowledged_and_silent(sandbox: Sandbox):
    line = Line(sandbox)
    acknowledged = {"event": "bts:subscription_succeeded", "channel": "live_trades_nousd", "data": {}}
    assert line.subscribe("live_trades_nousd") == acknowledged and not line.talk.channels
    line.subscribe("live_trades_btcusdt")
    assert [channel.symbol for channel in line.talk.channels] == ["BTC-USDT"]
    assert line.subscribe("live_trades_btcusdt", "bts:unsubscribe")["event"] == "bts:unsubscription_succeeded"
    assert not line.talk.channels


def test_errors_name_no_channel_and_a_long_frame_ends_the_connection(sandbox: Sandbox):
    line = Line(sandbox)
    for said, words in (
        ("{", "Incorrect JSON format."), ("[]", "Incorrect JSON format."), (b"\xff", "Incorrect JSON format."),
        ({"event": "bts:ping"}, "Bad subscription string."), ({"event": "bts:subscribe"}, "Bad subscription string."),
        ({"event": "bts:subscribe", "data": {"channel": "order_book_BTC/USD"}}, "Invalid channel provided."),
    ):  # fmt: skip
        assert line.say(said) == {"event": "bts:error", "channel": "", "data": {"code": None, "message": words}}
    assert line.say({"event": "bts:heartbeat"})["data"] == {"status": "success"}
    assert line.say(" " * (LONGEST + 1)) == HangUp(1009, "read limited at 513 bytes")
    assert [json.loads(one)["event"] for one in line.talk.goodbye(NOW_MS)] == ["bts:request_reconnect"]


def test_one_channel_too_many_ends_the_connection_without_a_word(sandbox: Sandbox):
    line = Line(sandbox)
    said = [line.subscribe(f"order_book_m{number}") for number in range(MOST_CHANNELS + 1)]
    assert said[-1] == HangUp() and HangUp() not in said[:-1]


def test_books_come_only_when_they_changed_and_their_channels_agree(sandbox: Sandbox):
    whole, changes = frames(sandbox, "order_book_btcusdt"), frames(sandbox, "diff_order_book_btcusdt")
    times = [frame["data"]["microtimestamp"] for frame in whole]
    assert 5 < len(whole) < 100 and times == [frame["data"]["microtimestamp"] for frame in changes]
    assert {len(frame["data"]["bids"]) for frame in whole} == {100}
    detailed = frames(sandbox, "detail_order_book_btcusdt")
    assert [level[:2] for level in detailed[0]["data"]["asks"]] == whole[0]["data"]["asks"]


def test_the_younger_order_of_a_trade_is_the_takers(sandbox: Sandbox):
    trades = [frame["data"] for frame in frames(sandbox, "live_trades_btcusdt")]
    assert {trade["type"] for trade in trades} == {0, 1}
    assert all((trade["buy_order_id"] < trade["sell_order_id"]) == (trade["type"] == 1) for trade in trades)


def test_our_feed_and_the_sandbox_understand_each_other(sandbox: Sandbox):
    """Ten seconds: what is wanted is acknowledged, each frame is read, and a market that is gone is said to be so."""
    gone = Instrument(symbol="GONE-USD", venue_symbol="GONE/USD", base="GONE", quote="USD", kind="spot")
    listed = Instruments([*rest.read_instruments(answer(sandbox, "markets/").body), gone])
    line, feed, told = Line(sandbox), CARD.feed(listed), []
    wants = [("trade", "BTC-USDT"), ("depth", "BTC-USDT"), ("trade", "GONE-USD"), ("trade", "NONE-USD")]
    outputs = list(feed.wanted(wants))
    for now_ms in range(NOW_MS, NOW_MS + 20_000, 100):
        heard = [line.say(output.text) for output in outputs if isinstance(output, Send)]
        outputs = [event for said in heard for event in feed.receive(json.dumps(said), now_ms * 1_000_000)]
        outputs += feed.tick(now_ms * 1_000_000)
        told += [output for output in outputs if isinstance(output, Status)]
    assert [(one.symbol, one.status) for one in told] == [("NONE-USD", "not_listed"), ("GONE-USD", "not_listed")]
    assert sorted(channel.name for channel in line.talk.channels) == ["live_trades_btcusdt", "order_book_btcusdt"]
    read = [
        type(event)
        for name in ("live_trades_btcusdt", "order_book_btcusdt")
        for frame in frames(sandbox, name)
        for event in feed.receive(json.dumps(frame), 1)
    ]
    assert set(read) == {Trade, Depth}


async def test_a_connection_that_loses_and_repeats_frames_holds_the_book_of_the_market(start_sandbox: StartSandbox):
    """Each picture is whole, so what is lost costs nothing; the same seed gives the same market here and there."""
    server, market = start_sandbox(seed=5, rate=60, symbols=2), Market(5, 60, 2)
    ours = await Ours.loaded("bitstamp", server)
    for fault in ("skip", "duplicate", "broken_frame"):
        server.fault(fault, exchange="bitstamp", stream="depth", count=5)
    async with ours.listening(("depth", "BTC-USDT")) as heard:
        await until(lambda: len(heard) > 30)
        assert not of(heard, Gap) and server.faults()["faults"] == []
        told = heard[-1]
    bids, asks = books(heard[: heard.index(told) + 1])[None]
    real = market.depth("BTC-USDT", 100, told.event_us // 1000)
    assert (bids, asks) == (dict(real.bids), dict(real.asks))


async def test_what_is_polled_is_told_by_a_socket_without_an_address(start_sandbox: StartSandbox):
    ours = Ours("bitstamp", start_sandbox(seed=5, rate=60, symbols=2))
    instruments = await ours.load()
    feed = ours.card.feed(instruments)
    list(feed.wanted([("ticker", "BTC-USDT"), ("candle_1m", "ETH-USDT")]))
    told: list[Any] = []
    for second in range(1, 4):
        for output in feed.tick(second * 1_000_000_000):
            body = await ours.fetch(output.request)  # type: ignore[union-attr]
            told += feed.answered(output.request, body, NOW_MS * 1_000_000)  # type: ignore[union-attr]
    found = {(type(one), one.symbol) for one in told if not isinstance(one, Status)}
    assert found == {(Ticker, "BTC-USDT"), (Candle, "ETH-USDT")}
