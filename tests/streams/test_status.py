"""The state of all streams: what is carried, and what should be and is not."""

import asyncio

from redis import Redis

from marketdata import cards
from streams import keys
from streams.hold import Holder
from streams.status import ORPHAN, SHOWN, stream
from tests.streams.live import PATIENCE_S, Web
from tests.streams.rest import Get

TRADE = "binance.trade.BTC-USDT"
NOTHING = dict.fromkeys(SHOWN)


async def test_a_stream_that_runs_says_how_and_where(web: Web, holder: Holder, get: Get) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE)
        heard = await client.until(lambda event: event.get("topic") == TRADE and event.get("seq"))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                _, status = await get("status/")
                [row] = status["streams"]
                if row["rate"]:  # said with the first heartbeat
                    break
                await client.next()
    assert (row["topic"], row["status"], row["gaps"], row["loop"]) == (TRADE, "live", 0, holder.name)
    assert (row["exchange"], row["stream"], row["symbol"]) == ("binance", "trade", "BTC-USDT")
    assert (row["epoch"], row["seq"] >= heard["seq"]) == (heard["epoch"], True)
    assert 0 <= row["lag_ms"] < 10_000
    [exchange] = status["exchanges"]
    requests = exchange.pop("requests")
    assert exchange == {"exchange": "binance", "connections": 1, "connected": 1, "rejected": 0, "troubles": []}
    assert [(one["amount"], one["window_s"], one["scope"]) for one in requests] == [
        (limit.amount, limit.window_s, limit.scope) for limit in cards.card("binance").limits
    ]
    assert all(0 <= one["left"] <= one["amount"] and one["reset_time"] > status["time"] for one in requests)
    assert [(loop["loop"], loop["shards"], loop["topics"]) for loop in status["loops"]] == [(holder.name, 1, 1)]
    memory = status["memory"]
    assert memory["history_budget_bytes"] == holder.history_bytes
    assert 0 <= memory["history_bytes"] < memory["redis_bytes"]


async def test_what_is_wanted_and_carried_by_nobody_is_shown_so(get: Get, clean_redis: Redis) -> None:
    clean_redis.zadd(keys.DEMAND, {TRADE: 2_000_000_000_000})
    _, status = await get("status/", exchange="binance")
    assert [(row["topic"], row["status"], row["detail"]) for row in status["streams"]] == [(TRADE, "starting", ORPHAN)]
    assert status["loops"] == []


def test_a_stream_that_ran_and_is_carried_by_nobody_is_stale_and_has_no_rate():
    fields = {**NOTHING, b"stopped": b"0", b"rate": b"5.0", b"lag_ms": b"3", b"position": b"7-42", b"gaps": b"2"}
    row = stream(TRADE, fields, heartbeat_s=1, now_s=9)
    assert (row["status"], row["detail"]) == ("stale", ORPHAN)
    assert (row["rate"], row["lag_ms"], row["loop"]) == (None, None, None)
    assert (row["epoch"], row["seq"], row["gaps"]) == (7, 42, 2)


def test_the_last_word_of_the_stream_itself_is_shown():
    said = b'{"event":"status","status":"reconnecting","detail":"the exchange closed the connection"}'
    row = stream(TRADE, {**NOTHING, b"stopped": b"0", b"status": said}, heartbeat_s=7, now_s=9)
    assert (row["status"], row["detail"]) == ("reconnecting", "the exchange closed the connection")
