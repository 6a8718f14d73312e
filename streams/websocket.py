"""uvicorn's WebSocket protocol with two endings of ours: a slow client is told why, and a restart is announced."""

import time
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINGER_S = 5.0  # for a peer that reads nothing, not even the close frame


def notice(kind: str, **members: Any) -> str:
    """The text of a `notice` event, for one client only."""
    more = "".join(f',"{name}":{value}' for name, value in members.items())
    return f'{{"event":"notice","notice":"{kind}","received_time":{time.time_ns() // 1_000_000}{more}}}'


class Protocol(WebSocketsSansIOProtocol):
    """`--ws streams.websocket:Protocol`"""

    async def send(self, message: Any) -> None:
        """A close does not wait for a peer that does not read: it goes behind what is buffered, and then the end."""
        if message["type"] == "websocket.close" and self.handshake_complete and not self.disconnected:
            self.writable.set()
            self.loop.call_later(LINGER_S, self.transport.abort)
        await super().send(message)

    def shutdown(self) -> None:
        if self.handshake_complete and not self.close_sent:
            self.conn.send_text(notice("restarting").encode())
        super().shutdown()
