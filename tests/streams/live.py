"""The live path for tests: the real sandbox, a hold loop, Redis, and the web with its WebSocket, over real sockets."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
import uvicorn
from channels.layers import channel_layers, get_channel_layer
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from config.asgi import application
from marketdata import cards, ingest, instruments, times
from streams.connection import redis
from streams.ending import ended
from streams.hold import Holder, Sources
from streams.markets import Markets
from streams.publishers.candles import CandleWriter
from tests.sandbox_server import SandboxServer

PATIENCE_S = 20.0
Event = dict[str, Any]


@dataclass
class Listener:
    """One client of `/stream/`; what it heard is kept in order."""

    socket: ClientConnection
    heard: list[Event] = field(default_factory=list)

    async def say(self, **request: Any) -> None:
        await self.socket.send(json.dumps(request))

    async def subscribe(self, *topics: str) -> None:
        await self.say(action="subscribe", topics=list(topics))

    async def next(self, patience_s: float = PATIENCE_S) -> Event:
        """The next message, numbers exact."""
        text = await asyncio.wait_for(self.socket.recv(), patience_s)
        self.heard.append(json.loads(text, parse_float=Decimal))
        return self.heard[-1]

    async def until(self, found: Callable[[Event], bool], patience_s: float = PATIENCE_S) -> Event:
        """The first message from now on that is `found`."""
        async with asyncio.timeout(patience_s):
            while True:
                event = await self.next(patience_s)
                if found(event):
                    return event

    async def several(self, count: int, found: Callable[[Event], bool]) -> list[Event]:
        return [await self.until(found) for _ in range(count)]

    async def close_code(self, patience_s: float = PATIENCE_S) -> int | None:
        """Reads to the end; how the server closed."""
        async with asyncio.timeout(patience_s):
            try:
                while True:
                    await self.next(patience_s)
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else None

    def counted(self, topic: str) -> list[Event]:
        return [event for event in self.heard if event.get("topic") == topic and event.get("seq")]


@dataclass
class Web:
    """The web process's part, in this event loop."""

    url: str
    ws: str

    @contextlib.asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[Listener]:
        # One that leaves with frames unread does not hear that it may: it waits no longer than this.
        given = {"max_size": None, "compression": None, "close_timeout": 1, **options}
        async with connect(self.ws, **given) as socket_:
            yield Listener(socket_)


class _Server(uvicorn.Server):
    """Leaves the signals of the test run alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def web_server() -> AsyncIterator[Web]:
    with socket.socket() as listening:
        # Inherited by each connection: a client that reads nothing is noticed after little.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        options = {
            "timeout_graceful_shutdown": 1,
            "ws": "streams.websocket:Protocol",
            "ws_per_message_deflate": False,
            "ws_max_size": 2**18,
        }
        server = _Server(uvicorn.Config(application, lifespan="off", log_config=None, **options))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(PATIENCE_S):
            while not server.started:
                await asyncio.sleep(0.01)
        try:
            yield Web(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/stream/")
        finally:
            server.should_exit = server.force_exit = True
            await serving


@contextlib.asynccontextmanager
async def hold_loop(**options: Any) -> AsyncIterator[Holder]:
    """A hold loop in this event loop; given back at the end, as when a worker stops."""
    holder = new_holder(**options)
    running = asyncio.create_task(holder.run())
    try:
        yield holder
    finally:
        await ended([running])


def new_holder(pins: set[str] = frozenset(), closed: CandleWriter | None = None, **options: Any) -> Holder:
    async def pinned() -> set[str]:
        return set(pins)

    markets = Markets()
    take_candle = closed.add if closed else lambda exchange, candle: None
    sources = Sources(cards.cards(), markets.of, pinned, take_candle)
    given = {"spread": 1, "history_events": 10_000, "history_bytes": 64 * 2**20, "extra": ',"sandbox":true'}
    return Holder(redis=redis(), layer=get_channel_layer(), sources=sources, **{**given, **options})


@pytest.fixture
def listed(transactional_db: None, settings: Any, sandbox: SandboxServer, clean_redis: Redis) -> Iterator[None]:
    """The sandbox's markets are in the database, Redis is empty, and reading is open."""
    sandbox.clear()
    settings.SANDBOX, settings.SANDBOX_URL, settings.OPEN_READ = True, sandbox.url, True
    settings.EXCHANGES = ("binance",)
    card = cards.card("binance")
    rows = json.dumps(sandbox.get("/binance/api/v3/exchangeInfo")).encode()
    ingest.exchange(card)
    ingest.instruments("binance", card.rest.read_instruments(rows), times.now())
    instruments._kept.clear()
    channel_layers.backends.clear()
    yield
    sandbox.clear()


@pytest.fixture
async def web(listed: None) -> AsyncIterator[Web]:
    async with web_server() as server:
        yield server


@pytest.fixture
async def holder(listed: None) -> AsyncIterator[Holder]:
    async with hold_loop() as loop:
        yield loop
