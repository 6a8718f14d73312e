"""The wire: one WebSocket connection of the server, with what an exchange does and ASGI has no word for.

Frames are encoded once and written to any number of wires as bytes; a wire can be dropped without a goodbye, counts the
other side's control frames, and bounds what waits to be read.
"""

import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

UNREAD_LIMIT_BYTES = 8 * 2**20  # a client that leaves more unread is dropped
TEXT, BINARY = 0x81, 0x82
RESET = struct.pack("ii", 1, 0)  # linger for no time


def encoded(said: str | bytes) -> bytes:
    """One unmasked, unfragmented frame, as a server sends it."""
    payload, kind = (said.encode(), TEXT) if isinstance(said, str) else (said, BINARY)
    size = len(payload)
    if size < 126:
        return bytes((kind, size)) + payload
    if size < 65_536:
        return bytes((kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((kind, 127)) + size.to_bytes(8, "big") + payload


class Wire(WebSocketsSansIOProtocol):
    """The application finds it in its scope, as `scope["extensions"]["wire"]`."""

    on_control: Callable[[], None] | None = None
    mute = False  # neither pings nor pongs

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"]["wire"] = self  # type: ignore[typeddict-unknown-key]

    def handle_ping(self) -> None:
        if self.mute:
            self.conn.data_to_send()
        else:
            super().handle_ping()
        self._control()

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        self._control()

    def _control(self) -> None:
        if self.on_control:
            self.on_control()

    @property
    def alive(self) -> bool:
        return self.handshake_complete and not self.close_sent and not self.transport.is_closing()

    def write(self, frames: bytes) -> None:
        """Frames made by `encoded`; drops a client that does not read."""
        if not self.alive:
            return
        if self.transport.get_write_buffer_size() > UNREAD_LIMIT_BYTES:
            self.drop()
        else:
            self.transport.write(frames)

    def drop(self) -> None:
        """Ends the connection without a close frame, by a reset: what was not read yet is lost."""
        self.stop_keepalive()
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    def hang_up(self, code: int, reason: str = "") -> None:
        """Ends the connection with a close frame."""
        if not self.alive:
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def keep_alive(self, interval_s: float, timeout_s: float) -> None:
        """Pings from now on; without a pong in time the connection ends."""
        self.stop_keepalive()
        self.ping_interval, self.ping_timeout = interval_s, timeout_s
        self.start_keepalive()
