"""How true a replay is to the recorded delays, and how fast it goes at full speed, beside reading the same file alone.

    python -m bench.replay RECORDING... [--exchange CODE] [--no-pace]

RECORDING is a folder or a file. Twice through the engine alone, for the hash; at full speed through the real publisher
into a Redis of its own; and, unless --no-pace, at speed 1, where another process hears what a web process
would. The peer reads the same lines with json and a pydantic model and writes JSON again: no feed, no order book, no
numbers. Two differences from the recording are told, in ms: of the delay between two consecutive events of a
topic, and of each event from its moment in the recording, the earliest of them being on time.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Sequence
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import uvloop
from channels_redis.pubsub import RedisPubSubChannelLayer
from pydantic import BaseModel
from redis.asyncio import Redis

from bench.installation import redis_alone
from bench.table import show
from exchanges import registry
from marketdata.text_lines import TextLine, text_lines
from recordings import reader
from recordings.replay import extent
from recordings.replay.engine import Engine
from recordings.replay.performance import Performance
from recordings.replay.player import Player
from recordings.replay.script import Progress, Script
from streams import envelope, keys, lease
from streams.lease import Lease

HISTORY_EVENTS = 10_000
HISTORY_BYTES = 512 * 2**20
PAUSE_S = 1.0
REPLAY = "bench"


class Line(BaseModel):
    """As the peer takes a line of a recording."""

    received_ns: int
    connection: str | int | None = None
    direction: str | None = None
    rest: str | None = None
    raw: str


class Moments:
    """Stands where the publisher does: by topic, the recorded moment at which each event is told, in ms."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.of: dict[str, list[float]] = {}

    def add(self, lease: Lease, line: Any, event: bytes) -> None:
        assert self.engine
        self.of.setdefault(line.topic, []).append(self.engine.now_ns / 1e6)

    def note(self, lease: Lease, line: Any, event: bytes) -> None: ...

    def fields(self, lease: Lease, line: Any, **fields: str | bytes) -> None: ...


def alone(script: Script, moments: Moments | None = None) -> tuple[Progress, float]:
    """Through the engine, without a store; and the seconds."""
    began_s = time.perf_counter()
    dry = Performance(script, registry.cards(), Lease("", ""), moments)
    if moments:
        moments.engine = dry.engine
    for item in dry.items():
        dry.take(item)
    dry.engine.end("over")
    return dry.progress(), time.perf_counter() - began_s


def peer(paths: Sequence[Path]) -> tuple[int, float]:
    """Lines, and the seconds to read and write each by json and pydantic."""
    count, began_s = 0, time.perf_counter()
    for path in paths:
        for file in reader.files(path):
            for text in text_lines(file):
                if isinstance(text, TextLine):
                    line = Line.model_validate(json.loads(text.text))
                    if line.raw[:1] in "{[":
                        json.dumps(json.loads(line.raw))
                    count += 1
    return count, time.perf_counter() - began_s


async def played(url: str, script: Script) -> tuple[Progress, float]:
    """Through the publisher into Redis; and the seconds."""
    async with Redis.from_url(url) as redis:
        layer = RedisPubSubChannelLayer(hosts=[{"address": url, "socket_timeout": None}])
        taken = await lease.take(redis, keys.lease("replay", script.replay), "bench")
        if taken is None:
            raise SystemExit("the lease of the run before is still there")
        player = Player(script, redis, layer, registry.cards(), taken, "bench", HISTORY_EVENTS, HISTORY_BYTES)
        began_s = time.perf_counter()
        return await player.run(), time.perf_counter() - began_s


def listen(url: str, topics: Sequence[str], ready: Connection) -> None:
    """In a process of its own, as a web process hears it: by topic, when each event came, in ms."""
    ready.send(asyncio.run(_heard(url, set(topics), ready)))


async def _heard(url: str, topics: set[str], ready: Connection) -> dict[str, list[float]]:
    heard: dict[str, list[float]] = {topic: [] for topic in topics}
    layer = RedisPubSubChannelLayer(hosts=[{"address": url, "socket_timeout": None}])
    groups = {envelope.group(envelope.bucket(topic)) for topic in topics}
    async with Redis.from_url(url, socket_timeout=None) as redis, redis.pubsub() as hearing:
        await hearing.subscribe(*map(layer._get_group_channel_name, groups))
        ready.send("listening")
        while not ready.poll():
            message = await hearing.get_message(ignore_subscribe_messages=True, timeout=PAUSE_S)
            arrived_ms = time.time_ns() / 1e6
            for item in envelope.items(layer.deserialize(message["data"])) if message else ():
                if item.events and item.topic in topics:
                    heard[item.topic] += [arrived_ms] * len(item.events)
    return heard


def paced(url: str, script: Script, moments: Moments) -> tuple[Progress, list[float], list[float]]:
    """At speed 1: the differences of delays, and of each event from its time."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=listen, args=(url, list(moments.of), theirs))
    process.start()
    _answer(ours, process)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        progress, _ = runner.run(played(url, script))
    ours.send("end")
    heard = _answer(ours, process)
    process.join()
    pairs = {topic: list(zip(at, heard[topic], strict=True)) for topic, at in moments.of.items()}
    between = [
        abs((came[1] - before[1]) - (came[0] - before[0]))
        for found in pairs.values()
        for before, came in pairwise(found)
    ]
    behind = [arrived_ms - at_ms for found in pairs.values() for at_ms, arrived_ms in found]
    earliest = min(behind, default=0.0)
    return progress, between, [each - earliest for each in behind]


def _answer(ours: Connection, process: BaseProcess) -> Any:
    while not ours.poll(PAUSE_S):
        if not process.is_alive():
            raise SystemExit("the process that listens has ended; its words are above")
    return ours.recv()


def quantiles(values: Sequence[float]) -> list[str]:
    ordered = sorted(values) or [0.0]
    return [f"{ordered[min(len(ordered) - 1, len(ordered) * share // 1000)]:.1f}" for share in (500, 990, 999)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path, metavar="RECORDING")
    parser.add_argument("--exchange", help="of frames that no note names")
    parser.add_argument("--no-pace", action="store_true", help="not at speed 1, which takes as long as it was")
    given = parser.parse_args()
    script = Script(REPLAY, given.recordings, given.exchange, None)
    (first, first_s), (second, second_s) = alone(script), alone(script)
    count, peer_s = peer(given.recordings)
    with redis_alone() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        through, through_s = runner.run(played(url, script))
    rows = [
        ("engine alone", min(first_s, second_s), first.events),
        ("through the publisher into Redis", through_s, through.events),
        ("json and pydantic, no events", peer_s, 0),
    ]
    seconds = f"{min(first_s, second_s):.1f}"
    print(f"{count} lines, {first.events} events of {len(first.topics)} topics; the engine takes {seconds} s")
    show(
        ("at full speed", "lines/s", "events/s", "time of the peer's"),
        [(name, f"{count / s:,.0f}", f"{n / s:,.0f}" if n else "", f"{s / peer_s:.1f}") for name, s, n in rows],
    )
    for name, hashed in (("first", first.hash), ("second", second.hash), ("through Redis", through.hash)):
        print(f"hash, {name}: {hashed}")
    if given.no_pace:
        return
    slow = Script(REPLAY, given.recordings, given.exchange, 1.0, topics=extent.of(given.recordings).topics)
    moments = Moments()
    alone(slow, moments)
    with redis_alone() as url:
        progress, between, behind = paced(url, slow, moments)
    print(f"hash, speed 1: {progress.hash}")
    show(
        ("ms, at speed 1", "p50", "p99", "p99.9", "events"),
        [
            ("between two events of a topic, from the recorded", *quantiles(between), f"{len(between):,}"),
            ("behind the recorded moment", *quantiles(behind), f"{len(behind):,}"),
        ],
    )


if __name__ == "__main__":
    main()
