"""Alpaca's side of the wire: REST and WebSocket over the invented market, its limit a minute and its errors."""

from collections.abc import Sequence
from typing import Any

from exchanges.alpaca.sandbox_markets import Markets
from exchanges.alpaca.sandbox_rest import Answers, Wrong
from exchanges.alpaca.sandbox_socket import WRONG, Talk
from exchanges.alpaca.sandbox_streams import Streams
from exchanges.encoder import rows
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive

MOST = 200  # requests a minute
MINUTE_MS = 60_000
KEY, SECRET = "apca-api-key-id", "apca-api-secret-key"
SOCKETS = {"/v1beta3/crypto/us": True, "/v2/iex": False}  # by path: whether it is crypto


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "Alpaca"
    examples: Sequence[str] = (
        "/v2/assets?asset_class=crypto",
        "/v1beta3/crypto/us/bars?symbols=BTC/USD&timeframe=1Hour&limit=5",
        "/v1beta3/crypto/us",
    )
    keepalive: Keepalive | None = None
    lifetime_s: float | None = None

    def __init__(self, market: Invented) -> None:
        markets = Markets(market.instruments())
        self._answers = Answers(market, markets)
        self._streams = Streams(market, markets)
        self._used: dict[str, tuple[int, int]] = {}

    def answer(self, request: HttpRequest) -> HttpAnswer:
        headers = self._counted(request)
        if int(headers["x-ratelimit-remaining"]) < 0:
            wait_s = 60 - request.now_ms % MINUTE_MS // 1000
            return HttpAnswer(429, _said("too many requests.", 42910000), {**headers, "retry-after": str(wait_s)})
        try:
            if WRONG in (request.headers.get(KEY), request.headers.get(SECRET)):
                raise Wrong(401, "unauthorized")
            if request.method != "GET":
                raise Wrong(404, "endpoint not found.")
            has_keys = bool(request.headers.get(KEY) and request.headers.get(SECRET))
            return HttpAnswer(200, rows(self._answers.of(request.path, request.query, has_keys)), headers)
        except Wrong as wrong:
            return HttpAnswer(wrong.status, _said(str(wrong), wrong.code), headers)

    def _counted(self, request: HttpRequest) -> dict[str, str]:
        """Counts the request: of a key where there is one, else of the address."""
        who, minute = request.headers.get(KEY) or request.client, request.now_ms // MINUTE_MS
        before, used = self._used.get(who, (minute, 0))
        used = used + 1 if before == minute else 1
        self._used[who] = minute, used
        headers = {"x-ratelimit-limit": str(MOST), "x-ratelimit-remaining": str(MOST - used)}
        return headers | {"x-ratelimit-reset": str((minute + 1) * 60)}

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        if status == 429:
            return HttpAnswer(429, _said("too many requests.", 42910000), headers)
        if status >= 500:
            return HttpAnswer(status, b"<html><body>nginx</body></html>", headers, "text/html")
        return HttpAnswer(status, _said("forbidden."), headers)

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        path = request.path.rstrip("/")
        if path not in SOCKETS:
            return HttpAnswer(404, _said("endpoint not found."))
        key = request.headers.get(KEY, "") if request.headers.get(SECRET) else ""
        return Talk(self._streams, SOCKETS[path], key, request.now_ms)

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return self._streams.first(channel, at_ms)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._streams.frames(channel, after_ms, until_ms)


def _said(words: str, code: int = 0) -> bytes:
    body: dict[str, Any] = {"code": code, "message": words} if code else {"message": words}
    return rows(body)


_fulfils: type[Exchange] = Sandbox
