"""Who joins late is told the newest state and what follows it: no hole, no change without a book, no flood."""

import asyncio
import json
from typing import Any

import pytest
from channels.layers import get_channel_layer
from redis import Redis

from streams import history, keys
from streams.connection import redis
from streams.fanout import Fanout
from streams.outbox import Outbox
from streams.position import Position
from tests.streams.test_fanout import DEPTH, TICKER, TRADE, Heard, Topic, event, joined, store

__all__ = ["store"]


async def test_a_book_that_is_carried_but_silent_is_waited_for(store: Redis) -> None:
    """As when Redis was away for longer than a heartbeat: what comes next may be a change."""
    depth = Topic(store, DEPTH, "depth")
    depth.keep(5, 1, 4)
    book = {"book": event("depth", 5, 4, type="snapshot"), "book_position": "5-4"}
    store.hset(keys.latest(DEPTH), mapping={**book, "beat": 1})
    fanout, heard = Fanout(redis(), get_channel_layer()), Heard()
    joining = asyncio.create_task(fanout.join(DEPTH, heard.outbox))
    await asyncio.wait({joining}, timeout=0.5)
    await depth.tell(5, 5, depth.keep(5, 5, 1, type="delta"))
    await asyncio.wait_for(joining, 5)
    assert await heard.until(2) == [4, 5]


async def test_a_late_joiner_hears_no_changes_of_an_epoch_that_is_over(store: Redis) -> None:
    depth = Topic(store, DEPTH, "depth")
    fanout, heard = await joined(DEPTH)
    await depth.tell(5, 1, depth.keep(5, 1, 1, type="snapshot"))
    await heard.until(1)
    depth.keep(5, 2, 3, type="delta")  # nobody here has heard of these yet
    Topic(store, DEPTH, "gap").keep(6, 1, 1)
    late = Heard()
    await fanout.join(DEPTH, late.outbox)
    await depth.tell(6, 2, depth.keep(6, 2, 1, type="snapshot"))
    assert await heard.until(6) == [1, 2, 3, 4, 1, 2]
    assert await late.until(1) == [2]


async def test_who_is_told_more_than_is_kept_meanwhile_has_lagged(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    fanout, heard = await joined(TRADE)
    await trades.tell(5, 1, trades.keep(5, 1, 2))
    await heard.until(2)

    async def trimmed(_: object, topic: str) -> Any:
        found = await last_trades(redis(), topic)
        await trades.tell(5, 3, trades.keep(5, 3, 3))
        await heard.until(5)
        store.delete(keys.history(topic))
        return found

    late, last_trades = Heard(), history.last_trades
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "last_trades", trimmed)
        await fanout.join(TRADE, late.outbox)
    assert await late.until(2) == [1, 2]
    assert late.outbox.lagged == {TRADE: (5, 2)}
    await fanout.catch_up(TRADE, late.outbox, late.outbox.lagged[TRADE])
    await trades.tell(5, 6, trades.keep(5, 6, 1))
    assert await late.until(4) == [1, 2, ("lagged", 3, {"epoch": 5, "seq": 2}), 6]


async def test_who_leaves_a_topic_that_lags_is_not_told_of_it_again(store: Redis) -> None:
    fanout, heard = await joined(TRADE)
    await fanout.leave([TRADE], heard.outbox)
    heard.outbox.lag(TRADE, Position(5, 1))
    await fanout.leave([TRADE], heard.outbox)
    assert heard.outbox.lagged == {}


@pytest.mark.parametrize("known_before", [True, False])
async def test_a_picture_from_before_a_gap_is_followed_by_the_gap(store: Redis, known_before: bool) -> None:
    ticker = Topic(store, TICKER, "ticker")
    picture = ticker.keep(5, 1, 3)[-1]
    fanout, heard = await joined(TICKER) if known_before else (Fanout(redis(), get_channel_layer()), Heard())
    gap = Topic(store, TICKER, "gap").keep(6, 1, 1)
    store.hset(keys.latest(TICKER), "event", picture)
    if known_before:
        await ticker.tell(6, 1, gap)
        assert await heard.until(2) == [3, 1]
    late = Heard()
    await fanout.join(TICKER, late.outbox)
    await ticker.tell(6, 2, ticker.keep(6, 2, 1))
    assert await late.until(3) == [3, 1, 2]


async def test_a_new_epoch_of_pictures_begins_with_its_gap_though_the_envelope_was_lost(store: Redis) -> None:
    ticker = Topic(store, TICKER, "ticker")
    ticker.keep(5, 1, 3)
    _, heard = await joined(TICKER)
    await heard.until(1)
    Topic(store, TICKER, "gap").keep(6, 1, 1)
    ticker.keep(6, 2, 2)
    await ticker.tell(6, 4, ticker.keep(6, 4, 1))
    await heard.until(3)
    assert [(e["event"], e["epoch"], e["seq"]) for e in heard.events] == [
        ("ticker", 5, 3),
        ("gap", 6, 1),
        ("ticker", 6, 4),
    ]


async def test_a_client_that_subscribes_to_many_books_at_once_is_not_flooded_by_them(store: Redis) -> None:
    topics = [f"binance.depth.T{number}-USDT" for number in range(40)]
    for topic in topics:
        Topic(store, topic, "depth").keep(5, 1, 1)
        book = event("depth", 5, 1, type="snapshot", topic=topic, bids=["x" * 60_000])
        store.hset(keys.latest(topic), mapping={"book": book, "book_position": "5-1"})
    fanout, outbox, told = Fanout(redis(), get_channel_layer()), Outbox(2**19), []
    joining = [asyncio.create_task(fanout.join(topic, outbox)) for topic in topics]
    async with asyncio.timeout(10):
        while len(told) < len(topics):
            told += [json.loads(each["text"])["topic"] for each in await outbox.take()]
            assert not outbox.full
    await asyncio.gather(*joining)
    assert sorted(told) == sorted(topics)
