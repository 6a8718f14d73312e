"""CoinGecko's side of the wire: REST over the invented market, its limits a minute and its errors."""

from collections.abc import Sequence

from exchanges.coingecko.sandbox_coins import Coins
from exchanges.coingecko.sandbox_rest import Answers, Wrong, written
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive

ROOT = "/api/v3"
KEYLESS, DEMO = 15, 30  # requests a minute
MINUTE_MS = 60_000
PAGE = b"<!DOCTYPE html><html><head><title>%s | api.coingecko.com</title></head><body>Cloudflare</body></html>"
PRO_HEADER, DEMO_HEADER = "x-cg-pro-api-key", "x-cg-demo-api-key"
PRO_KEY = "If you are using Pro API key, please change your root URL to the Pro API host."
WRONG, NO_KEY = "wrong", "API Key Missing. Please make sure you're using the right authentication method."
MONTH = "You've reached the monthly limit of your plan. Please upgrade it or wait for the next month."
LIMITED = "You've exceeded the Rate Limit. Please visit the pricing page to subscribe to our API plans."


class Sandbox:
    """Fulfils exchanges.invented.Exchange."""

    title = "CoinGecko"
    examples: Sequence[str] = (
        "/api/v3/ping",
        "/api/v3/coins/markets?vs_currency=usd&ids=bitcoin&precision=full",
        "/api/v3/coins/bitcoin/ohlc?vs_currency=usd&days=1",
    )
    keepalive: Keepalive | None = None
    lifetime_s: float | None = None

    def __init__(self, market: Invented) -> None:
        self._answers = Answers(market, Coins(market.instruments()))
        self._minute = -1
        self._asked: dict[str, int] = {}

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if request.headers.get(PRO_HEADER):
            return HttpAnswer(400, written({"error": _status(10010, PRO_KEY)}))
        if request.headers.get(DEMO_HEADER) == WRONG:
            return HttpAnswer(401, written(_status(10002, NO_KEY)))
        waits_s = self._waits_s(request)
        if waits_s:
            return self.refusal(429, waits_s)
        if request.method != "GET" or not request.path.startswith(f"{ROOT}/"):
            return HttpAnswer(404, written({"error": "Incorrect path. Please check the documentation."}))
        try:
            return HttpAnswer(200, written(self._answers.of(request.path.removeprefix(ROOT), request.query)))
        except Wrong as wrong:
            body = {"error": str(wrong)} if not wrong.code else {"error": _status(wrong.code, str(wrong))}
            return HttpAnswer(wrong.status, written(body))

    def _waits_s(self, request: HttpRequest) -> int:
        """Counts the request; the seconds to wait where it is one too many."""
        if self._minute != request.now_ms // MINUTE_MS:
            self._minute, self._asked = request.now_ms // MINUTE_MS, {}
        key = request.headers.get(DEMO_HEADER)
        who = f"key {key}" if key else request.client
        self._asked[who] = self._asked.get(who, 0) + 1
        over = self._asked[who] > (DEMO if key else KEYLESS)
        return -(-(MINUTE_MS - request.now_ms % MINUTE_MS) // 1000) if over else 0

    def spent(self, request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(429, written(_status(429, MONTH)))

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        if status == 429:
            return HttpAnswer(429, written(_status(429, LIMITED)), headers)
        title = b"Access denied (1020)" if status == 403 else str(status).encode()
        return HttpAnswer(status, PAGE % title, headers, "text/html; charset=UTF-8")

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        return HttpAnswer(404, written({"error": "there is no WebSocket on this plan"}))

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return ()

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return ()


def _status(code: int, words: str) -> dict[str, object]:
    return {"status": {"error_code": code, "error_message": words}}


_fulfils: type[Exchange] = Sandbox
