"""A small HTTP server on a free port for the client's tests: answers from a script, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Answer:
    """What the server writes, or how it fails to."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False  # never answer
    cut: bool = False  # announce more than is sent


@dataclass
class Server:
    url: str
    asked: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)  # one for each request; the last one stays


@asynccontextmanager
async def http_server(*answers: Answer) -> AsyncIterator[Server]:
    server = Server("", answers=list(answers))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve(server, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listening.close()


async def _serve(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    server.asked.append(request)
    answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
    if answer.hang:
        await reader.read()
        return
    length = len(answer.body) + (10 if answer.cut else 0)
    headers = {"Content-Length": str(length), "Connection": "close", **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body)
    await writer.drain()
