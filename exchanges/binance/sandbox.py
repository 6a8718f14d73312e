"""Binance's side of the wire: REST and streams over the invented market, with its weights and errors."""

from collections.abc import Mapping, Sequence

from exchanges.binance.sandbox_limits import BAN_MS, Weights
from exchanges.binance.sandbox_markets import Markets
from exchanges.binance.sandbox_parameters import Parameters, Wrong
from exchanges.binance.sandbox_rest import ENDPOINTS, Answers, written
from exchanges.binance.sandbox_socket import Talk
from exchanges.binance.sandbox_streams import Streams
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive

FAULTS = {
    403: b"<html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>",
    418: b'{"code":-1003,"msg":"Way too much request weight used; IP banned. Please use WebSocket Streams."}',
    429: b'{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE."}',
    451: b'{"code":0,"msg":"Service unavailable from a restricted location according to \'b. Eligibility\'."}',
    504: b'{"code":-1007,"msg":"Timeout waiting for response from backend server."}',
}
OTHER_FAULT = b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}'


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "Binance spot"
    examples: Sequence[str] = ("/api/v3/time", "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=3", "/ws/btcusdt@trade")
    keepalive: Keepalive | None = Keepalive(interval_s=20.0, timeout_s=60.0)
    lifetime_s: float | None = 24 * 3600.0

    def __init__(self, market: Invented) -> None:
        self._market = market
        self._markets = Markets(market.instruments())
        self._answers = Answers(market, self._markets)
        self._streams = Streams(market, self._markets)
        self._weights = Weights()

    def answer(self, request: HttpRequest) -> HttpAnswer:
        endpoint = ENDPOINTS.get(request.path)
        if endpoint is None:
            return HttpAnswer(404, b"<html><body><h2>404 Not found</h2></body></html>", content_type="text/html")
        if request.method != "GET":
            return _wrong(405, -1000, f"Request method '{request.method}' is not supported.")
        weight = endpoint.weight(request.query)
        banned = self._weights.spend(request.client, weight, request.now_ms)
        if banned:
            return self.refusal(*banned)
        headers = {"x-mbx-used-weight": str(self._weights.used(request.client, request.now_ms))}
        headers["x-mbx-used-weight-1m"] = headers["x-mbx-used-weight"]
        try:
            parameters = Parameters(request.query, endpoint.parameters)
            body = written(endpoint.answer(self._answers, parameters))
        except Wrong as wrong:
            return _wrong(400, wrong.code, wrong.reason, headers)
        return HttpAnswer(200, body, headers, "application/json;charset=UTF-8")

    def spent(self, request: HttpRequest) -> HttpAnswer:
        return self.refusal(418, BAN_MS // 1000)

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        body = FAULTS.get(status, OTHER_FAULT)
        return HttpAnswer(status, body, headers, "text/html" if status == 403 else "application/json;charset=UTF-8")

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        return Talk.opened(self._streams, request.path, request.query) or HttpAnswer(404, b"", content_type="text/html")

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return ()

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._streams.frames(channel, after_ms, until_ms)


def _wrong(status: int, code: int, reason: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    body = written({"code": code, "msg": reason})
    return HttpAnswer(status, body, headers or {}, "application/json;charset=UTF-8")


_fulfils: type[Exchange] = Sandbox
