"""The errors of Alpaca over HTTP: JSON with or without a code, or the page of a network before it. Pure.

Source: https://docs.alpaca.markets/docs/market-data-faq and https://docs.alpaca.markets/reference
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from exchanges.alpaca import frames
from exchanges.broken import BROKEN
from exchanges.errors import (
    ExchangeError,
    Forbidden,
    NotAuthenticated,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)

MINUTE_S = 60.0  # limits are by the minute
PLAN = "subscription does not permit"
NO_MARKET = ("invalid symbol", "asset not found", "symbol not found")


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError | None:
    """What is missing to a plan can be 403 or 422, so its words decide; credentials can be 401 or 403."""
    page = body.lstrip()[:1] == b"<"
    if 200 <= status < 300:
        return ServerFault("Alpaca answered with a page instead of data") if page else None
    said = _said(body)
    words = f"Alpaca: {said[:200] or 'no words'} (HTTP {status})"
    if status == 429:
        return RateLimited(words, _retry_s(headers))
    if status == 408 or status >= 500:
        return ServerFault(words, _whole(headers.get("retry-after", "")))
    if status == 401 or PLAN in said:
        return NotAuthenticated(words)
    if status == 403:
        return NotAuthenticated(words) if said else Forbidden(words)
    if status == 404 and said or any(one in said.casefold() for one in NO_MARKET):
        return UnknownMarket(words)
    return Refused(words)


def _said(body: bytes) -> str:
    try:
        return frames.refusal.decode(body).message
    except BROKEN:
        return ""


def _retry_s(headers: Mapping[str, str]) -> float:
    """`Retry-After`, or the second at which the quota changes, by their own clock; else a minute."""
    after_s = _whole(headers.get("retry-after", ""))
    if after_s is not None:
        return after_s
    reset_s = _whole(headers.get("x-ratelimit-reset", ""))
    try:
        now_s = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return MINUTE_S
    return MINUTE_S if reset_s is None else min(max(reset_s - now_s, 0.0), MINUTE_S)


def _whole(text: str) -> float | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
