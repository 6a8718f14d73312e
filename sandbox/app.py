"""The application: which request and which connection goes to which exchange."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from exchanges.invented import Conversation, Exchange, HttpAnswer, HttpRequest, Rationed
from exchanges.symbols import Instruments
from sandbox.client import Client
from sandbox.fault_commands import FaultCommands
from sandbox.faults import Faults
from sandbox.listed import Listed
from sandbox.market import Market
from sandbox.page import page
from sandbox.pump import Pump
from sandbox.wire import Wire

BODY_LIMIT_BYTES = 1_048_576
LIFETIME_OVER = 1001
A_DAY_S = 86_400
WARM_UP_PAUSE_S = 0.01
logger = logging.getLogger(__name__)


class Application:
    """ASGI. `exchanges` are by code, the first part of the path."""

    def __init__(self, market: Market, exchanges: Mapping[str, Exchange], about: str, lifetime_s: float | None) -> None:
        """`about` is a line for people; `lifetime_s` of connections, where it is not the exchange's own."""
        self.lifetime_s = lifetime_s
        self.market = market
        self.exchanges = exchanges
        self._listed = Listed(market, exchanges)
        self.seen: dict[str, Counter[str]] = {code: Counter(requests=0, connections=0) for code in exchanges}
        self.about = about
        self.clients: dict[Client, None] = {}
        self.faults = Faults(self.clients, market.now_ms, _later)
        right_ms = market.now_ms
        market.now_ms = lambda: right_ms() + self.faults.ahead_ms
        self.pump = Pump(market.now_ms, self.faults)
        self._fault_commands = FaultCommands(self.faults, exchanges, Instruments(market.instruments()))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        request = self._request(scope, await _body(receive))
        code, _, rest = request.path.lstrip("/").partition("/")
        exchange = self._exchange(code, "requests")
        below = _below(request, f"/{rest}")
        answer = await self._exchange_answer(code, exchange, below) if exchange else self._own(request)
        head = {"content-type": answer.content_type, "content-length": str(len(answer.body)), **answer.headers}
        headers = [(name.encode(), value.encode()) for name, value in head.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _exchange_answer(self, code: str, exchange: Exchange, request: HttpRequest) -> HttpAnswer:
        """The exchange's answer, or what the faults make of it."""
        delay_s = self.faults.delay_s(code, request.path)
        if delay_s:
            await asyncio.sleep(delay_s)
        if self.faults.spends(code, request.path):
            return exchange.spent(request) if isinstance(exchange, Rationed) else exchange.refusal(429, A_DAY_S)
        status = self.faults.status(code, request.path)
        return exchange.refusal(*status) if status else exchange.answer(request)

    def _exchange(self, code: str, counted: str) -> Exchange | None:
        """As it is now; what was asked of it is counted."""
        if code in self.seen:
            self.seen[code][counted] += 1
        return self._listed.of(code, self.faults.delisted(code))

    def _own(self, request: HttpRequest) -> HttpAnswer:
        """What is not an exchange's: the faults and the page."""
        if request.path.partition("/")[2].partition("/")[0] == "faults":
            return self._fault_commands.answer(request)
        if request.path == "/seen":
            return HttpAnswer(200, json.dumps(self.seen).encode() + b"\n")
        text = page(request.headers.get("host", ""), self.exchanges, self.about)
        status = 200 if request.path == "/" else 404
        return HttpAnswer(status, text.encode(), content_type="text/plain; charset=utf-8")

    async def _websocket(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        request = self._request(scope, b"")
        code, _, rest = request.path.lstrip("/").partition("/")
        exchange = self._exchange(code, "connections")
        if exchange is None:
            await _refuse(send, HttpAnswer(404, b"no such exchange\n", content_type="text/plain"))
            return
        refused = self.faults.refuses(code)
        if refused:
            await _refuse(send, exchange.refusal(refused, None))
            return
        talk = exchange.connect(_below(request, f"/{rest}"))
        if isinstance(talk, HttpAnswer):
            await _refuse(send, talk)
            return
        await send({"type": "websocket.accept"})
        wire = scope["extensions"]["wire"]
        await self._serve(Client(code, exchange, talk, wire, self.faults, request.now_ms), talk, wire, receive)

    async def _serve(self, client: Client, talk: Conversation, wire: Wire, receive: Any) -> None:
        """Until the client goes."""
        keepalive = client.exchange.keepalive
        if keepalive:
            wire.keep_alive(keepalive.interval_s, keepalive.timeout_s)
        wire.on_control = lambda: client.say(talk.control(self.market.now_ms()))
        self.clients[client] = None
        try:
            client.say(talk.opening(self.market.now_ms()))
            self.pump.settle(client)
            while (message := await receive())["type"] == "websocket.receive":
                frame = message["text"] if message.get("text") is not None else message["bytes"]
                client.say(talk.receive(frame, self.market.now_ms()))
                self.pump.settle(client)
        finally:
            self.pump.forget(client)
            self.clients.pop(client, None)

    async def warm_up(self) -> None:
        """Prepares the markets beside the work; a first look at all of them would stop the streams for a while."""
        for _ in self.market.prepare():
            await asyncio.sleep(WARM_UP_PAUSE_S)

    async def housekeeping(self) -> None:
        """Once a second, for ever: heartbeats, and the end of connections that are too old."""
        while True:
            await asyncio.sleep(1)
            for client in list(self.clients):
                try:
                    self._keep(client, self.market.now_ms())
                except Exception:  # one exchange's mistake must not end the others' heartbeats
                    logger.exception("a heartbeat could not be sent")

    def _keep(self, client: Client, now_ms: int) -> None:
        lifetime_s = self.lifetime_s or client.exchange.lifetime_s
        if lifetime_s and now_ms - client.since_ms >= lifetime_s * 1000:
            client.wire.hang_up(LIFETIME_OVER)
        else:
            client.say(client.conversation.tick(now_ms))

    def farewell(self) -> None:
        """What the exchanges say before the server ends."""
        for client in list(self.clients):
            client.farewell(self.market.now_ms())

    def _request(self, scope: Any, body: bytes) -> HttpRequest:
        return HttpRequest(
            method=scope.get("method", "GET"),
            path=scope["path"],
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            client=scope["client"][0] if scope["client"] else "",
            now_ms=self.market.now_ms(),
        )


def _later(seconds: float, run: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, run)


async def _body(receive: Any) -> bytes:
    """The whole body, cut at a size that no exchange's request has."""
    body, more = b"", True
    while more and len(body) <= BODY_LIMIT_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _refuse(send: Any, answer: HttpAnswer) -> None:
    headers = [(b"content-type", answer.content_type.encode())]
    headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": answer.body})


def _below(request: HttpRequest, path: str) -> HttpRequest:
    """The same request with the exchange's own path."""
    return replace(request, path=path)
