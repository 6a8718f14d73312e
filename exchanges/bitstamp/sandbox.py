"""Bitstamp's side of the wire: REST and WebSocket over the invented market, with its limits and errors.

The body of a refusal is in no document beyond its response code; the words are ours.
"""

from collections.abc import Sequence

import msgspec

from exchanges.bitstamp.sandbox_limits import Requests
from exchanges.bitstamp.sandbox_markets import Markets
from exchanges.bitstamp.sandbox_rest import Answers, Wrong
from exchanges.bitstamp.sandbox_socket import Talk
from exchanges.bitstamp.sandbox_streams import Streams
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive

CODES = {429: "400.002"}
REASONS = {429: "Request rejected due to exceeded rate limit.", 503: "Bitstamp.net is under scheduled maintenance."}


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "Bitstamp"
    examples: Sequence[str] = ("/api/v2/ticker/btcusdt/", "/api/v2/ohlc/btcusdt/?step=60&limit=3")
    keepalive: Keepalive | None = Keepalive(interval_s=54.0, timeout_s=60.0)
    lifetime_s: float | None = 90 * 86_400.0

    def __init__(self, market: Invented) -> None:
        markets = Markets(market.instruments())
        self._answers = Answers(market, markets)
        self._streams = Streams(market, markets)
        self._requests = Requests()

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if not self._requests.take(request.client, request.now_ms):
            return self.refusal(429, None)
        if request.method != "GET":
            return _refused(405, "Method not allowed.")
        try:
            answer = self._answers.answer(request.path, request.query, request.now_ms)
        except Wrong as wrong:
            return _refused(wrong.status, wrong.reason)
        return HttpAnswer(200, msgspec.json.encode(answer))

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        return _refused(status, REASONS.get(status, "Request rejected."), headers)

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        return Talk(self._streams) if request.path.strip("/") == "" else _refused(404, "Not found.")

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return ()

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._streams.frames(channel, after_ms, until_ms)


def _refused(status: int, reason: str, headers: dict[str, str] | None = None) -> HttpAnswer:
    code = CODES.get(status)
    body = {"status": "error", "reason": reason, **({"response_code": code} if code else {})}
    return HttpAnswer(status, msgspec.json.encode(body), headers or {})


_fulfils: type[Exchange] = Sandbox
