"""uvicorn's WebSocket protocol with frames that are made once for all clients, and with two endings of ours: a slow
client is told why, and a restart is announced."""

import struct
import time
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

FIN_TEXT = 0x81  # the last frame of a message, of text
LINGER_S = 5.0  # for a peer that reads nothing, not even the close frame


def notice(kind: str, **members: Any) -> str:
    """The text of a `notice` event, for one client only."""
    more = "".join(f',"{name}":{value}' for name, value in members.items())
    return f'{{"event":"notice","notice":"{kind}","received_time":{time.time_ns() // 1_000_000}{more}}}'


def frame(text: bytes) -> bytes:
    """A whole text message as one unmasked frame (RFC 6455, section 5.2)."""
    size = len(text)
    if size < 126:
        return struct.pack("!BB", FIN_TEXT, size) + text
    if size < 2**16:
        return struct.pack("!BBH", FIN_TEXT, 126, size) + text
    return struct.pack("!BBQ", FIN_TEXT, 127, size) + text


class Protocol(WebSocketsSansIOProtocol):
    """`--ws streams.websocket:Protocol`"""

    async def send(self, message: Any) -> None:
        """A message that brings its frame is written as it is, where nothing (compression) would change it.

        A close does not wait for a peer that does not read: it goes behind what is buffered, and then the end."""
        ready = message.get("frame")
        if ready is not None and self.handshake_complete and not self.close_sent and not self.conn.extensions:
            if not self.writable.is_set():
                await self.writable.wait()
            if self.disconnected:
                raise ClientDisconnected
            self.transport.write(ready)
            return
        if message["type"] == "websocket.close" and self.handshake_complete and not self.disconnected:
            self.writable.set()
            self.loop.call_later(LINGER_S, self.transport.abort)
        await super().send(message)

    def shutdown(self) -> None:
        if self.handshake_complete and not self.close_sent:
            self.conn.send_text(notice("restarting").encode())
        super().shutdown()
