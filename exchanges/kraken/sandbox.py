"""Kraken's side of the wire: REST and WebSocket v2 over the invented market, errors inside HTTP 200."""

from collections.abc import Sequence

from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive
from exchanges.kraken.sandbox_limits import Calls
from exchanges.kraken.sandbox_markets import Markets
from exchanges.kraken.sandbox_rest import ENDPOINTS, Answers, Wrong, refused, written
from exchanges.kraken.sandbox_socket import Talk
from exchanges.kraken.sandbox_streams import Streams

# Kraken answers with 200; what comes with another status is its content network's.
FAULTS = {
    418: b'{"error":["EGeneral:Temporary lockout"]}',
    429: b'{"error":["EAPI:Rate limit exceeded"]}',
    503: b'{"error":["EService:Unavailable"]}',
}
PAGE = b"<html><head><title>%d</title></head><body><center>cloudflare</center></body></html>"


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "Kraken spot"
    examples: Sequence[str] = ("/0/public/Time", "/0/public/OHLC?pair=XBTUSDT&interval=60", "/v2")
    keepalive: Keepalive | None = None
    lifetime_s: float | None = None

    def __init__(self, market: Invented) -> None:
        markets = Markets(market.instruments())
        self._answers = Answers(market, markets)
        self._streams = Streams(market, markets)
        self._calls = Calls()

    def answer(self, request: HttpRequest) -> HttpAnswer:
        endpoint = ENDPOINTS.get(request.path)
        if endpoint is None:
            return HttpAnswer(200, refused("EGeneral:Unknown method"))
        if request.method not in ("GET", "POST"):
            return HttpAnswer(405, PAGE % 405, content_type="text/html")
        if not self._calls.spend(request.client, request.now_ms):
            return HttpAnswer(200, refused("EAPI:Rate limit exceeded"))
        try:
            return HttpAnswer(200, written(endpoint(self._answers, request.query)))
        except Wrong as wrong:
            return HttpAnswer(200, refused(str(wrong)))

    def spent(self, request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(200, refused("EAPI:Rate limit exceeded"))

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        body = FAULTS.get(status)
        if body is None:
            return HttpAnswer(status, PAGE % status, headers, "text/html")
        return HttpAnswer(status, body, headers)

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        if request.path.rstrip("/") != "/v2":
            return HttpAnswer(404, PAGE % 404, content_type="text/html")
        return Talk(self._streams)

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return self._streams.first(channel, at_ms)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._streams.frames(channel, after_ms, until_ms)


_fulfils: type[Exchange] = Sandbox
