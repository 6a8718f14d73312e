"""What streams/ says of an exchange's connections, read from Redis; this side writes nothing there."""

import logging

from redis.exceptions import RedisError

from marketdata.locks import redis

log = logging.getLogger(__name__)


def of(exchange: str) -> dict[str, str] | None:
    """The fields of `state:<exchange>`; empty where nothing is streamed, None where Redis does not answer."""
    try:
        fields = redis().hgetall(f"state:{exchange}")
    except RedisError as error:
        log.warning("the live state of %s cannot be read: %s", exchange, error)
        return None
    return {name.decode(): value.decode() for name, value in fields.items()}
