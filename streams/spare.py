"""A copy in Redis of what was last read from the database, for a process that starts while the database is away."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.exceptions import RedisError

from exchanges.symbols import Instrument, Instruments
from streams import keys
from streams.connection import redis

log = logging.getLogger(__name__)

KEEP_S = 7 * 86_400

_read_markets = msgspec.msgpack.Decoder(list[Instrument]).decode
_read_topics = msgspec.msgpack.Decoder(set[str]).decode


@dataclass(frozen=True)
class Spare:
    """One value's copy."""

    key: str
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]
    may_be_empty: bool = False  # nothing is a value too; otherwise it is what is not known yet

    async def keep(self, value: Any) -> None:
        """A copy that cannot be made is made the next time."""
        try:
            await redis().set(self.key, self.write(value), ex=KEEP_S)
        except (RedisError, OSError) as error:
            log.debug("%s: no copy is kept: %s", self.key, error)

    async def kept(self) -> Any:
        """None where there is no copy that can be read."""
        try:
            text = await redis().get(self.key)
            return None if text is None else self.read(text)
        except (RedisError, OSError, msgspec.MsgspecError) as error:
            log.warning("%s: the copy cannot be read: %s", self.key, error)
            return None


def markets(exchange: str) -> Spare:
    """The markets of an exchange."""
    return Spare(
        keys.markets(exchange),
        lambda known: msgspec.msgpack.encode(list(known.by_symbol.values())),
        lambda text: Instruments(_read_markets(text)),
    )


PINS = Spare(keys.PINS, msgspec.msgpack.encode, _read_topics, may_be_empty=True)
