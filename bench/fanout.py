"""Deliveries a second of the web process, beside a bare send loop of the same server and the textbook consumer.

    python -m bench.fanout [--clients 1 20 200] [--seconds 1.5] [--rounds 3]

Real uvicorn, Redis, PostgreSQL and channel layer; the server is one process, clients and publisher are this one, which
never has more than a few thousand deliveries under way. Every event is a trade of the same size. The figure to compare
is deliveries per second of the server's own processor time. "share" is how much of one core the server had: where it is
far below 100 %, something else was the bottleneck, and deliveries a second say nothing about the server. Linux only.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

import uvloop
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Redis

from bench.clients import Client, connected
from bench.installation import Server, installation, served
from bench.table import show
from bench.trade import EVENT, GROUP, SPACED_TEXT, TEXT, TOPIC
from streams import envelope, keys
from streams.envelope import Item

UNDER_WAY = 6_000  # deliveries; the platform closes a client for which 10,000 wait
LEAST_UNDER_WAY = 60  # events
WARM_UP_S = 0.7
PAUSE_S = 0.001  # the loop's clock counts milliseconds: less would be a busy wait on a core that others need
SUBSCRIBE = json.dumps({"action": "subscribe", "topics": [TOPIC]}).encode()

Publish = Callable[[int, int], Awaitable[None]]  # epoch, number of the event


@dataclass(frozen=True)
class Peer:
    """One of those that are compared. `step`: events a publish; `publish` is None where the server sends by itself."""

    name: str
    server: Server
    text: str
    request: bytes | None = None
    step: int = 1
    publish: Publish | None = None


@dataclass(frozen=True)
class Figure:
    """What one run came to."""

    deliveries_s: float
    share: float  # of one core, that the server had

    @property
    def per_cpu_s(self) -> float:
        return self.deliveries_s / self.share


class Publisher:
    """Publishes as a hold loop does after each flush, and as the textbook does for each event."""

    def __init__(self, redis_url: str) -> None:
        self._layer = RedisPubSubChannelLayer(hosts=[{"address": redis_url, "socket_timeout": None}])

    def envelopes(self, step: int) -> Publish:
        events = [TEXT.encode()] * step

        async def publish(epoch: int, number: int) -> None:
            for group, message in envelope.messages([Item(TOPIC, epoch, number, events, [])]).items():
                await self._layer.group_send(group, message)

        return publish

    async def event(self, epoch: int, number: int) -> None:
        await self._layer.group_send(GROUP, {"type": "market_event", "event": EVENT})


class Run:
    """One measurement of one peer."""

    def __init__(self, peer: Peer, clients: list[Client], epoch: int) -> None:
        self._peer, self._clients, self._epoch = peer, clients, epoch
        self._published = self._before = 0

    async def figure(self, seconds: float) -> Figure:
        await self._all_hear()
        publishing = asyncio.create_task(self._publish()) if self._peer.publish else None
        await asyncio.sleep(WARM_UP_S)
        began = self._total(), self._peer.server.cpu_s(), time.perf_counter()
        await asyncio.sleep(seconds)
        ended = self._total(), self._peer.server.cpu_s(), time.perf_counter()
        if publishing:
            publishing.cancel()
            await asyncio.wait({publishing})
            await self._all_arrived()
        frames, cpu_s, time_s = (end - begin for begin, end in zip(began, ended, strict=True))
        return Figure(frames / time_s, cpu_s / time_s)

    async def _publish(self) -> None:
        most = max(LEAST_UNDER_WAY, UNDER_WAY // len(self._clients))
        while True:
            if self._published - self._before - self._slowest() < most:
                await self._one_publish()
            else:
                await asyncio.sleep(PAUSE_S)

    async def _one_publish(self) -> None:
        self._published += self._peer.step
        await asyncio.shield(self._peer.publish(self._epoch, self._published - self._peer.step + 1))

    async def _all_hear(self) -> None:
        """A client is told to have subscribed before the first event reaches it."""
        async with asyncio.timeout(20):
            while self._slowest() == 0:
                if self._peer.publish:
                    await self._one_publish()
                await asyncio.sleep(0.05)
        if self._peer.publish:
            await self._quiet()
            self._before = self._published
        for client in self._clients:
            client.start()

    async def _quiet(self) -> None:
        total = -1
        while total != (total := self._total()):  # noqa: ASYNC110 (nobody tells when nothing comes)
            await asyncio.sleep(0.2)

    async def _all_arrived(self) -> None:
        """Each client has got as many events as were published."""
        await self._quiet()
        missing = {self._published - self._before - client.frames for client in self._clients}
        if missing != {0}:
            raise SystemExit(f"{self._peer.name}: published less received, by client: {missing}")

    def _slowest(self) -> int:
        return min(client.frames for client in self._clients)

    def _total(self) -> int:
        return sum(client.frames for client in self._clients)


async def measured(
    peers: Sequence[Peer], counts: Sequence[int], rounds: int, seconds: float, redis_url: str
) -> list[tuple[int, dict[str, Figure]]]:
    """For each count of clients, the best run of each peer; the peers take turns, so that they share the weather."""
    store, epochs, found = Redis.from_url(redis_url), count(time.time_ns() // 1_000_000), []
    for clients in counts:
        best: dict[str, Figure] = {}
        for peer in list(peers) * rounds:
            figure = await _one_run(peer, clients, store, next(epochs), seconds)
            best[peer.name] = max(figure, best.get(peer.name, figure), key=lambda each: each.per_cpu_s)
        found.append((clients, best))
    await store.aclose()
    return found


async def _one_run(peer: Peer, clients: int, store: Redis, epoch: int, seconds: float) -> Figure:
    # The topic runs and has said nothing yet, as after `Numbering.open`.
    await store.hset(keys.latest(TOPIC), mapping={"position": f"{epoch}-0", "stopped": "0"})
    async with connected(clients, peer.server.port, len(peer.text), peer.request) as connections:
        return await Run(peer, connections, epoch).figure(seconds)


@contextmanager
def running_peers() -> Iterator[tuple[list[Peer], str]]:
    """The three servers, and the Redis they share."""
    with ExitStack() as stack:
        environment = stack.enter_context(installation())
        ours, bare, textbook = (
            stack.enter_context(served(application, environment))
            for application in ("config.asgi:application", "bench.peers:bare", "bench.peers:textbook")
        )
        publisher = Publisher(environment["REDIS_URL"])
        yield (
            [
                Peer("platform, 1 event an envelope", ours, TEXT, SUBSCRIBE, 1, publisher.envelopes(1)),
                Peer("platform, 10 events an envelope", ours, TEXT, SUBSCRIBE, 10, publisher.envelopes(10)),
                Peer("textbook consumer", textbook, SPACED_TEXT, None, 1, publisher.event),
                Peer("bare send loop", bare, TEXT),
            ],
            environment["REDIS_URL"],
        )


def rows(clients: int, best: dict[str, Figure]) -> Iterator[tuple[str, ...]]:
    """The table's rows for one count of clients."""
    textbook, bare = best["textbook consumer"].per_cpu_s, best["bare send loop"].per_cpu_s
    for name, figure in best.items():
        each = figure.per_cpu_s
        ratios = f"{each / textbook:.1f}", f"{each / bare:.2f}"
        yield str(clients), name, f"{figure.deliveries_s:,.0f}", f"{figure.share:.0%}", f"{each:,.0f}", *ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 20, 200])
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with running_peers() as (peers, redis_url), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measured(peers, given.clients, given.rounds, given.seconds, redis_url))
    heads = ("clients", "what", "deliveries/s", "share", "per processor s", "x textbook", "x bare")
    show(heads, [row for clients, best in found for row in rows(clients, best)])


if __name__ == "__main__":
    main()
