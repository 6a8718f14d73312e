"""The errors of CoinGecko: three shapes of JSON, and the HTML pages of the network before it. Pure.

Source: https://docs.coingecko.com/docs/errors-and-rate-limits
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from exchanges.errors import (
    Forbidden,
    NotAuthenticated,
    NotInPlan,
    QuotaSpent,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)

RETRY_S = 60.0  # where a refusal does not say; the limits are by the minute
LONGEST_S = 3600.0
QUOTA_S = 6 * 3600.0  # the month's credits: until when is not told, and asking costs nothing more
BY_CODE: dict[int, tuple[type[NotAuthenticated | NotInPlan], str]] = {
    10002: (NotAuthenticated, "CoinGecko: this needs a key (COINGECKO_DEMO_KEY)"),
    10005: (NotInPlan, "CoinGecko: this needs a paid plan"),
    10010: (NotAuthenticated, "CoinGecko: the key is wrong, or of a paid plan (COINGECKO_DEMO_KEY)"),
    10011: (NotAuthenticated, "CoinGecko: the key is of the free plan, at the address of the paid ones"),
}


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Exception | None:
    """The error that an answer carries; their words are cut short, and left out where they are about a key."""
    start = body.lstrip()[:1]
    page = start == b"<"
    code, said = (0, "") if start != b"{" else _said(body)
    if 200 <= status < 300:
        if page:
            return ServerFault("CoinGecko answered with a page instead of data")
        return _of(code, code, said, headers) if said else None
    if page and status in (403, 429):
        limited = status == 429 or b"1015" in body[:20_000]
        return RateLimited(_page(status), _retry_s(headers)) if limited else Forbidden(_page(status))
    if page and status < 500:
        return Refused(_page(status))
    return _of(status, code, said, headers)


def _of(status: int, code: int, said: str, headers: Mapping[str, str]) -> Exception:
    words = f"CoinGecko: {said or 'no words'} (HTTP {status}, code {code})"
    if code in BY_CODE:
        kind, ours = BY_CODE[code]
        return kind(ours)
    if status == 429 or code == 429:
        spent = "month" in said.casefold()
        return QuotaSpent(words, QUOTA_S) if spent else RateLimited(words, _retry_s(headers))
    if status == 401:
        return NotAuthenticated("CoinGecko: the key is wrong or missing (COINGECKO_DEMO_KEY)")
    if status == 403:
        return Forbidden(words)
    if status == 404:
        return UnknownMarket(words)
    if status == 408 or status >= 500:
        return ServerFault(words, _retry_s(headers) if "retry-after" in headers else None)
    return Refused(words)


def _said(body: bytes) -> tuple[int, str]:
    """Code and words of {"status": {...}}, {"error": "..."} and {"error": {"status": {...}}}; 0 and none of data."""
    try:
        given: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return 0, ""
    error = given.get("error")
    if isinstance(error, str):
        return 0, error[:200]
    status = (error if isinstance(error, dict) else given).get("status")
    if not isinstance(status, dict):
        return 0, ""
    code, words = status.get("error_code"), status.get("error_message")
    return code if isinstance(code, int) else 0, words[:200] if isinstance(words, str) else "an error without words"


def _page(status: int) -> str:
    return f"the network before CoinGecko answered with a page (HTTP {status})"


def _retry_s(headers: Mapping[str, str]) -> float:
    said = headers.get("retry-after", "")
    return min(int(said), LONGEST_S) if said.isascii() and said.isdigit() and len(said) < 10 else RETRY_S
