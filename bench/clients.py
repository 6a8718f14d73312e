"""Clients of a WebSocket that only count bytes: what they cost must not limit what they measure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

BUFFER = bytearray(2**20)  # of all clients: what is in it is counted and forgotten
HEADER = 4  # bytes before a text of 126 to 65,535 bytes
UPGRADE = (
    "GET /stream/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Client(asyncio.BufferedProtocol):
    """Upgrades, says its request and skips the reply, if it has one to say; from then on every frame has one size."""

    def __init__(self, text_bytes: int, request: bytes | None) -> None:
        self._frame_bytes = text_bytes + HEADER
        self._request = request
        self._head: bytes | None = b""  # what came so far, until the first event
        self._upgraded = False
        self._bytes = 0
        self._before = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def frames(self) -> int:
        """Whole frames since `start`."""
        return self._bytes // self._frame_bytes - self._before

    def start(self) -> None:
        self._before += self.frames

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(UPGRADE.encode())

    def get_buffer(self, sizehint: int) -> bytearray:
        return BUFFER

    def buffer_updated(self, count: int) -> None:
        if self._head is None:
            self._bytes += count
            return
        self._head += BUFFER[:count]
        if not self._upgraded:
            self._upgrade()
        if self._upgraded:
            self._reply()

    def _upgrade(self) -> None:
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        if b" 101 " not in head[:20]:
            self.ready.set_exception(ConnectionError(head.decode(errors="replace")))
        self._upgraded, self._head = True, rest
        if self._request:
            # A mask of zeros leaves the payload as it is.
            self.transport.write(bytes((0x81, 0x80 | len(self._request), 0, 0, 0, 0)) + self._request)

    def _reply(self) -> None:
        reply_bytes = _size(self._head) if self._request else 0
        if len(self._head) < reply_bytes:
            return
        if self._request and b'"result":true' not in self._head[:reply_bytes]:
            self.ready.set_exception(ConnectionError(repr(self._head)))
        self._bytes, self._head = len(self._head) - reply_bytes, None
        if not self.ready.done():
            self.ready.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server closed the connection"))


def _size(data: bytes) -> int:
    """Of the frame that `data` begins with; more than there is where that cannot be told yet."""
    if len(data) < HEADER:
        return HEADER
    return 2 + data[1] if data[1] < 126 else HEADER + int.from_bytes(data[2:4], "big")


@asynccontextmanager
async def connected(count: int, port: int, text_bytes: int, request: bytes | None) -> AsyncIterator[list[Client]]:
    """So many clients, each past its reply."""
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    try:
        for _ in range(count):
            _, client = await loop.create_connection(lambda: Client(text_bytes, request), "127.0.0.1", port)
            clients.append(client)
        async with asyncio.timeout(20):
            await asyncio.gather(*(client.ready for client in clients))
        yield clients
    finally:
        for client in clients:
            client.transport.abort()
