"""Deribit's errors: JSON-RPC codes, over HTTP mostly with status 400.

Source: https://docs.deribit.com/articles/errors
"""

from collections.abc import Mapping

from msgspec import UNSET, MsgspecError

from exchanges.deribit import frames
from exchanges.errors import (
    ExchangeError,
    Forbidden,
    NotAuthenticated,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)

TOO_MANY, TOO_MANY_AT_ONCE = 10028, 10066
RAW_NEEDS_LOGIN = 13778
LIMITED = {TOO_MANY, TOO_MANY_AT_ONCE}
# retry, settlement in progress, queue full, maintenance, internal, temporarily unavailable, timed out
PASSING = {10040, 10041, 10047, 11051, 11094, 13028, 13888}
CREDENTIALS = {13004, 13009, RAW_NEEDS_LOGIN}
NOT_FOUND, WRONG_PARAMETERS = 13020, {-32602, 11050}
LIMITED_S, MAINTENANCE_S = 2.0, 30.0  # what to wait; they do not say
MAINTENANCE = 11051


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError | None:
    """The error of an HTTP answer; the body says more than the status."""
    error = _error_of(body) if status >= 400 or b'"error"' in body[:300] else None
    if error is not None and status not in (403, 451):
        return meaning(error, f"HTTP {status}: ")
    if status < 400:
        return None
    reason = f"HTTP {status}"
    if status == 429:
        return RateLimited(reason, _after_s(headers) or LIMITED_S)
    if status in (403, 451):
        return Forbidden(reason)
    return ServerFault(reason, _after_s(headers)) if status >= 500 else Refused(reason)


def meaning(error: frames.Error, prefix: str = "") -> ExchangeError:
    """What a code asks of us."""
    reason = f"{prefix}{worded(error)}"
    if error.code in LIMITED:
        return RateLimited(reason, LIMITED_S)
    if error.code in PASSING:
        return ServerFault(reason, MAINTENANCE_S if error.code == MAINTENANCE else None)
    if error.code in CREDENTIALS:
        return NotAuthenticated(reason)
    if error.code == NOT_FOUND or (error.code in WRONG_PARAMETERS and _param(error) == "instrument_name"):
        return UnknownMarket(reason)
    return Refused(reason)


def worded(error: frames.Error) -> str:
    """Code and words; never what we sent."""
    detail = error.data.get("reason") if isinstance(error.data, dict) else None
    return f"{error.code} {error.message[:200]}" + (f" ({str(detail)[:100]})" if detail else "")


def _param(error: frames.Error) -> object:
    return error.data.get("param") if isinstance(error.data, dict) else None


def _error_of(body: bytes) -> frames.Error | None:
    try:
        error = frames.answer(body).error
    except (MsgspecError, UnicodeError, RecursionError):
        return None
    return None if error is UNSET else error


def _after_s(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return min(float(value), 3600.0) if value.isascii() and value.isdigit() else None
