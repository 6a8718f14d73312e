"""One exchange whose kinds of markets come by connections of their own."""

from typing import Any

import pytest
from redis import Redis

from exchanges.symbols import Instrument
from marketdata import cards, ingest, times
from streams import keys
from tests.streams.heard import is_
from tests.streams.live import Web, hold_loop

PAIR, SHARE = "alpaca.trade.BTC-USD", "alpaca.trade.AAPL"
MARKETS = [
    Instrument(symbol="BTC-USD", venue_symbol="BTC/USD", base="BTC", quote="USD", kind="spot"),
    Instrument(symbol="AAPL", venue_symbol="AAPL", base="AAPL", quote="USD", kind="stock"),
]


@pytest.fixture
def alpaca(listed: None, settings: Any) -> None:
    """A pair and a share, and keys, which the sandbox takes whatever they are."""
    settings.EXCHANGES = ("alpaca",)
    settings.KEYS = {"alpaca": dict.fromkeys(cards.card("alpaca").key_names, "any")}
    ingest.exchange(cards.card("alpaca"))
    ingest.instruments("alpaca", MARKETS, times.now())


async def test_pairs_and_shares_are_streamed_at_once(alpaca: None, web: Web, clean_redis: Redis) -> None:
    async with hold_loop(), web.client() as client:
        await client.subscribe(PAIR, SHARE)
        await client.until(is_("trade", PAIR))
        share = await client.until(is_("trade", SHARE))
        assert share["side"] is None
        plan = clean_redis.get(keys.plan("alpaca"))
        assert plan and b'"0-0":[["trade","BTC-USD"]]' in plan and b'"1-0":[["trade","AAPL"]]' in plan
