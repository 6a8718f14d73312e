"""State that nobody streams: asked from the exchange once, within its budget, whoever wants it at the same moment."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from redis.exceptions import RedisError

from exchanges.contract import Card, RestKind
from exchanges.encoder import event_text
from exchanges.errors import ExchangeError, QuotaSpent, RateLimited, UnknownMarket
from exchanges.events import Event
from exchanges.symbols import Instrument
from marketdata import instruments, locks
from marketdata.asker import Asker
from marketdata.models import Symbol
from marketdata.problems import Problem

PATIENCE_S = 5.0  # for the exchange, and for another reader who asks the same
FRESH_MS = 1000  # for so long an answer serves all who want it
FAILED_S = 5.0  # after a failure the exchange is left alone for so long

Read = Callable[[Card, Instrument, int, bytes], list[Event]]


def _ticker(card: Card, of: Instrument, limit: int, body: bytes) -> list[Event]:
    return [card.rest.read_ticker(body, of, time.time_ns())]


def _depth(card: Card, of: Instrument, limit: int, body: bytes) -> list[Event]:
    return [card.rest.read_depth(body, of, time.time_ns())]


def _trades(card: Card, of: Instrument, limit: int, body: bytes) -> list[Event]:
    return list(card.rest.read_trades(body, of, time.time_ns()))[-limit:]


READ: dict[RestKind, Read] = {"ticker": _ticker, "depth": _depth, "trades": _trades}


def ask(card: Card, market: Symbol, kind: RestKind, limit: int = 1) -> list[bytes]:
    """The JSON of each event of the answer, oldest first. Problem where there can be none now."""
    if market.status == "delisted":
        raise Problem("unknown_pair", f"symbol: {card.title} no longer lists {market.symbol}.", "symbol")
    if not hasattr(card.rest, f"{kind}_request"):
        raise Problem("not_supported", f"{card.title} offers no {kind} by request; a subscription would do.")
    try:
        return _shared(card, market, kind, limit).split(b"\n")
    except ExchangeError as error:
        raise _problem(card, market, error) from None
    except RedisError as error:
        raise Problem("unavailable", f"Redis does not answer ({error}); try again.") from None


def _shared(card: Card, market: Symbol, kind: RestKind, limit: int) -> bytes:
    """The events' lines, asked by the first of those who want them."""
    name = f"asked:{card.code}:{kind}:{limit}:{market.symbol}"
    with locks.held(name, ttl_s=3 * PATIENCE_S, wait_s=PATIENCE_S) as lock:
        answered: bytes | None = locks.redis().get(name)
        if answered:
            return answered
        if lock is None or locks.is_held(f"failed:{card.code}"):
            raise Problem("unavailable", f"{card.title} does not answer; try again in {FAILED_S:g} s.")
        answered = _answer(card, instruments.instrument(market), kind, limit)
        locks.redis().set(name, answered, px=FRESH_MS)
        return answered


def _answer(card: Card, of: Instrument, kind: RestKind, limit: int) -> bytes:
    request: Any = getattr(card.rest, f"{kind}_request")
    with Asker(card, PATIENCE_S) as asker:
        body = asker.ask(request(of) if kind == "ticker" else request(of, limit=limit))
    extra = ',"sandbox":true' if settings.SANDBOX else ""
    texts = [event_text(event, card.code, extra) for event in READ[kind](card, of, limit, body)]
    return "\n".join(texts).encode()


def _problem(card: Card, market: Symbol, error: ExchangeError) -> Problem:
    match error:
        case UnknownMarket():
            return Problem("unknown_pair", f"symbol: {card.title} does not know {market.symbol}.", "symbol")
        case RateLimited() | QuotaSpent():
            again = f"try again in {error.retry_after_s:.0f} s"
            return Problem("rate_limited", f"{card.title} takes no more requests now; {again}.")
    locks.first(f"failed:{card.code}", FAILED_S)
    return Problem("unavailable", f"{card.title} gives no answer ({error}); try again in {FAILED_S:g} s.")
