"""What another exchange may need of the server: snapshots for newcomers, frames of one's own, heartbeats, logins."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import websockets

from exchanges.invented import Channel, Conversation, HangUp, HttpAnswer, HttpRequest, Invented, Keepalive, Said
from sandbox.app import Application
from sandbox.market import Market
from sandbox.server import Server, configured

WAIT_S = 5
DEPTH = Channel("book", "BTC-USDT", "depth", 50)
TRADES = Channel("matches", "BTC-USDT", "trade")


class Bourse:
    """An exchange that numbers all frames of a connection, sends a book first and heartbeats, and wants a key."""

    title = "Bourse"
    examples: Sequence[str] = ("/time",)
    keepalive = Keepalive(interval_s=0.1, timeout_s=0.3)
    lifetime_s = None

    def __init__(self, market: Invented) -> None:
        self.market = market

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if request.path == "/broken":
            raise RuntimeError("on purpose")
        said = {"method": request.method, "path": request.path, "query": request.query, "body": request.body.decode()}
        return HttpAnswer(200, json.dumps(said).encode())

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        return HttpAnswer(status, b"{}")

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        return Visit() if request.headers.get("x-key") == "let me in" else HttpAnswer(401, b"no key")

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        if channel is not DEPTH:
            return ()
        book = self.market.depth("BTC-USDT", 1000, at_ms)
        return [json.dumps({"snapshot": book.update_id})]

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        if channel == DEPTH:
            changed = self.market.depth_changes("BTC-USDT", after_ms, until_ms)
            return [json.dumps({"from": changed.first_update_id, "to": changed.update_id})] if changed else []
        return [json.dumps({"id": one.trade_id}) for one in self.market.trades_between("BTC-USDT", after_ms, until_ms)]


class Visit:
    personal = True

    def __init__(self) -> None:
        self.channels: Collection[Channel] = ()
        self.number = 0

    def opening(self, now_ms: int) -> Iterable[Said]:
        return [self._numbered({"hello": now_ms})]

    def receive(self, frame: str | bytes, now_ms: int) -> Iterable[Said]:
        if frame == "bye":
            return [self._numbered({"bye": True}), HangUp(4000, "as asked")]
        self.channels = {"book": (DEPTH,), "all": (DEPTH, TRADES), "none": ()}[str(frame)]
        return []

    def control(self, now_ms: int) -> Iterable[Said]:
        return []

    def deliver(self, channel: Channel, frames: Sequence[str], now_ms: int) -> Sequence[str]:
        return [self._numbered({"channel": channel.name, **json.loads(frame)}) for frame in frames]

    def tick(self, now_ms: int) -> Iterable[Said]:
        return [self._numbered({"heartbeat": now_ms})]

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        return []

    def _numbered(self, said: dict) -> str:
        self.number += 1
        return json.dumps({"number": self.number, **said})


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The bourse on a free port."""
    market = Market(1, 400, 2)
    application = Application(market, {"bourse": Bourse(market)}, "a test", None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready = asyncio.Event()
        server = Server(configured(application), application, ready.set)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait_for(ready.wait(), WAIT_S)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/bourse"
        finally:
            server.should_exit = True
            await serving


def fetched(url: str, body: bytes | None = None) -> dict:
    with urlopen(Request(url, body), timeout=WAIT_S) as answer:
        return json.load(answer)


@asynccontextmanager
async def visiting(url: str) -> AsyncIterator[websockets.ClientConnection]:
    headers = {"X-Key": "let me in"}
    async with websockets.connect(f"ws{url.removeprefix('http')}/feed", additional_headers=headers) as ws:
        yield ws


async def collected(ws: websockets.ClientConnection, kind: str, count: int) -> list[dict]:
    """Everything up to the frame that is the `count`th of its kind."""
    seen: list[dict] = []
    while sum(kind in one for one in seen) < count:
        seen.append(json.loads(await asyncio.wait_for(ws.recv(), WAIT_S)))
    return seen


async def test_a_newcomer_gets_a_snapshot_that_the_next_changes_continue():
    async with served() as url, visiting(url) as early:
        await early.send("book")
        await collected(early, "from", 2)
        async with visiting(url) as late:
            await late.send("book")
            seen = await collected(late, "from", 5)
        (snapshot,) = [one["snapshot"] for one in seen if "snapshot" in one]
        changes = [one for one in seen if "from" in one]
        assert changes[0]["from"] == snapshot + 1
        assert all(after["from"] == before["to"] + 1 for before, after in zip(changes, changes[1:], strict=False))


async def test_frames_are_numbered_over_all_channels_of_a_connection():
    async with served() as url, visiting(url) as ws:
        await ws.send("all")
        seen = await collected(ws, "heartbeat", 2)
        assert [one["number"] for one in seen] == list(range(1, len(seen) + 1))
        assert {one.get("channel") for one in seen} == {"book", "matches", None}


async def test_the_exchange_may_refuse_a_handshake_or_hang_up():
    async with served() as url:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"ws{url.removeprefix('http')}/feed")
        assert refused.value.response.status_code == 401
        async with visiting(url) as ws:
            await ws.send("bye")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await collected(ws, "never", 1)
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "as asked")


async def test_who_answers_pings_stays_and_who_does_not_is_dropped():
    async with served() as url, visiting(url) as polite:
        host, port = url.removeprefix("http://").removesuffix("/bourse").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET /bourse/feed HTTP/1.1\r\nHost: {host}\r\nX-Key: let me in\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        said = await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()
        assert said.count(b"\x89\x04") == 1  # one ping with a payload of four bytes
        await collected(polite, "heartbeat", 1)


async def test_requests_arrive_whole_and_one_mistake_does_not_end_the_server():
    async with served() as url:
        with pytest.raises(HTTPError) as failed:
            await asyncio.to_thread(fetched, f"{url}/broken")
        assert failed.value.code == 500
        said = await asyncio.to_thread(fetched, f"{url}/info?type=%E5%B8%81&empty=", b'{"a": 1}')
        assert said == {"method": "POST", "path": "/info", "query": {"type": "币", "empty": ""}, "body": '{"a": 1}'}
