"""A stream that falls silent alone is found out by a look at its market; a market that is only quiet is left alone."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from websockets.asyncio.server import ServerConnection

from exchanges.symbols import Instruments
from streams import probe, pulse, rhythm, silence
from streams.hold import Holder
from tests.sandbox_server import SandboxServer
from tests.streams.heard import Event, assert_unbroken, is_, trade_ids
from tests.streams.live import Listener, Web
from tests.streams.test_session import Counting, session_with

TRADE, DEPTH, TICKER = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT", "binance.ticker.BTC-USDT"
OTHERS = ("binance.trade.ETH-USDT", "binance.depth.ETH-USDT", "binance.ticker.ETH-USDT")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All that takes long takes a fraction of it."""
    for module, name, value in (
        (rhythm, "LEAST_S", 2.0), (rhythm, "YOUNG_S", 3.0), (rhythm, "PAUSES", 4), (rhythm, "TIMES", 2.0),
        (probe, "LOOK_S", 0.25), (probe, "CONFIRM_S", 0.5), (probe, "AGAIN_S", 1.0), (probe, "LEAST_S", 0.25),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    yield


async def warmed_up(client: Listener, *topics: str) -> None:
    """All of them run, long enough to have a rhythm."""
    await client.subscribe(*topics)
    for topic in topics:
        await client.until(is_(topic.split(".")[1], topic))
    until_s = time.monotonic() + 3
    while time.monotonic() < until_s:
        await client.next()


def said(client: Listener, topic: str) -> list[Event]:
    return [event for event in client.heard if event.get("topic") == topic and "event" in event]


@pytest.mark.parametrize("topic", [TRADE, DEPTH, TICKER])
async def test_a_stream_that_is_lost_is_stale_has_a_gap_and_is_subscribed_to_anew(
    web: Web, holder: Holder, sandbox: SandboxServer, hasty: None, topic: str
) -> None:
    stream = topic.split(".")[1]
    async with web.client() as client:
        await warmed_up(client, topic, *OTHERS)
        connections = sandbox.get("/seen")["binance"]["connections"]
        sandbox.fault("silent", stream=stream, symbol="BTC-USDT", forgets=True)
        stale = await client.until(is_("status", topic, status="stale"))
        assert "while the market traded" in stale["detail"]
        gap = await client.until(is_("gap", topic))
        assert (gap["reason"], gap["repair"]) == ("stale", "pending" if topic == TRADE else "none")
        if topic == TRADE:
            assert (await client.until(is_("repaired", topic)))["complete"] is True
        again = await client.until(is_(stream, topic, source="live"))
        assert topic != DEPTH or again["type"] == "snapshot"
        await client.several(3, is_(stream, topic))
        assert sandbox.get("/seen")["binance"]["connections"] == connections
    assert [event["status"] for event in said(client, topic) if event["event"] == "status"][-1] == "live"
    assert_unbroken([event for event in client.counted(topic) if topic != TICKER] or client.counted(OTHERS[0]))
    if topic == TRADE:
        ids = trade_ids(client.counted(topic))
        assert ids == list(range(ids[0], ids[0] + len(ids)))
    for other in OTHERS:
        assert not [event for event in said(client, other) if event["event"] == "gap" or event.get("status") == "stale"]


async def test_a_stream_that_stays_silent_moves_to_another_connection(
    web: Web, holder: Holder, sandbox: SandboxServer, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "LASTING", 2)
    async with web.client() as client:
        await warmed_up(client, TRADE, *OTHERS)
        first = next(iter(holder._held.values()))
        sandbox.fault("silent", stream="trade", symbol="BTC-USDT")
        await client.until(is_("gap", TRADE, reason="stale"))
        await client.until(lambda _: next(iter(holder._held.values())) is not first, patience_s=40)
        await client.several(5, is_("trade", TRADE, source="live"))
    ids = trade_ids(client.counted(TRADE))
    assert sorted(ids) == list(range(min(ids), max(ids) + 1))
    for other in OTHERS:
        assert "gap" not in {event["event"] for event in said(client, other)}


async def test_quiet_markets_make_no_noise_and_cost_few_requests(
    web: Web, holder: Holder, sandbox: SandboxServer, hasty: None
) -> None:
    """By the hasty measure all twenty are: most of them trade every few seconds."""
    markets = [row["symbol"] for row in sandbox.get("/binance/api/v3/exchangeInfo")["symbols"]]
    async with web.client() as client:
        await client.say(action="subscribe", topics=[f"binance.trade.{market}" for market in markets])
        await client.until(is_("trade"))
        before = sandbox.get("/seen")["binance"]["requests"]
        until_s = time.monotonic() + 12
        while time.monotonic() < until_s:
            await client.next()
        asked = sandbox.get("/seen")["binance"]["requests"] - before
    assert not [event for event in client.heard if event.get("event") == "gap" or event.get("status") == "stale"]
    assert asked < 40


async def test_a_half_open_connection_is_noticed_and_says_so(web: Web, holder: Holder, sandbox: SandboxServer) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE, DEPTH)
        await client.until(is_("depth", type="delta"))
        sandbox.fault("silent", pings=False)
        since_s = time.monotonic()
        gap = await client.until(is_("gap", TRADE), patience_s=20)
        assert gap["reason"] == "disconnect"
        assert time.monotonic() - since_s < 15
        begun = len(client.heard)
        wanted = {"repaired": is_("repaired", TRADE, complete=True), "book": is_("depth", DEPTH, type="snapshot")}
        while any(not any(map(found, client.heard[begun:])) for found in wanted.values()):
            await client.next()
    noticed = [event for event in said(client, DEPTH) if event.get("status") == "reconnecting"]
    assert "not even the answer to a ping" in noticed[0]["detail"]
    ids = trade_ids(client.counted(TRADE))
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def mute(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def test_an_exchange_that_accepts_and_says_nothing_is_connected_to_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(silence, "ANSWER_S", 0.5)

    class Asking(Counting):
        def opening(self) -> object:
            return self._control("SUBSCRIBE", ["btcusdt@trade"])

    async with session_with(mute, Asking(Instruments())), asyncio.timeout(20):
        while "reconnecting" not in caplog.text:
            await asyncio.sleep(0.01)
    assert "has not said a word" in caplog.text


async def test_a_quiet_connection_lives_by_its_pongs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pulse, "ASK_S", 0.3)
    monkeypatch.setattr(pulse, "DEAD_S", 0.9)
    connections = []

    async def quiet(socket: ServerConnection) -> None:
        connections.append(socket)
        await socket.wait_closed()

    async with session_with(quiet, Counting(Instruments())):
        await asyncio.sleep(3)  # several times as long as a dead one is given
    assert len(connections) == 1
    assert "reconnecting" not in caplog.text
