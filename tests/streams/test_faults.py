"""What a client sees when an exchange, a connection, a hold loop or a client itself fails."""

import asyncio
import json
import logging
import socket
from typing import Any

import pytest
from redis import Redis

from streams import consumer, keys, silence
from streams.hold import Holder
from tests.sandbox_server import SandboxServer
from tests.streams.heard import assert_unbroken, is_, trade_ids
from tests.streams.live import Web, hold_loop

TRADE, DEPTH, TICKER = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT", "binance.ticker.BTC-USDT"


def assert_no_trade_missing(events: list[dict[str, Any]]) -> None:
    ids = trade_ids(events)
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_a_disconnect_is_a_gap_and_its_trades_are_repaired_before_live_ones_go_on(
    web: Web, holder: Holder, sandbox: SandboxServer
) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE, DEPTH)
        await client.several(10, is_("trade"))
        await client.until(is_("depth"))
        sandbox.fault("disconnect")
        gap = await client.until(is_("gap", TRADE))
        assert (gap["reason"], gap["repair"], gap["seq"]) == ("disconnect", "pending", 1)
        repaired = await client.until(is_("repaired", TRADE))
        assert repaired["complete"] is True
        await client.several(10, is_("trade", source="live"))
        await client.until(is_("depth", type="delta"))
    events = client.counted(TRADE)
    assert_unbroken(events)
    assert_no_trade_missing(events)
    assert repaired["count"] == len([event for event in events if event["source"] == "backfill"])
    depth = client.counted(DEPTH)
    assert_unbroken(depth)
    after = depth[[event["event"] for event in depth].index("gap") + 1]
    assert (after["event"], after["type"]) == ("depth", "snapshot")
    statuses = [event["status"] for event in client.heard if event.get("topic") == TRADE and event.get("status")]
    assert statuses[-2:] == ["reconnecting", "live"]


async def test_a_trade_that_the_exchange_left_out_is_fetched(web: Web, holder: Holder, sandbox: SandboxServer) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE)
        await client.several(5, is_("trade"))
        sandbox.fault("skip", stream="trade", symbol="BTC-USDT", count=2)
        gap = await client.until(is_("gap", TRADE))
        assert (gap["reason"], gap["repair"]) == ("sequence", "pending")
        repaired = await client.until(is_("repaired", TRADE))
        assert (repaired["count"], repaired["complete"]) == (2, True)
        await client.several(5, is_("trade", source="live"))
    assert_unbroken(client.counted(TRADE))
    assert_no_trade_missing(client.counted(TRADE))


async def test_a_repair_that_takes_long_lets_live_trades_pass_and_comes_late_and_marked(
    web: Web, holder: Holder, sandbox: SandboxServer
) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE)
        await client.several(5, is_("trade"))
        sandbox.fault("slow", path="/api/v3/historicalTrades", delay_s=4)
        sandbox.fault("skip", stream="trade", symbol="BTC-USDT", count=1)
        await client.until(is_("gap", TRADE))
        await client.until(is_("trade", source="live"))
        late = await client.until(is_("trade", source="backfill"))
        repaired = await client.until(is_("repaired", TRADE))
        assert (repaired["count"], repaired["complete"]) == (1, True)
    assert_unbroken(client.counted(TRADE))
    ids = trade_ids(client.counted(TRADE))
    assert sorted(ids) == list(range(min(ids), max(ids) + 1))
    assert ids.index(int(late["trade_id"])) > 5


@pytest.mark.parametrize("form", ["truncated", "binary", "unknown"])
async def test_a_broken_frame_is_counted_and_logged_once_and_the_feed_goes_on(
    web: Web, holder: Holder, sandbox: SandboxServer, clean_redis: Redis, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE)
        await client.several(3, is_("trade"))
        with caplog.at_level(logging.WARNING, "streams.rejections"):
            sandbox.fault("broken_frame", form=form, symbol="BTC-USDT", stream="trade", count=3)
            async with asyncio.timeout(20):
                while _rejected(clean_redis) < 3:
                    await client.until(is_("trade"))
        await client.several(5, is_("trade"))
    assert_no_trade_missing(client.counted(TRADE))
    assert len([record for record in caplog.records if "rejected" in record.getMessage()]) == 1


def _rejected(store: Redis) -> int:
    return sum(json.loads(said)["rejected"] for said in store.hgetall("state:binance").values())


async def test_an_exchange_that_goes_silent_is_stale_and_connected_anew(
    web: Web, holder: Holder, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "LEAST_S", 1.0)
    monkeypatch.setattr(silence, "STEADY_S", 1.0)
    async with web.client() as client:
        await client.subscribe(TRADE, TICKER)
        await client.several(40, is_("trade"))
        sandbox.fault("silent", seconds=60)
        gap = await client.until(is_("gap", TRADE), patience_s=40)
        assert gap["reason"] == "stale"
        assert (await client.until(is_("repaired", TRADE)))["complete"] is True
        await client.several(3, is_("trade", source="live"))
    assert_no_trade_missing(client.counted(TRADE))


async def test_the_exchanges_shutdown_notice_moves_the_connection_before_it_is_closed(
    web: Web, holder: Holder, sandbox: SandboxServer
) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE, DEPTH)
        await client.several(5, is_("trade"))
        await client.until(is_("depth", type="delta"))
        first = next(iter(holder._held.values()))
        sandbox.fault("shutdown", delay_s=10)
        await client.until(lambda _: next(iter(holder._held.values())) is not first)
        await client.several(20, is_("trade"))
        await client.until(is_("depth", type="delta"))
    for topic in (TRADE, DEPTH):
        assert_unbroken(client.counted(topic))
        assert len({event["epoch"] for event in client.counted(topic)}) == 1
    assert_no_trade_missing(client.counted(TRADE))


async def test_refused_connections_and_rest_errors_are_waited_out(
    web: Web, holder: Holder, sandbox: SandboxServer
) -> None:
    async with web.client() as client:
        await client.subscribe(DEPTH)
        await client.until(is_("depth"))
        sandbox.fault("refuse_connections", count=2)
        sandbox.fault("status", status=429, retry_after_s=1, path="/api/v3/depth")
        sandbox.fault("disconnect")
        await client.until(is_("gap", DEPTH))
        await client.until(is_("depth", type="snapshot"))
    assert_unbroken(client.counted(DEPTH))


async def test_a_loop_that_stops_hands_over_at_once_and_the_next_says_what_was_missed(web: Web, listed: None) -> None:
    async with web.client() as client, hold_loop(spread=2) as _:
        async with hold_loop(spread=2):
            await client.subscribe(TRADE, DEPTH)
            await client.several(5, is_("trade"))
            await client.until(is_("depth"))
        # Whichever of the two carried it: the one that is left does now.
        await client.several(10, is_("trade"))
        await client.several(3, is_("depth"))
    assert_unbroken(client.counted(TRADE))
    assert_unbroken(client.counted(DEPTH))
    assert_no_trade_missing(client.counted(TRADE))


async def test_a_redis_that_comes_back_empty_stops_no_stream(web: Web, holder: Holder, clean_redis: Redis) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE)
        await client.several(5, is_("trade"))
        clean_redis.flushdb()
        async with asyncio.timeout(20):
            while not clean_redis.exists(keys.plan("binance")):
                await client.until(is_("trade"))
        await client.several(20, is_("trade"))
    assert not [event for event in client.heard if event.get("status") == "stopped"]
    assert_no_trade_missing(client.counted(TRADE))


@pytest.mark.parametrize(("requests", "stalled_s"), [(10, 0.3), (30, 3600.0)], ids=["stalled", "overflowed"])
async def test_a_client_that_reads_nothing_is_closed_with_1013_and_others_do_not_wait(
    web: Web, holder: Holder, settings: Any, monkeypatch: pytest.MonkeyPatch, requests: int, stalled_s: float
) -> None:
    """Either because nothing moves any more, or because too much waits."""
    settings.OUTBOX_MB, settings.MOST_REQUESTS_S = 2, 10_000
    monkeypatch.setattr(consumer, "STALLED_S", stalled_s)
    monkeypatch.setattr(consumer, "GUARD_S", 0.1)
    async with web.client() as quick:
        await quick.subscribe(TRADE)
        await quick.until(is_("trade"))
        with socket.socket() as small:
            small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            small.setblocking(False)
            port = int(web.ws.rsplit(":", 1)[1].split("/")[0])
            await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", port))
            async with web.client(sock=small.dup(), max_queue=1, close_timeout=1) as slow:
                # Asks for much that is refused in many words, and reads none of it.
                for _ in range(requests):
                    await slow.subscribe(*["n" * 190 + str(number) for number in range(800)])
                await quick.several(8, is_("trade"))
                assert await slow.close_code() == 1013
    assert_unbroken(quick.counted(TRADE))
