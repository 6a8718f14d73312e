"""The socket to an exchange, which knows when bytes came last."""

import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from exchanges.contract import Socket

OPEN_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0


class Wire(ClientConnection):
    """Also a part of a frame, a ping and a pong prove that the other side is there."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._bytes_s = time.monotonic()
        self.dead = False

    def data_received(self, data: bytes) -> None:
        self._bytes_s = time.monotonic()
        super().data_received(data)

    @property
    def heard_s(self) -> float:
        """When bytes came last (monotonic). Now, while we read nothing because too many frames wait here."""
        return time.monotonic() if self.recv_messages.paused else self._bytes_s

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Of a dead one without a word: nobody is there to hear it."""
        if self.dead:
            self.transport.abort()
        await super().close(code, reason)


def opened(socket: Socket) -> connect:
    """`async with opened(socket) as wire`. Pings are ours to send, at the pace of our messages (streams/pulse.py)."""
    return connect(
        socket.url,
        create_connection=Wire,
        open_timeout=OPEN_TIMEOUT_S,
        ping_interval=None,
        close_timeout=CLOSE_TIMEOUT_S,
        max_size=socket.max_frame_bytes,
        max_queue=(256, 64),
        compression=None,
    )
