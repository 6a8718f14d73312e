"""Candles that closed in a gap: fetched, stored and sent, each once; over real sockets."""

from typing import Any

import pytest
from redis import Redis

from tests.sandbox_server import SandboxServer
from tests.streams.carried import Carried, carried
from tests.streams.heard import assert_unbroken


def closed(events: list[dict[str, Any]]) -> list[int]:
    return [event["open_time"] for event in events if event["event"] == "candle" and event["closed"]]


def assert_each_once(opened: list[int], length_ms: int) -> None:
    assert opened == list(range(opened[0], opened[0] + len(opened) * length_ms, length_ms))


async def until_closed(stream: Carried, count: int) -> list[dict[str, Any]]:
    """The events, once so many candles more have closed than now."""
    goal = len(closed(await stream.events())) + count
    return await stream.until(lambda events: len(closed(events)) >= goal)


@pytest.mark.parametrize("exchange", ["binance", "okx"])
async def test_each_candle_that_closed_in_a_gap_is_said_once_in_order_and_stored(
    sandbox: SandboxServer, clean_redis: Redis, exchange: str
) -> None:
    async with carried(exchange, sandbox, ("candle_1s", "BTC-USDT")) as stream:
        await until_closed(stream, 2)
        sandbox.fault("refuse_connections", exchange=exchange, seconds=3)
        sandbox.fault("disconnect", exchange=exchange)
        await stream.until_more("repaired", 1)
        events = await until_closed(stream, 3)
    sandbox.clear()
    [gap], [repaired] = ([event for event in events if event["event"] == name] for name in ("gap", "repaired"))
    assert (gap["reason"], gap["repair"], repaired["complete"]) == ("disconnect", "pending", True)
    fetched = [event for event in events if event["source"] == "backfill"]
    assert repaired["count"] == len(fetched) > 1 and all(event["closed"] for event in fetched)
    assert_unbroken(events)
    assert_each_once(closed(events), 1000)
    assert [candle.open_ms for candle in stream.closed[: len(closed(events))]] == closed(events)


async def test_a_loop_that_takes_over_goes_on_from_the_last_closed_candle(
    sandbox: SandboxServer, clean_redis: Redis
) -> None:
    want = "candle_1s", "BTC-USDT"
    async with carried("binance", sandbox, want) as stream:
        await until_closed(stream, 2)
        sandbox.fault("refuse_connections", exchange="binance", seconds=2)
        sandbox.fault("disconnect", exchange="binance")
        await stream.until_more("gap", 1)
    async with carried("binance", sandbox, want, loop="two") as stream:
        await stream.until_more("repaired", 1)
        events = await until_closed(stream, 2)
    sandbox.clear()
    assert [event["reason"] for event in events if event["event"] == "gap"] == ["disconnect", "failover"]
    assert_each_once(closed(events), 1000)


async def test_candles_of_a_long_interval_that_none_closed_of_are_repaired_at_once(
    sandbox: SandboxServer, clean_redis: Redis
) -> None:
    async with carried("kraken", sandbox, ("candle_1d", "BTC-USDT")) as stream:
        await stream.until_more("candle", 1)
        sandbox.fault("disconnect", exchange="kraken")
        events = await stream.until_more("repaired", 1)
        events = await stream.until_more("candle", 1, source="live")
    [repaired] = [event for event in events if event["event"] == "repaired"]
    assert (repaired["count"], repaired["complete"]) == (0, True)


async def test_no_quota_is_spent_on_a_repair_and_no_closed_candle_comes_again(
    sandbox: SandboxServer, clean_redis: Redis
) -> None:
    want = "candle_30m", "BTC-USD"
    async with carried("coingecko", sandbox, want, "key") as stream:
        await stream.until(lambda events: sum(event["event"] == "candle" for event in events) >= 2)
    async with carried("coingecko", sandbox, want, "key", loop="two") as stream:
        events = await stream.until(lambda events: sum(event["event"] == "candle" for event in events) >= 3)
    [gap] = [event for event in events if event["event"] == "gap"]
    assert (gap["reason"], gap["repair"]) == ("failover", "none")
    assert len(closed(events)) == len(set(closed(events))) == 1
