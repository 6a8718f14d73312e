"""The output to Kafka on a real broker, while the forwarder and the broker are killed (kill -9): what arrives.

A writer puts events into the histories at a steady pace, as a hold loop does. The clock and the worker are those of the
platform. A consumer then reads all that Kafka has, and counts. It needs what `make test-kafka` fetches, or `--servers`,
which are not killed.
"""

import argparse
import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from zlib import crc32

import psycopg
import uvloop
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Redis

from config import children
from config.env import ROOT, Environment
from config.services.held import held_postgres, held_redis
from exchanges.events import Trade
from exchanges.symbols import Instruments
from streams import keys, lease
from streams.forwarders import positions
from streams.history import Kept
from streams.lease import Lease
from streams.numbering import Line, Numbering
from streams.position import START, Position
from streams.publishers.redis import Publisher
from tests.kafka.broker import Broker, broker, missing
from tests.kafka.judge import Verdict, Written, judged
from tests.stores import open_folder

OUTPUT = "kafka"
KEY = "lease:binance:0-0"
HISTORY_EVENTS = 10_000  # the settings' defaults
HISTORY_BYTES = 512 * 2**20
TICK_S = 0.02
START_S = 120.0
END_S = 300.0
AWAY_S = 6.0  # between the broker's death and its next start


@dataclass
class Figures:
    """What a run came to; times in seconds."""

    written: int
    verdict: Verdict
    write_s: float
    forward_s: float
    strikes: list[str] = field(default_factory=list)


class Witness(Publisher):
    """A publisher that remembers what it was given."""

    written: dict[str, Written]

    def add(self, lease: Lease, line: Line, event: bytes) -> None:
        known = self.written.setdefault(line.topic, Written(line.epoch))
        assert line.seq == len(known.checksums) + 1
        known.checksums.append(crc32(event))
        super().add(lease, line, event)


class Platform:
    """The parts of one that Kafka needs: stores, the clock, and a worker that can be killed."""

    def __init__(self, environment: dict[str, str], redis_url: str) -> None:
        self.environment, self.redis_url = environment, redis_url
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """One process of ours, as `up` starts it."""
        given = {**self.environment, "ROLE": name}
        argv = (sys.executable, *arguments)
        self._running[name] = subprocess.Popen(argv, env=given, cwd=ROOT, start_new_session=True)

    def start_worker(self) -> None:
        self.start("outputs", children.outputs())

    def kill_worker(self) -> None:
        """kill -9 of the worker with all its processes."""
        os.killpg(self._running["outputs"].pid, signal.SIGKILL)
        self._running["outputs"].wait()

    def end(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def platform(servers: str, prefix: str, topics: Sequence[str]) -> Iterator[Platform]:
    """One that forwards these topics."""
    with open_folder() as folder, held_redis(folder) as redis, held_postgres(folder) as postgres:
        ours = {name.upper() for name in Environment.model_fields}
        environment = {name: value for name, value in os.environ.items() if name.upper() not in ours} | {
            "DATABASE_URL": postgres.url("postgres"),
            "REDIS_URL": redis.url,
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "KAFKA_PREFIX": prefix,
            "VAR_DIR": str(folder),
            "ENV_FILE": os.devnull,
            "LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
        }
        subprocess.run(
            (sys.executable, str(ROOT / "manage.py"), "prepare"), env=environment, check=True, stdout=subprocess.DEVNULL
        )
        _pin(environment["DATABASE_URL"], topics)
        running = Platform(environment, redis.url)
        try:
            running.start("beat", children.beat())
            running.start_worker()
            yield running
        finally:
            running.end()


def _pin(database_url: str, topics: Sequence[str]) -> None:
    """These topics, and no other."""
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM streams_pin")
        for topic in topics:
            exchange, stream, symbol = topic.split(".", 2)
            connection.execute(
                "INSERT INTO streams_pin (exchange, stream, symbol, enabled, note) VALUES (%s, %s, %s, true, '')",
                (exchange, stream, symbol),
            )


class Run:
    """One run: writes, strikes, waits for the end."""

    def __init__(self, running: Platform, killed: Broker | None, symbols: Sequence[str], pace: int) -> None:
        self._platform, self._broker, self._symbols, self._pace = running, killed, symbols, pace
        self._redis = Redis.from_url(running.redis_url)
        self.written: dict[str, Written] = {}
        self.strikes: list[str] = []

    async def events(self, count: int) -> tuple[float, float]:
        """Writes so many; how long that took, and how long it took until Kafka had all."""
        await self._until_followed()
        began_s = time.monotonic()
        striking = asyncio.create_task(self._strike(count / self._pace))
        await self._write(count)
        wrote_s = time.monotonic() - began_s
        await striking
        await self._until_forwarded()
        await self._redis.aclose()
        return wrote_s, time.monotonic() - began_s

    async def _write(self, count: int) -> None:
        layer = RedisPubSubChannelLayer(hosts=[{"address": self._platform.redis_url, "socket_timeout": None}])
        publisher = Witness(self._redis, layer, HISTORY_EVENTS, HISTORY_BYTES, _never, _never)
        publisher.written = self.written
        held = await lease.take(self._redis, KEY, "bench")
        numbering = Numbering("binance", held, Instruments(), publisher, "", lambda *_: None)
        for symbol in self._symbols:
            numbering.open(("trade", symbol), Kept(), time.time_ns())
        running, began_s, done = asyncio.create_task(publisher.run()), time.monotonic(), 0
        while done < count:
            due = min(count, int((time.monotonic() - began_s + TICK_S) * self._pace))
            for number in range(done, due):
                numbering.take(_trade(self._symbols[number % len(self._symbols)], number))
            done = due
            await asyncio.sleep(TICK_S)
        await publisher.drained()
        running.cancel()

    async def _strike(self, lasts_s: float) -> None:
        """In turn, at steady moments of the run."""
        strikes: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("the worker's process that forwards", self._kill_task),
            ("the worker", self._kill_worker),
        ]
        if self._broker:
            strikes[1:1] = [("the broker", self._kill_broker)]
        for what, strike in strikes:
            await asyncio.sleep(lasts_s / (len(strikes) + 1))
            self.strikes.append(f"{what} ({await strike()})")

    async def _kill_task(self) -> str:
        pid = await self._forwards()
        os.kill(pid, signal.SIGKILL)
        return await self._followed(pid)

    async def _kill_worker(self) -> str:
        pid = await self._forwards()
        await asyncio.to_thread(self._platform.kill_worker)
        self._platform.start_worker()
        return await self._followed(pid)

    async def _kill_broker(self) -> str:
        began_s = time.monotonic()
        await asyncio.to_thread(self._broker.kill)
        await asyncio.sleep(AWAY_S)
        await asyncio.to_thread(self._broker.start)
        return f"away for {time.monotonic() - began_s:.1f} s"

    async def _forwards(self) -> int:
        """The process that said last how Kafka is doing."""
        return int(await self._redis.hget(keys.output(OUTPUT), "pid"))

    async def _followed(self, pid: int) -> str:
        began_s = time.monotonic()
        while True:
            await asyncio.sleep(0.1)
            if await self._forwards() != pid:
                return f"another forwards after {time.monotonic() - began_s:.1f} s"

    async def _until_followed(self) -> None:
        """Each topic has its position: what is written from now on is to arrive."""
        await self._until_stored({f"binance.trade.{symbol}": START for symbol in self._symbols}, START_S)

    async def _until_forwarded(self) -> None:
        ends = {topic: Position(known.epoch, len(known.checksums)) for topic, known in self.written.items()}
        await self._until_stored(ends, END_S)

    async def _until_stored(self, wanted: dict[str, Position], patience_s: float) -> None:
        async with asyncio.timeout(patience_s):
            while True:
                known = await positions.stored(self._redis, OUTPUT)
                if wanted.keys() <= known.keys() and all(known[topic] >= at for topic, at in wanted.items()):
                    return
                await asyncio.sleep(0.1)


def run(servers: str, killed: Broker | None, events: int, topics: int, pace: int) -> Figures:
    """So many events of so many topics, `pace` a second; `killed` is the broker at `servers` where it may be killed."""
    prefix = f"bench-{secrets.token_hex(4)}"
    symbols = [f"S{number}-USDT" for number in range(topics)]
    with platform(servers, prefix, [f"binance.trade.{symbol}" for symbol in symbols]) as running:
        this = Run(running, killed, symbols, pace)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            write_s, forward_s = runner.run(this.events(events))
    written = sum(len(known.checksums) for known in this.written.values())
    return Figures(written, judged(servers, prefix, this.written), write_s, forward_s, this.strikes)


def _trade(symbol: str, number: int) -> Trade:
    now_ns = time.time_ns()
    return Trade(
        symbol=symbol,
        venue_symbol=symbol.replace("-", ""),
        received_ns=now_ns,
        event_us=now_ns // 1000,
        trade_id=str(5_201_234_567 + number),
        price=f"84143.{number % 90 + 10}",
        quantity="0.0012",
        side="buy",
        trade_us=now_ns // 1000,
    )


def _never(*_: object) -> None:
    raise SystemExit("the writer lost its lease, or more waited than it holds")


def show(figures: Figures) -> None:
    verdict = figures.verdict
    wrong = f"{verdict.changed} / {verdict.disordered} / {verdict.unknown}"
    for name, value in (
        ("killed (kill -9), in this order", "; ".join(figures.strikes)),
        ("events written", f"{figures.written:,} in {figures.write_s:.1f} s"),
        ("messages consumed", f"{verdict.messages:,}"),
        ("duplicates dropped by header", f"{verdict.duplicates:,}"),
        ("declared lost", f"{verdict.declared:,}"),
        ("undeclared lost", f"{verdict.undeclared:,}"),
        ("with other bytes / out of order / never written", wrong),
        ("until Kafka had all", f"{figures.forward_s:.1f} s, {figures.written / figures.forward_s:,.0f} events/s"),
    ):
        print(f"{name + ':':<50} {value}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--topics", type=int, default=20)
    parser.add_argument("--pace", type=int, default=10_000, help="events a second")
    parser.add_argument("--servers", help="a Kafka that runs, host:port; it is not killed")
    given = parser.parse_args()
    if not given.servers and (why := missing()):
        raise SystemExit(f"No Kafka: {why}; or name one by --servers.")
    with ExitStack() as stack:
        killed = None if given.servers else stack.enter_context(broker())
        figures = run(given.servers or killed.servers, killed, given.events, given.topics, given.pace)
    show(figures)
    verdict = figures.verdict
    sys.exit(bool(verdict.undeclared or verdict.changed or verdict.disordered or verdict.unknown))


if __name__ == "__main__":
    main()
