"""Many books at once, as after a disconnect, come back in seconds and leave half of the request budget."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from marketdata import cards, ingest, instruments, times
from tests.sandbox_server import SandboxServer, running
from tests.streams.live import Listener, Web, hold_loop

BOOKS, SOON_S = 200, 20.0


@pytest.fixture
def broad(listed: None, settings: Any) -> Iterator[tuple[SandboxServer, list[str]]]:
    """A sandbox with many markets, and the topics of their books."""
    with running("--seed", "3", "--rate", "800", "--symbols", str(BOOKS)) as server:
        settings.SANDBOX_URL = server.url
        settings.MOST_REQUESTS_S = 10 * BOOKS
        rows = json.dumps(server.get("/binance/api/v3/exchangeInfo")).encode()
        markets = cards.card("binance").rest.read_instruments(rows)
        ingest.instruments("binance", markets, times.now())
        instruments._kept.clear()
        yield server, [f"binance.depth.{market.symbol}" for market in markets]


async def all_books(client: Listener, topics: list[str]) -> float:
    """When each of them has had a snapshot; how long that took."""
    since_s, missing = time.monotonic(), set(topics)
    async with asyncio.timeout(60):
        while missing:
            event = await client.next()
            if event.get("event") == "depth" and event["type"] == "snapshot":
                missing.discard(event["topic"])
    return time.monotonic() - since_s


async def test_many_books_are_live_soon_after_a_disconnect_within_the_budget(
    broad: tuple[SandboxServer, list[str]], web: Web
) -> None:
    server, topics = broad
    assert len(topics) == BOOKS
    async with hold_loop() as holder, web.client(max_queue=None) as client:
        await client.subscribe(*topics)
        await all_books(client, topics)
        server.fault("disconnect")
        took_s = await all_books(client, topics)
        left = await holder._clients["binance"]._budget.left()
    assert took_s < SOON_S
    # Of half of it books become whole one after another; the disconnect took 5 for each.
    assert left.left[0][1] >= left.left[0][0].amount / 2 - 5 * BOOKS - 2 * 250
    assert left.closed_s == 0  # no 429, no ban
    statuses = {event["status"] for event in client.heard if event.get("event") == "status"}
    assert statuses <= {"starting", "live", "reconnecting"}
