"""State that nobody streams: asked from the exchange once, within its budget, whoever wants it at the same moment."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from redis.exceptions import RedisError

from exchanges.contract import Card, RestKind
from exchanges.encoder import event_text
from exchanges.errors import ExchangeError
from exchanges.events import Event
from exchanges.symbols import Instrument
from marketdata import instruments, locks, refusals
from marketdata.asker import Asker
from marketdata.models import Symbol
from marketdata.problems import Problem

PATIENCE_S = 5.0  # for the exchange, and for another reader who asks the same
FRESH_MS = 1000  # for so long an answer serves all who want it

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
        came = f"symbol: {market.symbol!r} came, which {card.title} no longer lists"
        would = f"symbols/?exchange={card.code}&status=trading lists what would do"
        raise Problem("unknown_pair", f"{came}; {would}.", "symbol")
    if not hasattr(card.rest, f"{kind}_request"):
        raise Problem("not_supported", f"{card.title} offers no {kind} by request; a subscription would do.")
    try:
        return _shared(card, market, kind, limit).split(b"\n")
    except ExchangeError as error:
        raise refusals.problem(card, market, error) from None
    except RedisError as error:
        raise Problem("unavailable", f"Redis does not answer ({error}); try again.") from None


def _shared(card: Card, market: Symbol, kind: RestKind, limit: int) -> bytes:
    """The events' lines, asked by the first of those who want them."""
    name = f"asked:{card.code}:{kind}:{limit}:{market.symbol}"
    with locks.held(name, ttl_s=3 * PATIENCE_S, wait_s=PATIENCE_S) as lock:
        answered: bytes | None = locks.redis().get(name)
        if answered:
            return answered
        refused = refusals.known(card, f"{kind}:{market.symbol}")
        if refused:
            raise refused
        if lock is None:
            raise Problem("unavailable", f"{card.title} has not answered another reader yet; try again soon.")
        try:
            answered = _answer(card, instruments.instrument(market), kind, limit)
        except ExchangeError as error:
            refusals.heard(card, f"{kind}:{market.symbol}", error)
            raise
        locks.redis().set(name, answered, px=FRESH_MS)
        return answered


def _answer(card: Card, of: Instrument, kind: RestKind, limit: int) -> bytes:
    request: Any = getattr(card.rest, f"{kind}_request")
    with Asker(card, PATIENCE_S) as asker:
        body = asker.ask(request(of) if kind == "ticker" else request(of, limit=limit))
    extra = ',"sandbox":true' if settings.SANDBOX else ""
    texts = [event_text(event, card.code, extra) for event in READ[kind](card, of, limit, body)]
    return "\n".join(texts).encode()
