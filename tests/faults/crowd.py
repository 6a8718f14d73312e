"""Many clients that connect at once, in a process of their own: `python -m tests.faults.crowd URL TOPIC COUNT SECONDS`.

Each subscribes to the topic and counts what follows. One line of JSON at the end tells how many
were served, and how long the slowest waited for its first event.
"""

import asyncio
import json
import re
import sys
import time
from urllib.parse import urlsplit

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEAD_END = b"\r\n\r\n"
WITHIN_S = 1.0  # all begin to connect within this time
_position = re.compile(rb'"epoch":(\d+),"seq":(\d+)').search


class Client(asyncio.Protocol):
    """Reads the server's frames, which are never masked."""

    def __init__(self, handshake: bytes, request: bytes) -> None:
        self._handshake, self._request = handshake, request
        self._buffer = b""
        self._upgraded = False
        self._at: tuple[int, int] | None = None
        self.began_s = time.monotonic()
        self.first_event_s: float | None = None
        self.events = self.holes = 0
        self.closed = False
        self.refused = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._transport.write(self._handshake)

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, end, rest = self._buffer.partition(HEAD_END)
            if not end:
                return
            self._upgraded, self._buffer = True, rest
            if b" 101 " in head[:20]:
                self._transport.write(self._request)
            else:
                self.refused = head[:60].decode(errors="replace")
        while (found := _frame(self._buffer)) is not None:
            text, self._buffer = found
            self._hear(text)

    def _hear(self, text: bytes) -> None:
        if b'"result":false' in text or b'"result": false' in text:
            self.refused = text[:200].decode(errors="replace")
        found = _position(text.replace(b" ", b"")) if b'"event"' in text else None
        if found is None:
            return
        at = int(found[1]), int(found[2])
        self.holes += self._at is not None and at != (self._at[0], self._at[1] + 1)
        self._at = at
        self.events += 1
        if self.first_event_s is None:
            self.first_event_s = time.monotonic() - self.began_s


def _frame(buffer: bytes) -> tuple[bytes, bytes] | None:
    """The first whole frame's payload, and what follows it."""
    if len(buffer) < 2:
        return None
    size, start = buffer[1], 2
    if size == 126:
        size, start = int.from_bytes(buffer[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(buffer[2:10], "big"), 10
    if len(buffer) < start + size:
        return None
    return buffer[start : start + size], buffer[start + size :]


def handshake(url: str) -> bytes:
    parts = urlsplit(url)
    head = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*head, f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", "", ""]).encode()


def request(topic: str) -> bytes:
    """The subscription as one frame, masked with zeros."""
    text = json.dumps({"action": "subscribe", "topics": [topic]}).encode()
    assert len(text) < 126
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


async def crowd(url: str, topic: str, count: int, seconds: float) -> dict[str, object]:
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    opening, asking = handshake(url), request(topic)
    began_s = time.monotonic()

    async def one(number: int) -> Client | None:
        await asyncio.sleep(WITHIN_S * number / count)
        try:
            _, client = await loop.create_connection(lambda: Client(opening, asking), parts.hostname, parts.port)
        except OSError:
            return None
        return client

    clients = [client for client in await asyncio.gather(*map(one, range(count))) if client]
    connected_s = time.monotonic() - began_s
    await asyncio.sleep(seconds)
    waits = [client.first_event_s for client in clients if client.first_event_s is not None]
    return {
        "asked": count,
        "connected": len(clients),
        "connected_s": round(connected_s, 2),
        "served": sum(client.events > 1 and not client.closed for client in clients),
        "slowest_first_event_s": round(max(waits, default=0.0), 2),
        "events": sum(client.events for client in clients),
        "holes": sum(client.holes for client in clients),
        "refused": next((client.refused for client in clients if client.refused), ""),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(crowd(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
