"""What a source refused, and why: remembered, so that nobody asks the same for a while, and told in words that help."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from math import ceil

import msgspec
from django.utils.crypto import salted_hmac
from redis.exceptions import RedisError

from exchanges.contract import Card
from exchanges.errors import (
    ExchangeError,
    NotAuthenticated,
    QuotaSpent,
    RateLimited,
    Refused,
    Skip,
    Stop,
    UnknownMarket,
    Unreachable,
    verdict,
)
from marketdata import times
from marketdata.locks import redis
from marketdata.models import Symbol
from marketdata.problems import Problem

FAILED_S = 5.0  # after a failure that passes the exchange is left alone for so long
REFUSED_S = 3600.0  # keys are mended, plans change and markets come back; nothing of it soon
KINDS: dict[str, Callable[[str, float], ExchangeError]] = {
    "QuotaSpent": QuotaSpent,
    "RateLimited": RateLimited,
    "NotAuthenticated": lambda words, _: NotAuthenticated(words),
    "UnknownMarket": lambda words, _: UnknownMarket(words),
    "Refused": lambda words, _: Refused(words),
    "Unreachable": lambda words, _: Unreachable(words),
}


def heard(of: Card, name: str, error: ExchangeError) -> None:
    """Remembers the error: where asking again cannot help, of the request of this name; else of the whole exchange."""
    what = verdict(error)
    kind = next((one.__name__ for one in type(error).__mro__ if one.__name__ in KINDS), "Unreachable")
    key = _key(of, name) if isinstance(what, Stop | Skip) else _key(of)
    after_s = REFUSED_S if isinstance(what, Stop) else FAILED_S
    if isinstance(error, RateLimited):
        after_s = error.retry_after_s
    with suppress(RedisError):  # what is not remembered is asked once more
        redis().set(key, msgspec.json.encode((kind, str(error))), px=max(1, int(after_s * 1000)))


def known(of: Card, name: str) -> ExchangeError | None:
    """What keeps the request of this name from being asked now; under other keys it may be asked."""
    try:
        kept = [(redis().get(key), redis().pttl(key)) for key in (_key(of, name), _key(of))]
    except RedisError:
        return None
    for said, left_ms in kept:
        if said is not None:
            kind, words = msgspec.json.decode(said, type=tuple[str, str])
            return KINDS[kind](words, max(left_ms, 0) / 1000)
    return None


def problem(of: Card, market: Symbol, error: ExchangeError) -> Problem:
    """The refusal as users see it: the field, what came, and what would do."""
    match error:
        case UnknownMarket():
            would = f"symbols/?exchange={of.code}&status=trading lists what would do"
            came = f"symbol: {market.symbol!r} came, which {of.title} does not know"
            return Problem("unknown_pair", f"{came} ({error}); {would}.", "symbol")
        case NotAuthenticated():
            would = f"{' and '.join(of.key_names) or 'a key'} in the environment and a restart would do"
            came = f"exchange: {of.code!r} came; {of.title} asks for a key that is right ({error})"
            return Problem("unavailable", f"{came}; {would}.", "exchange")
        case RateLimited(retry_after_s=after_s):
            at = datetime.fromtimestamp(times.now_ms() / 1000 + after_s, UTC)
            came = f"exchange: {of.code!r} came; {of.title} takes no more requests now ({error})"
            again = f"try again in {ceil(after_s)} s, at {at:%Y-%m-%d %H:%M:%S} UTC"
            return Problem("rate_limited", f"{came}; {again}.", "exchange", after_s)
        case Refused():
            return Problem(
                "not_supported", f"exchange: {of.code!r} came; {of.title} refuses this ({error}).", "exchange"
            )
    words = f"exchange: {of.code!r} came; {of.title} gives no answer ({error}); try again in {FAILED_S:g} s."
    return Problem("unavailable", words, "exchange", FAILED_S)


def _key(of: Card, name: str = "") -> str:
    """With a fingerprint of the keys, so that what was said of one does not stand for another."""
    mark = salted_hmac("refusals", repr(sorted(of.keys.items()))).hexdigest()[:12]
    return f"refused:{of.code}:{mark}:{name}"
