"""Replays that tests play on a real Redis; what was told is read from the history."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from channels.layers import get_channel_layer

from exchanges import registry
from recordings.replay.player import Player
from recordings.replay.script import Script
from streams import keys, lease
from streams.connection import redis
from streams.lease import Lease

Event = dict[str, Any]


def written(path: Path, texts: Iterable[bytes]) -> Path:
    """A file of these lines."""
    path.write_bytes(b"".join(text + b"\n" for text in texts))
    return path


async def player(script: Script, name: str = "one", taken: Lease | None = None, **options: Any) -> Player:
    taken = taken or await lease.take(redis(), keys.lease("replay", script.replay), name)
    assert taken is not None
    given = {"history_events": 10**7, "history_bytes": 2**28, **options}
    return Player(script, redis(), get_channel_layer(), registry.cards(), taken, name, **given)


async def told(topic: str) -> list[Event]:
    """Of the topic, in order."""
    entries = await redis().xrange(keys.history(topic))
    return [json.loads(text) for _, entry in entries for text in entry[b"events"].split(b"\n")]


def ids(events: Iterable[Event]) -> list[int]:
    return [int(event["trade_id"]) for event in events if event["event"] == "trade"]
