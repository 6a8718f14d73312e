"""Deribit's side of the wire: JSON-RPC over HTTP and WebSocket over the invented market."""

from collections.abc import Sequence
from typing import Any

import msgspec

from exchanges.deribit.sandbox_calls import CALLS, Answers
from exchanges.deribit.sandbox_channels import Channels
from exchanges.deribit.sandbox_markets import Markets
from exchanges.deribit.sandbox_parameters import Parameters, Wrong, call_of
from exchanges.deribit.sandbox_socket import Talk, stamps
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive

ROOT = "/api/v2"
FAULTS = {429: (10028, "too_many_requests"), 503: (13028, "temporarily_unavailable"), 504: (13888, "timed_out")}
OTHER_FAULT = (11094, "internal_server_error")
FORBIDDEN = b"<html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>"


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "Deribit"
    examples: Sequence[str] = (
        f"{ROOT}/public/get_time",
        f"{ROOT}/public/ticker?instrument_name=BTC-PERPETUAL",
        f"/ws{ROOT}",
    )
    keepalive: Keepalive | None = None  # heartbeats are messages, where a client asks for them
    lifetime_s: float | None = None

    def __init__(self, market: Invented) -> None:
        self._market = market
        markets = Markets(market.instruments(), market.now_ms())
        self._answers = Answers(market, markets)
        self._channels = Channels(market, markets)

    def answer(self, request: HttpRequest) -> HttpAnswer:
        number: Any = None
        try:
            if request.path == ROOT and request.method == "POST":
                call = call_of(request.body)
                number, method, given = call.get("id"), call["method"], call["params"]
            else:
                method, given = request.path.removeprefix(f"{ROOT}/"), request.query
            return self._said(200, number, result=self._call(method, Parameters(given)))
        except Wrong as wrong:
            return self._said(400, number, error=wrong.error)

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        if status in (403, 451):
            return HttpAnswer(status, FORBIDDEN, headers, "text/html")
        code, message = FAULTS.get(status, OTHER_FAULT)
        answer = self._said(status, None, error={"message": message, "code": code})
        return HttpAnswer(status, answer.body, headers)

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        if request.path.rstrip("/") != f"/ws{ROOT}":
            return HttpAnswer(404, b"", content_type="text/html")
        return Talk(self._channels, self._call)

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return self._channels.first(channel, at_ms)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._channels.frames(channel, after_ms, until_ms)

    def _call(self, method: str, given: Parameters) -> Any:
        call = CALLS.get(method)
        if call is None:
            raise Wrong(-32601, "Method not found")
        return call(self._answers, given)

    def _said(self, status: int, number: Any, **said: Any) -> HttpAnswer:
        head = {"jsonrpc": "2.0", **({} if number is None else {"id": number})}
        return HttpAnswer(status, msgspec.json.encode({**head, **said, **stamps(self._market.now_ms())}))


_fulfils: type[Exchange] = Sandbox
