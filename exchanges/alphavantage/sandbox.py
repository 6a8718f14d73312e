"""Alpha Vantage's side of the wire: one URL over the invented market; errors and limits inside HTTP 200."""

from collections.abc import Sequence

from exchanges.alphavantage import sandbox_words as words
from exchanges.alphavantage.sandbox_answers import Answers, Refusal
from exchanges.alphavantage.sandbox_markets import Markets
from exchanges.encoder import rows
from exchanges.invented import Channel, Conversation, Exchange, HttpAnswer, HttpRequest, Invented, Keepalive

WRONG = "wrong"  # the only key that is none
PREMIUM = "premium"  # a key that begins so has a premium plan here
A_DAY, BURST_MS, DAY_MS = 25, 1000, 86_400_000
CSV = "application/x-download"


class Sandbox:
    """Fulfils exchanges.invented.Exchange. Any key but `wrong` is taken, `demo` too."""

    title = "Alpha Vantage"
    examples: Sequence[str] = (
        "/query?function=CURRENCY_EXCHANGE_RATE&from_currency=BTC&to_currency=USD&apikey=any",
        "/query?function=TIME_SERIES_DAILY&symbol=IBM&apikey=any",
    )
    keepalive: Keepalive | None = None
    lifetime_s: float | None = None

    def __init__(self, market: Invented) -> None:
        self._answers = Answers(market, Markets(market.instruments()))
        self._asked: dict[str, tuple[int, int, int]] = {}  # by key: the day, requests in it, when the last one was

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if request.path in ("/digital_currency_list/", "/physical_currency_list/"):
            return HttpAnswer(200, self._answers.currencies(request.path), content_type=CSV)
        if request.path != "/query" or request.method != "GET":
            return HttpAnswer(404, b"<html><h1>Not Found</h1></html>", content_type="text/html")
        key = request.query.get("apikey", "")
        if not key or key == WRONG:
            return _said("Error Message", words.NO_KEY)
        premium = key.startswith(PREMIUM)
        limited = "" if premium else self._limited(key, request.now_ms)
        if limited:
            return _said("Information", limited)
        try:
            body = self._answers.of(request.query, premium)
        except Refusal as refusal:
            return _said(refusal.key, str(refusal))
        return HttpAnswer(200, body, content_type=CSV) if isinstance(body, bytes) else HttpAnswer(200, rows(body))

    def _limited(self, key: str, now_ms: int) -> str:
        """Counts the request; the words of a refusal."""
        day, count, last_ms = self._asked.get(key, (-1, 0, 0))
        if day != now_ms // DAY_MS:
            day, count = now_ms // DAY_MS, 0
        self._asked[key] = (day, count + 1, now_ms)
        if count >= A_DAY:
            return words.QUOTA.format(key=key)
        return words.BURST if now_ms - last_ms < BURST_MS else ""

    def spent(self, request: HttpRequest) -> HttpAnswer:
        return _said("Information", words.QUOTA.format(key=request.query.get("apikey", "")))

    def refusal(self, status: int, retry_after_s: int | None) -> HttpAnswer:
        return HttpAnswer(status, b"<html><h1>%d</h1></html>" % status, content_type="text/html")

    def connect(self, request: HttpRequest) -> Conversation | HttpAnswer:
        return HttpAnswer(404, b"<html><h1>Not Found</h1></html>", content_type="text/html")

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return ()

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return ()


def _said(key: str, text: str) -> HttpAnswer:
    return HttpAnswer(200, rows({key: text}))


_fulfils: type[Exchange] = Sandbox
