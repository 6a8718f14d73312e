"""Events a second from a hold loop into Redis, beside publishing them one by one and by the hundred.

    python -m bench.flush [--events 20000] [--topics 1 100] [--rounds 3]

The platform's is the real numbering and the real publisher: JSON, history, newest values, proof of the lease, envelope;
and the same where a signal asked for each event on Redis Pub/Sub too.
Events come a hundred at a time, as a busy socket hands them over, and gather while a flush is under way. The peers make
JSON of the same events. Two of them only publish it; the third does the platform's duty event by event, a hundred to a
round trip. Nobody listens, which favours those who publish each event by itself.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import uvloop
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.asyncio import Redis

from bench.installation import redis_alone
from bench.table import show
from exchanges.decimals import plain
from exchanges.encoder import event_text
from exchanges.events import Trade
from exchanges.symbols import Instruments
from streams import keys, lease
from streams.history import Kept
from streams.numbering import Numbering
from streams.publishers.redis import Publisher

AT_ONCE = 100  # events that a socket hands over, and commands in a peer's pipeline
HISTORY_EVENTS = 10_000
HISTORY_BYTES = 512 * 2**20
KEY = "lease:binance:0-0"

Put = Callable[[Redis, str, Sequence[Trade]], Awaitable[None]]  # client, URL, events


@dataclass(frozen=True)
class Figure:
    """What one run came to."""

    events_s: float
    own_us: float  # processor time of this process an event


def trades(count: int, topics: int) -> list[Trade]:
    """So many events, the topics in turn."""
    price, quantity = plain("84143.01000000"), plain("0.00120000")
    return [
        Trade(
            symbol=f"S{number % topics}-USDT",
            venue_symbol=f"S{number % topics}USDT",
            received_ns=1_790_000_000_130_000_000 + number,
            event_us=1_790_000_000_125_000 + number,
            trade_id=str(5_201_234_567 + number),
            price=price,
            quantity=quantity,
            side="buy",
            trade_us=1_790_000_000_124_000 + number,
        )
        for number in range(count)
    ]


async def platform(redis: Redis, url: str, events: Sequence[Trade]) -> None:
    await _through(redis, url, events, published=False)


async def published(redis: Redis, url: str, events: Sequence[Trade]) -> None:
    await _through(redis, url, events, published=True)


async def _through(redis: Redis, url: str, events: Sequence[Trade], published: bool) -> None:
    layer = RedisPubSubChannelLayer(hosts=[{"address": url, "socket_timeout": None}])
    publisher = Publisher(redis, layer, HISTORY_EVENTS, HISTORY_BYTES, _lost, _refused)
    held = await lease.take(redis, KEY, "bench")
    if held is None:
        raise SystemExit("the lease of the run before is still there")
    publisher.channels.topics = {f"binance.trade.{event.symbol}" for event in events} if published else set()
    numbering = Numbering("binance", held, Instruments(), publisher, "", lambda *_: None)
    for symbol in {event.symbol for event in events}:
        numbering.open(("trade", symbol), Kept(), time.time_ns())
    running = asyncio.create_task(publisher.run())
    for first in range(0, len(events), AT_ONCE):
        for event in events[first : first + AT_ONCE]:
            numbering.take(event)
        await asyncio.sleep(0)
    await publisher.drained()
    running.cancel()
    await _all_written(redis, events)


async def one_by_one(redis: Redis, _: str, events: Sequence[Trade]) -> None:
    for event in events:
        await redis.publish(f"binance.trade.{event.symbol}", event_text(event, "binance"))


async def pipelined(redis: Redis, _: str, events: Sequence[Trade]) -> None:
    for first in range(0, len(events), AT_ONCE):
        pipeline = redis.pipeline(transaction=False)
        for event in events[first : first + AT_ONCE]:
            pipeline.publish(f"binance.trade.{event.symbol}", event_text(event, "binance"))
        await pipeline.execute()


async def same_duty(redis: Redis, _: str, events: Sequence[Trade]) -> None:
    for first in range(0, len(events), AT_ONCE):
        pipeline = redis.pipeline(transaction=False)
        for seq, event in enumerate(events[first : first + AT_ONCE], first + 1):
            topic, text, entry = f"binance.trade.{event.symbol}", event_text(event, "binance"), f"1-{seq}"
            newest = {"position": entry, "time_us": event.event_us, "trade_id": event.trade_id, "stopped": "0"}
            pipeline.xadd(keys.history(topic), {"events": text}, id=entry, maxlen=HISTORY_EVENTS, approximate=True)
            pipeline.hset(keys.latest(topic), mapping=newest)
            pipeline.publish(topic, text)
        await pipeline.execute()


PEERS: dict[str, Put] = {
    "platform": platform,
    "platform, and each event on Redis Pub/Sub": published,
    "PUBLISH, awaited one by one": one_by_one,
    "PUBLISH, pipeline of 100": pipelined,
    "history, newest and PUBLISH by event, pipeline of 100": same_duty,
}


def _lost() -> None:
    raise SystemExit("more waited than the publisher holds: ask for fewer events")


def _refused(_: lease.Lease) -> None:
    raise SystemExit("the lease was lost to another")


async def _all_written(redis: Redis, events: Sequence[Trade]) -> None:
    """The newest trade of each topic is the last that was handed in."""
    last = {event.symbol: event.trade_id for event in events}
    for symbol, trade_id in last.items():
        kept = await redis.hget(keys.latest(f"binance.trade.{symbol}"), "trade_id")
        if kept != trade_id.encode():
            raise SystemExit(f"{symbol}: {trade_id} was handed in last, {kept!r} is kept")


async def measured(url: str, count: int, topics: int, rounds: int) -> dict[str, Figure]:
    """The best run of each; they take turns, so that they share the weather."""
    events, best = trades(count, topics), {}
    for name, put in list(PEERS.items()) * rounds:
        figure = await _one_run(url, put, events)
        best[name] = max(figure, best.get(name, figure), key=lambda each: each.events_s)
    return best


async def _one_run(url: str, put: Put, events: Sequence[Trade]) -> Figure:
    redis = Redis.from_url(url)
    await redis.flushall()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    await put(redis, url, events)
    ended_s, ended_cpu_s = time.perf_counter(), time.process_time()
    await redis.aclose()
    return Figure(len(events) / (ended_s - began_s), (ended_cpu_s - began_cpu_s) / len(events) * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--topics", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--rounds", type=int, default=3)
    given, rows = parser.parse_args(), []
    with redis_alone() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for topics in given.topics:
            best = runner.run(measured(url, given.events, topics, given.rounds))
            for name, figure in best.items():
                ratio = f"{best['platform'].events_s / figure.events_s:.1f}"
                rows.append((str(topics), name, f"{figure.events_s:,.0f}", f"{figure.own_us:.1f}", ratio))
    show(("topics", "what", "events/s", "own us/event", "platform is x"), rows)


if __name__ == "__main__":
    main()
