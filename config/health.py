"""Whether a web process answers."""

import asyncio
import sys
from collections.abc import Sequence

from config.env import load

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


async def answers(host: str, port: int, path: str, allowed_hosts: Sequence[str] = ("localhost",)) -> bool:
    """Whether a GET of the path gives 200 within two seconds."""
    name = next((name.lstrip(".") for name in allowed_hosts if name != "*"), "localhost")
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(ANYWHERE.get(host, host), port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


if __name__ == "__main__":
    # For containers: `python -m config.health PORT` ends with 0 when the web on this machine is ready.
    ready = answers("127.0.0.1", int(sys.argv[1]), "/health/ready", load().allowed_hosts)
    sys.exit(not asyncio.run(ready))
