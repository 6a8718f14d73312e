"""The sandbox's delivery to one client on another core, beside a bare send loop of the same server and the same frames.

    python bench/sandbox_rate.py [--seconds 5]

Two servers, one after the other, each in a process of its own; this process is the client and only counts frames. Both
use uvicorn, uvloop and 190-byte frames. The sandbox is asked for 60,000 events a second; what arrives is what counts.
"""

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import websockets  # noqa: E402

from tests.sandbox_server import running  # noqa: E402

ASKED = 60_000
TARGET = 20_000
WARM_UP_S = 1.0
BARE = """
import sys, socket, uvicorn
FRAME = {"type": "websocket.send", "text": "x" * 190}
async def app(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await send(FRAME)
listener = socket.socket(fileno=int(sys.argv[1]))
config = uvicorn.Config(app, ws="websockets-sansio", loop="uvloop", ws_per_message_deflate=False, lifespan="off",
                        log_level="critical")
uvicorn.Server(config).run(sockets=[listener])
"""


class Counter(asyncio.Protocol):
    """A client that upgrades, then only counts frames: what it costs must not limit what it measures."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.frames = 0
        self.rest = b""
        self.upgraded = False
        self.gone = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        at = 0
        if not self.upgraded:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.rest = data
                return
            self.upgraded, at = True, end + 4
        at = self._count(data, at)
        self.rest = data[at:]

    def _count(self, data: bytes, at: int) -> int:
        """Steps over whole frames; where the next one begins."""
        size = len(data)
        while at + 2 <= size:
            length, head = data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            if at + head + length > size:
                break
            self.frames += 1
            at += head + length
        return at

    def connection_lost(self, error: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(error)


async def rate(port: int, path: str, seconds: float) -> float:
    """Frames a second that arrive from the server."""
    loop = asyncio.get_running_loop()
    _, counter = await loop.create_connection(lambda: Counter(path), "127.0.0.1", port)
    await asyncio.sleep(WARM_UP_S)
    before, started_s = counter.frames, time.perf_counter()
    await asyncio.sleep(seconds)
    frames = (counter.frames - before) / (time.perf_counter() - started_s)
    if counter.gone.done():
        raise SystemExit("the server dropped the connection")
    counter.transport.abort()
    await counter.gone
    return frames


@contextmanager
def bare():
    """The bare send loop; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-c", BARE, str(listener.fileno())]
        with subprocess.Popen(command, pass_fds=[listener.fileno()]) as process:
            try:
                yield listener.getsockname()[1]
            finally:
                process.kill()


async def measured(seconds: float) -> tuple[float, float, float, int]:
    """Frames a second: trades, trades with every change of the best price, the bare loop; and the holes in the ids."""
    with running("--rate", str(ASKED), "--symbols", "2") as server:
        port = int(server.url.rpartition(":")[2])
        trades = await rate(port, "/binance/stream?streams=btcusdt@trade/ethusdt@trade", seconds)
        names = "/".join(f"{symbol}@{what}" for symbol in ("btcusdt", "ethusdt") for what in ("trade", "bookTicker"))
        both = await rate(port, f"/binance/stream?streams={names}", seconds)
        holes = await _holes(f"{server.ws()}/ws/btcusdt@trade")
    with bare() as port:
        loop = await rate(port, "/", seconds)
    return trades, both, loop, holes


async def _holes(url: str) -> int:
    """Ids that are missing in 20,000 trades, as a usual client library reads them."""
    async with websockets.connect(url, compression=None) as ws:
        ids = [json.loads(await ws.recv())["t"] for _ in range(20_000)]
    return ids[-1] - ids[0] + 1 - len(ids)


def main(say: Callable[[str], None] = print) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    trades, both, loop, holes = asyncio.run(measured(parser.parse_args().seconds))
    say(f"trades of 2 symbols            {trades:>10,.0f} frames/s")
    say(f"trades and best prices         {both:>10,.0f} frames/s")
    say(f"bare send loop, same server    {loop:>10,.0f} frames/s")
    say(f"share of the bare loop         {both / loop:>10.0%}")
    say(f"missing ids in 20,000 trades   {holes:>10}")
    good = both >= TARGET and not holes
    say(f"at least {TARGET:,} events/s without a hole: {'yes' if good else 'NO'}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
