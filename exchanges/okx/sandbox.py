"""OKX's side of the wire: REST and channels over the invented market, with its limits and errors."""

from collections.abc import Sequence
from itertools import count

from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive
from exchanges.okx.sandbox_limits import Rates
from exchanges.okx.sandbox_listings import listings
from exchanges.okx.sandbox_parameters import Parameters, Wrong
from exchanges.okx.sandbox_rest import ENDPOINTS, Answers, written
from exchanges.okx.sandbox_socket import Talk
from exchanges.okx.sandbox_streams import BUSINESS, PUBLIC, Streams

FAULTS = {
    403: ("50110", "Your IP is not included in your API key's IP whitelist."),
    418: ("50011", "Requests too frequent"),
    429: ("50011", "Requests too frequent"),
    451: ("50125", "Resource restricted in your region."),
    503: ("50001", "Service temporarily unavailable. Try again later."),
    504: ("50004", "API endpoint request timed out."),
}
OTHER_FAULT = ("50026", "System error. Try again later.")


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "OKX"
    examples: Sequence[str] = (
        "/api/v5/public/time",
        "/api/v5/market/candles?instId=BTC-USDT&bar=1m&limit=3",
        "/ws/v5/public",
    )
    keepalive: Keepalive | None = None  # the client asks, by the text `ping`
    lifetime_s: float | None = None

    def __init__(self, market: Invented) -> None:
        self._listed = {listing.name: listing for listing in listings(market.instruments())}
        self._answers = Answers(market, self._listed)
        self._streams = Streams(market, self._listed)
        self._rates = Rates()
        self._connections = count(1)

    def answer(self, request: HttpRequest) -> HttpAnswer:
        endpoint = ENDPOINTS.get(request.path)
        if endpoint is None or request.method != "GET":
            return _said(404, "404", "Not Found")
        if not self._rates.take(request.client, request.path, endpoint.most, request.now_ms):
            return self.refusal(429, None)
        try:
            data = endpoint.answer(self._answers, Parameters(request.query, self._listed))
        except Wrong as wrong:
            # What is missing is an error of HTTP, what is not known comes with a 200.
            return _said(400 if wrong.code.startswith("500") else 200, wrong.code, wrong.reason)
        return HttpAnswer(200, written({"code": "0", "msg": "", "data": data}))

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        return _said(status, *FAULTS.get(status, OTHER_FAULT))

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        door = request.path.removeprefix("/ws/v5/")
        if door not in (PUBLIC, BUSINESS):
            return HttpAnswer(404, b"", content_type="text/plain")
        return Talk(self._streams, door, next(self._connections))

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return self._streams.first(channel, at_ms)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._streams.frames(channel, after_ms, until_ms)


def _said(status: int, code: str, words: str) -> HttpAnswer:
    return HttpAnswer(status, written({"code": code, "msg": words, "data": []}))


_fulfils: type[Exchange] = Sandbox
