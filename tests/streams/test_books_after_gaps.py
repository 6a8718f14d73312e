"""Whatever broke an order book, a new snapshot comes before any change to it."""

from typing import Any

import pytest
from redis import Redis

from tests.sandbox_server import SandboxServer
from tests.streams.carried import carried

TOPIC_FAULTS = [
    ("binance", "BTC-USDT", "disconnect", {}, "disconnect"),
    ("binance", "BTC-USDT", "skip", {"stream": "depth", "symbol": "BTC-USDT", "count": 1}, "sequence"),
    ("kraken", "BTC-USDT", "checksum", {"stream": "depth", "symbol": "BTC-USDT", "count": 1}, "checksum"),
]


def assert_new_snapshot(events: list[dict[str, Any]], reason: str) -> None:
    [gap] = [index for index, event in enumerate(events) if event["event"] == "gap"]
    assert (events[gap]["reason"], events[gap]["repair"]) == (reason, "none")
    assert [event["type"] for event in events[gap + 1 : gap + 3]] == ["snapshot", "delta"]


def is_after_gap(events: list[dict[str, Any]]) -> bool:
    gaps = [index for index, event in enumerate(events) if event["event"] == "gap"]
    return bool(gaps) and len(events) > gaps[0] + 2


@pytest.mark.parametrize(("exchange", "symbol", "fault", "given", "reason"), TOPIC_FAULTS, ids=lambda one: str(one))
async def test_what_the_exchange_broke(
    sandbox: SandboxServer,
    clean_redis: Redis,
    exchange: str,
    symbol: str,
    fault: str,
    given: dict[str, Any],
    reason: str,
) -> None:
    async with carried(exchange, sandbox, ("depth", symbol)) as stream:
        await stream.until_more("depth", 3)
        sandbox.fault(fault, exchange=exchange, **given)
        events = await stream.until(is_after_gap)
    sandbox.clear()
    assert_new_snapshot(events, reason)


async def test_another_loop_took_over(sandbox: SandboxServer, clean_redis: Redis) -> None:
    async with carried("binance", sandbox, ("depth", "BTC-USDT")) as stream:
        await stream.until_more("depth", 3)
    async with carried("binance", sandbox, ("depth", "BTC-USDT"), loop="two") as stream:
        events = await stream.until(is_after_gap)
    assert_new_snapshot(events, "failover")


@pytest.mark.parametrize("reason", ["recovery", "stale"])
async def test_what_was_said_was_lost_on_its_way(sandbox: SandboxServer, clean_redis: Redis, reason: Any) -> None:
    async with carried("binance", sandbox, ("depth", "BTC-USDT")) as stream:
        await stream.until_more("depth", 3)
        stream.session.lost(reason)
        events = await stream.until(is_after_gap)
    assert_new_snapshot(events, reason)
