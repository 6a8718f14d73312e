"""Hyperliquid's side of the wire: the info endpoint and the WebSocket over the invented market."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from exchanges.hyperliquid.sandbox_calls import Answers, Malformed
from exchanges.hyperliquid.sandbox_limits import Weights
from exchanges.hyperliquid.sandbox_markets import Markets
from exchanges.hyperliquid.sandbox_socket import Talk
from exchanges.hyperliquid.sandbox_streams import Streams
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive

UNREADABLE = b"Failed to deserialize the JSON body into the target type"


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "Hyperliquid"
    examples: Sequence[str] = ("/ws",)  # its other address, /info, takes POST alone
    keepalive: Keepalive | None = None  # pings are messages, and the client's
    lifetime_s: float | None = None

    def __init__(self, market: Invented) -> None:
        markets = Markets(market.instruments())
        self._answers = Answers(market, markets)
        self._streams = Streams(market, markets)
        self._weights = Weights()

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if request.path != "/info":
            return HttpAnswer(404, b"", content_type="text/plain")
        if request.method != "POST":
            return HttpAnswer(405, b"", {"allow": "POST"}, "text/plain")
        try:
            answer, weight = self._answers.answer(json.loads(request.body))
        except (ValueError, RecursionError, Malformed):
            return HttpAnswer(422, UNREADABLE, content_type="text/plain")
        if not self._weights.take(request.client, weight, request.now_ms):
            return self.refusal(429, None)
        return HttpAnswer(200, msgspec.json.encode(answer))

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        """`null` stands where the exchange has no words."""
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        return HttpAnswer(status, b"null", headers)

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        if request.path.rstrip("/") != "/ws":
            return HttpAnswer(404, b"", content_type="text/plain")
        return Talk(self._streams, self._posted, request.now_ms)

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return self._streams.first(channel, at_ms)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._streams.frames(channel, after_ms, until_ms)

    def _posted(self, given: Any) -> Any:
        return self._answers.answer(given)[0]


_fulfils: type[Exchange] = Sandbox
