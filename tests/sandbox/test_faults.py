"""Each fault does what it says, over real connections; a command that makes no sense says what would do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.error import HTTPError

import pytest
import websockets

from tests.sandbox_server import SandboxServer, running

WAIT_S = 5


@pytest.fixture(scope="module")
def server():
    """A busy market of two symbols that no other test uses."""
    with running("--seed", "3", "--rate", "1000", "--symbols", "2") as own:
        yield own


@pytest.fixture(autouse=True)
def all_clear(server: SandboxServer):
    yield
    server.clear()


@asynccontextmanager
async def listening(server: SandboxServer, stream: str) -> AsyncIterator[Any]:
    """A connection on which a first frame has arrived."""
    async with websockets.connect(f"{server.ws()}/ws/{stream}") as ws:
        await asyncio.wait_for(ws.recv(), WAIT_S)
        yield ws


async def frames(ws: Any, count: int) -> list[str | bytes]:
    return [await asyncio.wait_for(ws.recv(), WAIT_S) for _ in range(count)]


async def ids(ws: Any, count: int) -> list[int]:
    return [json.loads(frame)["t"] for frame in await frames(ws, count)]


async def test_disconnect_drops_matching_connections_without_a_close_frame(server: SandboxServer):
    async with listening(server, "btcusdt@trade") as struck, listening(server, "ethusdt@trade") as spared:
        record = await asyncio.to_thread(server.fault, "disconnect", symbol="BTC-USDT")
        assert record["hits"] == 1
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await frames(struck, 1000)
        assert closed.value.rcvd is None
        assert len(await frames(spared, 3)) == 3


async def test_silent_keeps_the_connection_and_sends_nothing_until_cleared(server: SandboxServer):
    async with listening(server, "btcusdt@trade") as ws:
        await asyncio.to_thread(server.fault, "silent")
        with pytest.raises(TimeoutError):
            while True:
                await asyncio.wait_for(ws.recv(), 0.5)
        await asyncio.wait_for(await ws.ping(), WAIT_S)
        await asyncio.to_thread(server.clear)
        assert len(await frames(ws, 2)) == 2


async def test_silent_without_pongs_answers_no_ping_and_spares_newcomers(server: SandboxServer):
    async with listening(server, "btcusdt@trade") as ws:
        await asyncio.to_thread(server.fault, "silent", pings=False)
        pong = await ws.ping()
        async with listening(server, "btcusdt@trade") as newcomer:
            assert len(await frames(newcomer, 10)) == 10
        assert not pong.done()


async def test_silent_for_one_stream_leaves_the_others_of_the_connection(server: SandboxServer):
    async with websockets.connect(f"{server.ws()}/stream?streams=btcusdt@trade/ethusdt@trade") as ws:
        await frames(ws, 1)
        await asyncio.to_thread(server.fault, "silent", symbol="btcusdt", stream="trade", seconds=60)
        await frames(ws, 5)
        names = {json.loads(frame)["stream"] for frame in await frames(ws, 30)}
    assert names == {"ethusdt@trade"}


async def test_skip_leaves_out_so_many_trades(server: SandboxServer):
    async with listening(server, "btcusdt@trade") as ws:
        seen = await ids(ws, 1)
        await asyncio.to_thread(server.fault, "skip", stream="trade", symbol="BTC-USDT", count=3)
        seen += await ids(ws, 60)
    missing = set(range(seen[0], seen[-1] + 1)) - set(seen)
    assert len(missing) == 3 and max(missing) - min(missing) == 2


async def test_skip_breaks_the_sequence_of_the_depth_stream(server: SandboxServer):
    async with listening(server, "btcusdt@depth@100ms") as ws:
        seen = await frames(ws, 1)
        await asyncio.to_thread(server.fault, "skip", stream="depth")
        updates = [json.loads(frame) for frame in seen + await frames(ws, 12)]
    breaks = sum(after["U"] != before["u"] + 1 for before, after in zip(updates, updates[1:], strict=False))
    assert breaks == 1


async def test_duplicate_sends_so_many_frames_twice(server: SandboxServer):
    async with listening(server, "btcusdt@trade") as ws:
        await asyncio.to_thread(server.fault, "duplicate", count=2)
        seen = await ids(ws, 60)
    assert len(seen) - len(set(seen)) == 2


@pytest.mark.parametrize(
    ("form", "is_broken"),
    [
        ("truncated", lambda frame: isinstance(frame, str) and not frame.endswith("}")),
        ("binary", lambda frame: isinstance(frame, bytes)),
        ("unknown", lambda frame: isinstance(frame, str) and "unheard-of" in frame),
    ],
)
async def test_a_broken_frame_comes_before_the_right_one(server: SandboxServer, form: str, is_broken: Any):
    async with listening(server, "btcusdt@trade") as ws:
        await asyncio.to_thread(server.fault, "broken_frame", form=form)
        seen = await frames(ws, 60)
    assert sum(map(is_broken, seen)) == 1
    whole = [json.loads(frame)["t"] for frame in seen if not is_broken(frame)]
    assert whole == list(range(whole[0], whole[-1] + 1))


async def test_shutdown_says_so_and_closes(server: SandboxServer):
    async with listening(server, "btcusdt@trade") as ws:
        await asyncio.to_thread(server.fault, "shutdown", delay_s=0.2)
        seen = []
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                seen += await frames(ws, 1)
    assert any(json.loads(frame)["e"] == "serverShutdown" for frame in seen)
    assert closed.value.rcvd.code == 1001


async def test_refused_connections_are_refused_so_many_times(server: SandboxServer):
    server.fault("refuse_connections", status=503, count=1)
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"{server.ws()}/ws/btcusdt@trade")
    assert refused.value.response.status_code == 503
    async with listening(server, "btcusdt@trade"):
        pass


@pytest.mark.parametrize(
    ("given", "code", "retry_after"),
    [
        ({"status": 429, "retry_after_s": 7}, -1003, "7"),
        ({"status": 418}, -1003, "1"),
        ({"status": 451}, 0, None),
        ({"status": 503}, -1000, None),
    ],
)
def test_a_status_is_answered_once(server: SandboxServer, given: Any, code: int, retry_after: str | None):
    server.fault("status", **given)
    with pytest.raises(HTTPError) as refused:
        server.get("/binance/api/v3/time")
    assert refused.value.code == given["status"]
    assert refused.value.headers.get("Retry-After") == retry_after
    assert json.loads(refused.value.read())["code"] == code
    assert "serverTime" in server.get("/binance/api/v3/time")


def test_a_status_is_answered_on_its_path_only(server: SandboxServer):
    server.fault("status", status=500, path="/api/v3/depth", seconds=60)
    assert "serverTime" in server.get("/binance/api/v3/time")
    for _ in range(2):
        with pytest.raises(HTTPError):
            server.get("/binance/api/v3/depth?symbol=BTCUSDT")


def test_slow_answers_late(server: SandboxServer):
    server.fault("slow", delay_s=0.4)
    started_s = time.monotonic()
    server.get("/binance/api/v3/time")
    assert time.monotonic() - started_s >= 0.4


async def test_a_fault_begins_after_its_delay(server: SandboxServer):
    async with listening(server, "btcusdt@trade") as ws:
        record = await asyncio.to_thread(server.fault, "disconnect", after_s=0.3)
        assert (record["begun"], record["hits"]) == (False, 0)
        with pytest.raises(websockets.ConnectionClosedError):
            await frames(ws, 1000)


async def test_a_broken_frame_can_come_in_place_of_the_right_one(server: SandboxServer):
    async with listening(server, "btcusdt@trade") as ws:
        given = {"instead": True, "symbol": "BTC-USDT", "stream": "trade", "after_s": 0.2}
        await asyncio.to_thread(server.fault, "broken_frame", **given)
        said = await frames(ws, 400)
    whole = [json.loads(frame)["t"] for frame in said if str(frame).endswith("}")]
    assert len(whole) == 399
    assert len(set(range(whole[0], whole[-1] + 1)) - set(whole)) == 1


async def test_a_checksum_can_be_wrong(server: SandboxServer):
    request = {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USDT"], "depth": 10}}
    async with websockets.connect(f"{server.ws('kraken')}/v2") as ws:
        await ws.send(json.dumps(request))
        await asyncio.to_thread(server.fault, "checksum", exchange="kraken", stream="depth")
        said = [json.loads(frame) for frame in await frames(ws, 50)]
    sums = [frame["data"][0]["checksum"] for frame in said if frame.get("channel") == "book"]
    assert len(sums) > 5 and sums.count(1234567890) == 1


def test_the_exchanges_clock_can_be_ahead(server: SandboxServer):
    wall_ms = time.time() * 1000
    server.fault("clock", ahead_s=10)
    ahead_ms = server.get("/binance/api/v3/time")["serverTime"] - wall_ms
    [newest] = server.get("/binance/api/v3/trades?symbol=BTCUSDT&limit=1")
    assert 10_000 <= ahead_ms < 12_000
    assert 9_000 < newest["time"] - wall_ms < 12_000
    server.clear()
    assert server.get("/binance/api/v3/time")["serverTime"] - wall_ms < 5_000


def test_faults_are_listed_and_cleared(server: SandboxServer):
    number = server.fault("skip", stream="trade", count=5)["id"]
    server.fault("slow", delay_s=1, seconds=60)
    listed = server.faults()["faults"]
    assert [fault["fault"] for fault in listed] == ["skip", "slow"]
    assert (listed[0]["id"], listed[0]["left"]) == (number, 5)
    assert 0 < listed[1]["seconds_left"] <= 60
    server.clear()
    assert server.faults() == {"faults": []}


@pytest.mark.parametrize(
    ("given", "field", "came", "would_do"),
    [
        ({"fault": "explode"}, "fault", "explode", "disconnect, silent, skip"),
        ({"fault": "skip", "count": 0}, "count", 0, "how many frames, from 1"),
        ({"fault": "status"}, "status", None, "403, 418, 429"),
        ({"fault": "status", "status": 200}, "status", 200, "403, 418, 429"),
        ({"fault": "slow", "delay_s": "long"}, "delay_s", "long", "0 to 86400"),
        ({"fault": "skip", "symbol": "BTC-USTD"}, "symbol", "BTC-USTD", "BTC-USDT"),
        ({"fault": "skip", "exchange": "mtgox"}, "exchange", "mtgox", "binance"),
        ({"fault": "clock", "ahead_s": 10, "exchange": "binance"}, "exchange", "binance", "they have one clock"),
        ({"fault": "skip", "colour": "red"}, "colour", "red", "symbol, stream, count"),
    ],
)
def test_a_command_that_makes_no_sense_says_what_would_do(
    server: SandboxServer, given: dict[str, Any], field: str, came: Any, would_do: str
):
    with pytest.raises(HTTPError) as refused:
        server.fault(**given)
    assert refused.value.code == 422
    error = json.loads(refused.value.read())["error"]
    assert (error["field"], error["came"]) == (field, came)
    assert would_do in error["would_do"]
