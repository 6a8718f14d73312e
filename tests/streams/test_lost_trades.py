"""Trades of a gap, from sources that serve them by id, by count, by time, or the newest alone; over real sockets."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from exchanges.hyperliquid.sandbox_rows import IDS, SPREAD_OUT
from tests.sandbox_server import SandboxServer
from tests.streams.carried import carried
from tests.streams.heard import assert_unbroken

Number = Callable[[str], int]


def unhashed(trade_id: str) -> int:
    """What the invented market counts, of an id that is a hash of it."""
    return int(trade_id) * pow(SPREAD_OUT, -1, IDS) % IDS


def counted(trade_id: str) -> int:
    """The invented market's ids go up by a thousand there."""
    return int(trade_id.removeprefix("ETH-")) // 1000


def numbers(events: list[dict[str, Any]], number: Number = int) -> list[int]:
    return [number(event["trade_id"]) for event in events if event["event"] == "trade"]


def assert_each_once(found: list[int]) -> None:
    """In the order in which they happened."""
    assert found == list(range(found[0], found[0] + len(found)))


SOURCES = [
    ("binance", "BTC-USDT", None, int, 2),
    ("deribit", "ETH-USD-PERP_ETH", None, counted, 2),
    ("kraken", "BTC-USDT", None, int, 2),  # by id, from a time on
    ("alpaca", "BTC-USD", "key", int, 2),  # by time
    ("bitstamp", "BTC-USDT", None, int, 2),  # the newest hour
    ("coinbase", "BTC-USD-PERP", None, int, 2),  # the newest thousand
    ("hyperliquid", "BTC-USDC-PERP", None, unhashed, 0),  # repeated by the exchange itself
]
KINDS = [source[0] for source in SOURCES]


@pytest.mark.parametrize(("exchange", "symbol", "key", "number", "away_s"), SOURCES, ids=KINDS)
async def test_no_trade_of_a_disconnect_is_missing_and_none_comes_twice(
    sandbox: SandboxServer, clean_redis: Redis, exchange: str, symbol: str, key: str | None, number: Number, away_s: int
) -> None:
    async with carried(exchange, sandbox, ("trade", symbol), key) as stream:
        await stream.until_more("trade", 5)
        if away_s:
            sandbox.fault("refuse_connections", exchange=exchange, seconds=away_s)
        sandbox.fault("disconnect", exchange=exchange)
        await stream.until_more("repaired", 1)
        events = await stream.until_more("trade", 10, source="live")
    sandbox.clear()
    [gap], [repaired] = ([event for event in events if event["event"] == name] for name in ("gap", "repaired"))
    assert (gap["reason"], gap["repair"], repaired["complete"]) == ("disconnect", "pending", True)
    assert repaired["count"] == sum(event["source"] == "backfill" for event in events)
    assert repaired["count"] > 0 or not away_s
    assert_unbroken(events)
    assert_each_once(numbers(events, number))


async def test_what_the_exchange_no_longer_serves_is_said_to_be_missing_and_the_rest_comes_once(
    sandbox: SandboxServer, clean_redis: Redis
) -> None:
    async with carried("hyperliquid", sandbox, ("trade", "BTC-USDC-PERP")) as stream:
        await stream.until_more("trade", 5)
        sandbox.fault("refuse_connections", exchange="hyperliquid", seconds=5)
        sandbox.fault("disconnect", exchange="hyperliquid")
        [repaired] = [event for event in await stream.until_more("repaired", 1) if event["event"] == "repaired"]
        events = await stream.until_more("trade", 10, source="live")
    sandbox.clear()
    found = numbers(events, unhashed)
    assert repaired["complete"] is False
    assert found == sorted(set(found)) and found != list(range(found[0], found[0] + len(found)))


FAILOVERS = [SOURCES[0], SOURCES[3], SOURCES[4], SOURCES[6]]


@pytest.mark.parametrize(
    ("exchange", "symbol", "key", "number", "away_s"), FAILOVERS, ids=[one[0] for one in FAILOVERS]
)
async def test_what_was_said_before_a_failover_is_known_after_it(
    sandbox: SandboxServer, clean_redis: Redis, exchange: str, symbol: str, key: str | None, number: Number, away_s: int
) -> None:
    want = "trade", symbol
    async with carried(exchange, sandbox, want, key) as stream:
        await stream.until_more("trade", 5)
    async with carried(exchange, sandbox, want, key, loop="two") as stream:
        await stream.until_more("repaired", 1)
        events = await stream.until_more("trade", 10, source="live")
    [gap], [repaired] = ([event for event in events if event["event"] == name] for name in ("gap", "repaired"))
    assert (gap["reason"], repaired["complete"]) == ("failover", True)
    assert_each_once(numbers(events, number))


@pytest.mark.parametrize(
    ("exchange", "symbol", "key", "number", "away_s"), FAILOVERS, ids=[one[0] for one in FAILOVERS]
)
async def test_a_gap_that_a_loop_left_unrepaired_is_repaired_by_the_next(
    sandbox: SandboxServer, clean_redis: Redis, exchange: str, symbol: str, key: str | None, number: Number, away_s: int
) -> None:
    want = "trade", symbol
    async with carried(exchange, sandbox, want, key) as stream:
        await stream.until_more("trade", 5)
        sandbox.fault("slow", exchange=exchange, delay_s=8, seconds=4)  # live trades cannot wait for the repair
        sandbox.fault("disconnect", exchange=exchange)
        await stream.until_more("gap", 1)
        await stream.until_more("trade", 5, source="live")
    sandbox.clear()
    async with carried(exchange, sandbox, want, key, loop="two") as stream:
        await stream.until_more("repaired", 1)
        events = await stream.until_more("trade", 10, source="live")
    assert sum(event["event"] == "gap" for event in events) == 2
    found = numbers(events, number)
    assert len(set(found)) == len(found)
    if exchange != "hyperliquid":  # which serves too few
        assert_each_once(sorted(found))


async def test_a_disconnect_while_a_repair_takes_long_takes_no_trade_away(
    sandbox: SandboxServer, clean_redis: Redis
) -> None:
    async with carried("binance", sandbox, ("trade", "BTC-USDT")) as stream:
        await stream.until_more("trade", 5)
        sandbox.fault("slow", exchange="binance", path="/api/v3/historicalTrades", delay_s=4, count=1)
        sandbox.fault("disconnect", exchange="binance")
        await stream.until_more("gap", 1)
        await stream.until_more("trade", 3, source="live")
        sandbox.fault("disconnect", exchange="binance")
        events = await stream.until(lambda events: sum(event["event"] == "repaired" for event in events) == 2)
    sandbox.clear()
    assert [event["complete"] for event in events if event["event"] == "repaired"] == [True, True]
    assert_each_once(sorted(numbers(events)))


async def test_a_ticker_is_not_repaired(sandbox: SandboxServer, clean_redis: Redis) -> None:
    async with carried("binance", sandbox, ("ticker", "BTC-USDT")) as stream:
        await stream.until_more("ticker", 1)
        sandbox.fault("disconnect", exchange="binance")
        events = await stream.until_more("ticker", 1, source="live")
        events = await stream.until(lambda events: any(event["event"] == "gap" for event in events))
    [gap] = [event for event in events if event["event"] == "gap"]
    assert gap["repair"] == "none" and not any(event["event"] == "repaired" for event in events)


async def test_what_was_lost_longer_ago_than_the_setting_says_is_not_fetched(
    sandbox: SandboxServer, clean_redis: Redis
) -> None:
    async with carried("bitstamp", sandbox, ("trade", "BTC-USDT"), age_s=1) as stream:
        await stream.until_more("trade", 5)
        sandbox.fault("refuse_connections", exchange="bitstamp", seconds=3)
        sandbox.fault("disconnect", exchange="bitstamp")
        events = await stream.until_more("repaired", 1)
    sandbox.clear()
    [repaired] = [event for event in events if event["event"] == "repaired"]
    assert (repaired["count"], repaired["complete"]) == (0, False)


async def test_the_first_start_of_a_topic_repairs_nothing(sandbox: SandboxServer, clean_redis: Redis) -> None:
    async with carried("binance", sandbox, ("trade", "BTC-USDT")) as stream:
        events = await stream.until_more("trade", 5)
    assert {event["event"] for event in events} == {"trade"} and {event["source"] for event in events} == {"live"}
