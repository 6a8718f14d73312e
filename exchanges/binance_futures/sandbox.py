"""The exchange's side of Binance USD-M Futures: REST and routed streams over the invented market."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exchanges.binance.sandbox_limits import Weights
from exchanges.binance.sandbox_parameters import Parameters, Wrong
from exchanges.binance.sandbox_rest import written
from exchanges.binance.sandbox_socket import Refused, Talk
from exchanges.binance_futures.sandbox_contracts import Contracts
from exchanges.binance_futures.sandbox_rest import ENDPOINTS, WEIGHT_LIMIT, FuturesAnswers
from exchanges.binance_futures.sandbox_streams import MARKET, PUBLIC, Routed, Streams
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive, Said

JSON = "application/json;charset=UTF-8"
KEY_NEEDED = -2014
FAULTS = {
    403: b"<html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>",
    408: b'{"code":-1007,"msg":"Timeout waiting for response from backend server."}',
    418: b'{"code":-1003,"msg":"Way too many requests; IP banned. Please use the websocket for live updates."}',
    429: b'{"code":-1003,"msg":"Too many requests; current limit of IP is 2400 requests per minute."}',
    451: b'{"code":0,"msg":"Service unavailable from a restricted location according to \'b. Eligibility\'."}',
    503: b'{"code":-1008,"msg":"Request throttled by system-level protection."}',
}
OTHER_FAULT = b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}'


class FuturesTalk(Talk):
    """Ten messages a second, whole ids; no notice of a shutdown is documented."""

    messages = 10

    def check_id(self, message_id: Any) -> None:
        whole = isinstance(message_id, int) and not isinstance(message_id, bool) and message_id >= 0
        if message_id is not None and not whole:
            raise Refused(2, "Invalid request: request ID must be an unsigned integer")

    def goodbye(self, now_ms: int) -> Iterable[Said]:
        return ()


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "Binance USD-M Futures"
    examples: Sequence[str] = (
        "/fapi/v1/time", "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=3", "/market/ws/btcusdt@aggTrade",
    )  # fmt: skip
    keepalive: Keepalive | None = Keepalive(interval_s=180.0, timeout_s=600.0)
    lifetime_s: float | None = 24 * 3600.0

    def __init__(self, market: Invented) -> None:
        contracts = Contracts(market.instruments(), market.first_ms, market.now_ms())
        self._answers = FuturesAnswers(market, contracts)
        self._streams = Streams(market, contracts)
        self._weights = Weights(WEIGHT_LIMIT)

    def answer(self, request: HttpRequest) -> HttpAnswer:
        endpoint = ENDPOINTS.get(request.path)
        if endpoint is None:
            return HttpAnswer(404, b"<html><body><h2>404 Not found</h2></body></html>", content_type="text/html")
        if request.method != "GET":
            return _wrong(405, -1000, f"Request method '{request.method}' is not supported.")
        if banned := self._weights.spend(request.client, endpoint.weight(request.query), request.now_ms):
            return self.refusal(*banned)
        headers = {"x-mbx-used-weight-1m": str(self._weights.used(request.client, request.now_ms))}
        try:
            body = written(endpoint.answer(self._answers, Parameters(request.query, endpoint.parameters)))
        except Wrong as wrong:
            return _wrong(401 if wrong.code == KEY_NEEDED else 400, wrong.code, wrong.reason, headers)
        return HttpAnswer(200, body, headers, JSON)

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        return HttpAnswer(status, FAULTS.get(status, OTHER_FAULT), headers, "text/html" if status == 403 else JSON)

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        """A path without a route gets what `/public` has."""
        route, _, rest = request.path.strip("/").partition("/")
        if route not in (PUBLIC, MARKET):
            route, rest = PUBLIC, request.path
        talk = FuturesTalk.opened(Routed(self._streams, route), rest, request.query)
        return talk or HttpAnswer(404, b"", content_type="text/html")

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return ()

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._streams.frames(channel, after_ms, until_ms)


def _wrong(status: int, code: int, reason: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    return HttpAnswer(status, written({"code": code, "msg": reason}), headers or {}, JSON)


_fulfils: type[Exchange] = Sandbox
