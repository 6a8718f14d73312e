"""Trades that an exchange counts beside their ids: a hole in the count is seen and filled, over real sockets."""

import asyncio
import json
import time
from typing import Any

from channels.layers import get_channel_layer

from exchanges.budget import Budget
from exchanges.client import Client
from streams.connection import redis
from streams.history import Kept
from streams.lease import Lease
from streams.numbering import Numbering
from streams.publishers.redis import Publisher
from streams.recall import Recall
from streams.rejections import Rejections
from streams.session import Session
from streams.tape import Tape
from tests.exchanges.ours import Ours
from tests.sandbox_server import SandboxServer

WANT = ("trade", "ETH-USD-PERP_ETH")


async def test_a_trade_that_deribit_left_out_is_fetched_by_its_count(sandbox: SandboxServer) -> None:
    ours = Ours("deribit", sandbox)
    markets = await ours.load()
    publisher = Publisher(redis(), get_channel_layer(), 1000, 2**20, lambda: None, lambda lease: None)
    numbering = Numbering("deribit", Lease("lease:deribit:0-0", "1:one"), markets, publisher, "", lambda *_: None)
    client = Client(ours.card, Budget(redis(), "deribit", ours.card.limits))
    connects = Budget(redis(), "deribit:connects:0", [])
    recall = Recall(ours.card, client, redis(), 600)
    track = Tape(redis(), "one", 2**20).track(ours.card, "0-0", markets)
    session = Session(ours.card, 0, markets, numbering, client, Rejections("deribit"), connects, recall, track)
    session.open(WANT, Kept(), time.time_ns())
    session.want(frozenset({WANT}))
    running = asyncio.create_task(session.run())
    try:
        await _until(publisher, lambda events: _names(events).count("trade") >= 3)
        sandbox.fault("skip", exchange="deribit", stream="trade", symbol="ETH-USDT", count=2)
        await _until(publisher, lambda events: _names(events)[-1] == "trade" and "repaired" in _names(events))
    finally:
        running.cancel()
    events = _events(publisher)
    [gap], [repaired] = ([event for event in events if event["event"] == name] for name in ("gap", "repaired"))
    assert (gap["reason"], gap["repair"], repaired["complete"]) == ("sequence", "pending", True)
    assert repaired["count"] == len([event for event in events if event["source"] == "backfill"]) > 0
    ids = [int(event["trade_id"].removeprefix("ETH-")) for event in events if event["event"] == "trade"]
    assert {after - before for before, after in zip(ids, ids[1:], strict=False)} == {1000}  # of the invented exchange


def _events(publisher: Publisher) -> list[dict[str, Any]]:
    """What waits for the flush, which nobody makes here."""
    return [json.loads(event) for batch in publisher._batches for event in batch.events]


def _names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


async def _until(publisher: Publisher, found: Any) -> None:
    async with asyncio.timeout(20):
        while not (found(events) if (events := _events(publisher)) else False):
            await asyncio.sleep(0.02)
