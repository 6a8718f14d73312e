"""An exchange of the registry with two markets in the database; the sandbox in place of the real exchange."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

import config.celery  # noqa: F401  (tasks that are sent go to the Redis of the tests)
from exchanges import registry
from exchanges.budget import Budget
from exchanges.events import Candle as CandleEvent
from exchanges.symbols import Instrument
from marketdata import ingest, times
from marketdata.models import Exchange, Interval, Symbol
from tests.sandbox_server import SandboxServer

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000  # a full minute


def instrument(base: str, quote: str = "USDT", **facts: object) -> Instrument:
    return Instrument(
        symbol=f"{base}-{quote}", venue_symbol=f"{base}{quote}", base=base, quote=quote, kind="spot", **facts
    )


@pytest.fixture(autouse=True)
def binance_alone(settings: Any) -> None:
    """An installation of one exchange, whatever the registry knows."""
    settings.EXCHANGES = ("binance",)


@pytest.fixture
def binance(db: None) -> Exchange:
    exchange = ingest.exchange(registry.card("binance"))
    ingest.instruments("binance", [instrument("BTC"), instrument("ETH")], times.now())
    return exchange


@pytest.fixture
def btc(binance: Exchange) -> Symbol:
    return Symbol.objects.get(exchange=binance, symbol="BTC-USDT")


@pytest.fixture
def minutes(btc: Symbol) -> ingest.Series:
    return ingest.series(btc, Interval.objects.get(exchange="binance", code="1m"))


@pytest.fixture
def candle() -> Callable[..., CandleEvent]:
    """A closed candle of BTC-USDT, `number` minutes after START_MS; figures by name."""

    def made(number: int, **figures: object) -> CandleEvent:
        open_ms = START_MS + number * MINUTE_MS
        fields = {
            "open": "10",
            "high": "12",
            "low": "9",
            "close": "11",
            "volume": "5",
            "quote_volume": "50",
            "trades": 7,
            "closed": True,
        }
        return CandleEvent(
            symbol="BTC-USDT",
            venue_symbol="BTCUSDT",
            received_ns=0,
            interval="1m",
            **{"open_ms": open_ms, "close_ms": open_ms + MINUTE_MS - 1, **fields, **figures},
        )

    return made


@pytest.fixture
def exchange(settings: object, sandbox: SandboxServer, clean_redis: Redis) -> SandboxServer:
    """The sandbox answers where binance would; nothing was asked of it yet."""
    settings.SANDBOX_URL = sandbox.url
    return sandbox


@pytest.fixture
def asked(redis_url: str) -> Callable[[], int]:
    """How many requests went to binance since Redis was emptied (in the current five minutes)."""

    async def count() -> int:
        async with AsyncRedis.from_url(redis_url) as redis:
            left = await Budget(redis, "binance", registry.card("binance").limits).left()
        return next(limit.amount - rest for limit, rest in left.left if limit.scope == "raw")

    return lambda: asyncio.run(count())
