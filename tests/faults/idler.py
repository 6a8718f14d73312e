"""A client that subscribes to much and reads nothing for a while."""

import asyncio
import json
import socket
from collections.abc import Sequence

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

BUFFER_BYTES = 64 * 1024


async def stop_reading(url: str, topics: Sequence[str], seconds: float) -> str:
    """How it ended meanwhile: with a code, `gone` (also where the code waits behind what was never read), or `open`."""
    host, _, port = url.removeprefix("ws://").partition("/")[0].partition(":")
    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        small.setblocking(False)
        await asyncio.get_running_loop().sock_connect(small, (host, int(port)))
        options = {"max_queue": 1, "max_size": None, "compression": None, "ping_interval": None, "close_timeout": 1}
        async with connect(url, sock=small.dup(), **options) as client:
            await client.send(json.dumps({"action": "subscribe", "topics": list(topics)}))
            await asyncio.sleep(seconds)
            try:
                async with asyncio.timeout(10):
                    while True:
                        await client.recv()
            except ConnectionClosed as closed:
                return str(closed.rcvd.code) if closed.rcvd else "gone"
            except TimeoutError:
                return "open"
