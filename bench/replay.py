"""How true a replay is to the recorded delays, and how fast it goes at full speed, beside reading the same file alone.

    python -m bench.replay RECORDING... [--exchange CODE] [--no-pace]

RECORDING is a folder or a file. Twice through the engine alone, for the hash; at full speed through the real publisher
into a Redis of its own; and, unless --no-pace, at speed 1, where another process reads every topic's Redis Stream as a
program would. The peer reads the same lines with json and a pydantic model and writes JSON again: no feed, no order
book, no numbers. Two differences from the recording are told, in ms: of the delay between two consecutive events of a
topic, and of each event from when the recording would have it, the earliest of them being on time.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop
from channels_redis.pubsub import RedisPubSubChannelLayer
from pydantic import BaseModel
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from bench.installation import redis_alone
from bench.table import show
from exchanges import registry
from marketdata.text_lines import TextLine, text_lines
from recordings import reader
from recordings.replay import extent
from recordings.replay.performance import Performance
from recordings.replay.player import Player
from recordings.replay.script import Progress, Script
from streams import keys, lease
from streams.lease import Lease

HISTORY_EVENTS = 10_000
HISTORY_BYTES = 512 * 2**20
BLOCK_MS = 1_000
REPLAY = "bench"


class Line(BaseModel):
    """As the peer takes a line of a recording."""

    received_ns: int
    connection: str | int | None = None
    direction: str | None = None
    rest: str | None = None
    raw: str


def alone(script: Script) -> tuple[Progress, float]:
    """Through the engine, without a store; and the seconds."""
    began_s = time.perf_counter()
    dry = Performance(script, registry.cards(), Lease("", ""))
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
    """In a process of its own: for each event its topic, recorded time and arrival, until every topic says nothing."""
    heard: list[tuple[str, int, float]] = []
    last = {keys.history(topic): "0-0" for topic in topics}
    redis = BlockingRedis.from_url(url, socket_timeout=None)
    ready.send("listening")
    while not (ready.poll() and ready.recv() == "end"):
        for name, entries in redis.xread(last, block=BLOCK_MS) or []:
            arrived_ms = time.time_ns() / 1e6
            for entry, fields in entries:
                last[name.decode()] = entry
                heard += [(name.decode(), at_ms, arrived_ms) for at_ms in _times(fields[b"events"])]
    ready.send(heard)


def _times(events: bytes) -> Iterator[int]:
    for text in events.split(b"\n"):
        event: dict[str, Any] = json.loads(text)
        if event["event"] not in ("gap", "repaired"):
            yield event["received_time"]


def paced(url: str, script: Script, topics: Sequence[str]) -> tuple[Progress, list[float], list[float]]:
    """At speed 1: the differences of delays, and of each event from its time."""
    ours, theirs = multiprocessing.Pipe()
    front = [f"replay-{REPLAY}.{topic}" for topic in topics]
    process = multiprocessing.get_context("spawn").Process(target=listen, args=(url, front, theirs))
    process.start()
    ours.recv()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        progress, _ = runner.run(played(url, script))
    ours.send("end")
    heard = ours.recv()
    process.join()
    before: dict[str, tuple[int, float]] = {}
    between = []
    for name, at_ms, arrived_ms in heard:
        if name in before:
            recorded_ms, came_ms = before[name]
            between.append(abs((arrived_ms - came_ms) - (at_ms - recorded_ms)))
        before[name] = at_ms, arrived_ms
    behind = [arrived_ms - at_ms for _, at_ms, arrived_ms in heard]
    return progress, between, [each - min(behind) for each in behind]


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
    # Pictures of a book come when they are due, at most ten a second, not when the book has changed.
    topics = sorted(topic for topic in first.topics if ".depth_" not in topic)
    slow = Script(REPLAY, given.recordings, given.exchange, 1.0, topics=extent.of(given.recordings).topics)
    with redis_alone() as url:
        progress, between, behind = paced(url, slow, topics)
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
