"""Where an event stands in Kafka: the topic's name there, the key, and the id that tells duplicates."""

import re
from hashlib import sha256
from typing import Literal

from exchanges.symbols import REPLAY, Topic
from streams.position import Position

Per = Literal["exchange", "stream", "topic"]

NAME_MAX = 249  # https://kafka.apache.org/documentation/#basic_ops_add_topic
HASH = 16  # hexadecimal digits

# Kafka allows ASCII letters, digits, and . _ - only. What else there is becomes `_x<UTF-8 in hexadecimal>_`, and so
# does an underscore before an x, so that no two names become one.
_FOREIGN = re.compile(r"[^a-zA-Z0-9._-]+|_(?=x)")


def kafka_topic(topic: str, per: Per, prefix: str) -> str:
    """The Kafka topic of our topic's events. ValueError where it is no topic."""
    named = Topic.parse(topic)
    exchange = f"{REPLAY}{named.replay}.{named.exchange}" if named.replay else named.exchange
    parts = {"exchange": (), "stream": (named.stream,), "topic": (named.stream, named.symbol)}[per]
    return _short(".".join((prefix, *map(spelled, (exchange, *parts)))))


def key(topic: str) -> bytes:
    """The symbol: what has one key keeps its order."""
    return Topic.parse(topic).symbol.encode()


def identity(topic: str, position: Position) -> str:
    """The header `id`."""
    return f"{topic}:{position.epoch}:{position.seq}"


def spelled(text: str) -> str:
    """In the letters that Kafka allows."""
    return _FOREIGN.sub(lambda found: f"_x{found[0].encode().hex()}_", text)


def _short(name: str) -> str:
    if len(name) <= NAME_MAX:
        return name
    return f"{name[: NAME_MAX - HASH - 1]}-{sha256(name.encode()).hexdigest()[:HASH]}"
