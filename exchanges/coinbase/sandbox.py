"""Coinbase's side of the wire: Advanced Trade and Exchange, REST and streams, over the invented market."""

from collections import deque
from collections.abc import Sequence

from exchanges.coinbase.sandbox_products import Products
from exchanges.coinbase.sandbox_rest import Answers, Wrong, written
from exchanges.coinbase.sandbox_socket import Talk
from exchanges.coinbase.sandbox_streams import Streams
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive

REQUESTS_PER_S = 30  # an address, of both interfaces together; the documents say 10 of each, with bursts
FAULTS = {
    403: {"message": "Forbidden"},
    429: {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]},
    451: {"message": "Unavailable For Legal Reasons"},
}
OTHER_FAULT = {"error": "INTERNAL", "code": 13, "message": "Internal server error", "details": []}


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "Coinbase (Advanced Trade and Exchange)"
    examples: Sequence[str] = (
        "/api/v3/brokerage/time",
        "/api/v3/brokerage/market/products",
        "/products/BTC-USD/trades",
    )
    keepalive: Keepalive | None = None
    lifetime_s: float | None = None

    def __init__(self, market: Invented) -> None:
        products = Products(market.instruments())
        self._answers = Answers(market, products)
        self._streams = Streams(market, products)
        self._asked_ms: dict[str, deque[int]] = {}

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if self._too_many(request.client, request.now_ms):
            return self.refusal(429, None)
        if request.method != "GET":
            return HttpAnswer(405, written({"message": "Method Not Allowed"}))
        try:
            answer = self._answers.answer(request.path, request.query)
        except Wrong as wrong:
            return HttpAnswer(wrong.status, written(wrong.body))
        if answer is None:
            return HttpAnswer(404, written({"message": "NotFound"}))
        return HttpAnswer(200, written(answer), {"cache-control": "public, max-age=1"})

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        return HttpAnswer(status, written(FAULTS.get(status, OTHER_FAULT)), headers)

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        return Talk(self._streams) if request.path in ("", "/") else HttpAnswer(404, b"", content_type="text/html")

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return self._streams.first(channel, at_ms)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._streams.frames(channel, after_ms, until_ms)

    def _too_many(self, client: str, now_ms: int) -> bool:
        asked = self._asked_ms.setdefault(client, deque())
        while asked and asked[0] <= now_ms - 1000:
            asked.popleft()
        if len(asked) >= REQUESTS_PER_S:
            return True
        asked.append(now_ms)
        return False


_fulfils: type[Exchange] = Sandbox
