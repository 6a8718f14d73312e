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


def numbers(events: list[dict[str, Any]], number: Number = int) -> list[int]:
    return [number(event["trade_id"]) for event in events if event["event"] == "trade"]


def assert_each_once(found: list[int], step: int = 1) -> None:
    """In the order in which they happened."""
    assert found == list(range(found[0], found[0] + len(found) * step, step))


OUTAGE = {"binance": 2, "kraken": 2, "alpaca": 2, "bitstamp": 2, "coinbase": 2, "hyperliquid": 0}
SOURCES = [
    ("binance", "BTC-USDT", None, int),
    ("kraken", "BTC-USDT", None, int),  # by id, from a time on
    ("alpaca", "BTC-USD", "key", int),  # by time
    ("bitstamp", "BTC-USDT", None, int),  # the newest hour
    ("coinbase", "BTC-USD-PERP", None, int),  # the newest thousand
    ("hyperliquid", "BTC-USDC-PERP", None, unhashed),  # repeated by the exchange itself
]


@pytest.mark.parametrize(("exchange", "symbol", "key", "number"), SOURCES, ids=[source[0] for source in SOURCES])
async def test_no_trade_of_a_disconnect_is_missing_and_none_comes_twice(
    sandbox: SandboxServer, clean_redis: Redis, exchange: str, symbol: str, key: str | None, number: Number
) -> None:
    async with carried(exchange, sandbox, ("trade", symbol), key) as stream:
        await stream.until_more("trade", 5)
        if OUTAGE[exchange]:
            sandbox.fault("refuse_connections", exchange=exchange, seconds=OUTAGE[exchange])
        sandbox.fault("disconnect", exchange=exchange)
        await stream.until_more("repaired", 1)
        events = await stream.until_more("trade", 10, source="live")
    sandbox.clear()
    [gap], [repaired] = ([event for event in events if event["event"] == name] for name in ("gap", "repaired"))
    assert (gap["reason"], gap["repair"], repaired["complete"]) == ("disconnect", "pending", True)
    assert repaired["count"] == sum(event["source"] == "backfill" for event in events)
    assert repaired["count"] > 0 or not OUTAGE[exchange]
    assert_unbroken(events)
    assert_each_once(numbers(events, number))
