"""What the hold loops say of an exchange's connections, read from Redis; this side writes nothing there."""

import logging

import msgspec
from redis.exceptions import RedisError

from marketdata.locks import redis

log = logging.getLogger(__name__)

FRESH_S = 10  # what a loop said longer ago is of one that ended
NONE = {"connections": 0, "connected": 0, "rejected": 0}


class Said(msgspec.Struct):
    """One hold loop's word: connections it keeps, those open, frames it could not read; `at` in unix seconds, by Redis'
    clock."""

    connections: int
    connected: int
    rejected: int
    at: int
    keys_refused: str = ""  # what the exchange said of our keys
    turned_away: str = ""  # why it takes no new connection now


def of(exchange: str) -> dict[str, int] | None:
    """`connections`, `connected` and `rejected` over all hold loops; empty where nothing is streamed, None where Redis
    does not answer."""
    try:
        fresh = _fresh(exchange)
    except RedisError as error:
        log.warning("the live state of %s cannot be read: %s", exchange, error)
        return None
    return {name: sum(getattr(one, name) for one in fresh) for name in NONE} if fresh else {}


def refusals(exchange: str) -> tuple[str, str]:
    """What the exchange said of our keys on connections that are kept now, and why it takes no new ones; empty where
    it said nothing. RedisError."""
    fresh = _fresh(exchange)
    said = [[one.keys_refused for one in fresh], [one.turned_away for one in fresh]]
    keys, away = (next(filter(None, words), "") for words in said)
    return keys, away


def _fresh(exchange: str) -> list[Said]:
    said = [msgspec.json.decode(value, type=Said) for value in redis().hgetall(f"state:{exchange}").values()]
    now_s, _ = redis().time() if said else (0, 0)
    return [one for one in said if now_s - one.at <= FRESH_S]
