"""From the exchange's frame to a client's message, over real sockets, Redis and PostgreSQL."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from channels.db import database_sync_to_async
from redis import Redis

from marketdata import ingest, times
from marketdata.models import Candle
from streams import demand, keys
from streams.connection import redis
from streams.hold import Holder
from streams.markets import markets
from streams.publishers.candles import CandleWriter
from tests.sandbox_server import SandboxServer
from tests.streams.heard import assert_unbroken, is_, replayed, trade_ids
from tests.streams.live import Web, hold_loop

TRADE, DEPTH = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT"
TICKER, CANDLE, BEST = "binance.ticker.BTC-USDT", "binance.candle_1m.BTC-USDT", "binance.depth_5.BTC-USDT"


async def test_a_subscriber_hears_every_stream_of_a_market_that_nobody_streamed(web: Web, holder: Holder) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE, DEPTH, TICKER, CANDLE, BEST)
        replies = [await client.next() for _ in range(5)]
        assert [(reply["topic"], reply["result"]) for reply in replies] == [
            (topic, True) for topic in (TRADE, DEPTH, TICKER, CANDLE, BEST)
        ]
        wanted = {TRADE: "trade", DEPTH: "depth", TICKER: "ticker", CANDLE: "candle", BEST: "depth"}
        while wanted.keys() - {event.get("topic") for event in client.heard if event.get("seq")}:
            await client.next()
        await client.several(20, is_("trade"))
        assert all(event["sandbox"] is True and event["exchange"] == "binance" for event in client.heard[5:])
        ids = trade_ids(client.counted(TRADE))
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert_unbroken(client.counted(TRADE))
        assert_unbroken(client.counted(DEPTH))
        assert client.counted(DEPTH)[0]["type"] == "snapshot"
        statuses = [
            event["status"] for event in client.heard if event.get("topic") == TRADE and event.get("event") == "status"
        ]
        assert statuses == ["starting", "live"]


async def test_a_late_joiner_gets_the_book_and_trades_at_their_positions_then_what_follows(
    web: Web, holder: Holder
) -> None:
    async with web.client() as first, web.client() as second:
        await first.subscribe(TRADE, DEPTH)
        await first.several(30, is_("trade"))
        await first.several(5, is_("depth"))
        await second.subscribe(TRADE, DEPTH)
        await second.several(60, is_("trade"))
        await second.several(10, is_("depth"))
        assert_unbroken(second.counted(TRADE))
        assert_unbroken(second.counted(DEPTH))
        assert second.counted(DEPTH)[0]["type"] == "snapshot"
        last = second.counted(DEPTH)[-1]
        await first.until(lambda event: event.get("topic") == DEPTH and event["seq"] >= last["seq"])
        heard = [event for event in first.counted(DEPTH) if event["seq"] <= last["seq"]]
        assert replayed(heard) == replayed(second.counted(DEPTH))


async def test_the_book_is_the_exchanges_own(web: Web, holder: Holder, sandbox: SandboxServer) -> None:
    """As soon as both stand at the same update, every one of the best 1,000 levels is the same."""
    async with web.client() as client:
        await client.subscribe(DEPTH)
        theirs = {"lastUpdateId": None}
        async with asyncio.timeout(20):
            while not client.counted(DEPTH) or client.counted(DEPTH)[-1]["sequence"] != theirs["lastUpdateId"]:
                await client.until(is_("depth"))
                theirs = await asyncio.to_thread(sandbox.get, "/binance/api/v3/depth?symbol=BTCUSDT&limit=1000")
    bids, asks = replayed(client.counted(DEPTH))
    for ours, side in ((bids, theirs["bids"]), (asks, theirs["asks"])):
        assert ours == {Decimal(price): Decimal(quantity) for price, quantity in side}
    assert max(bids) < min(asks)


async def test_all_clients_hear_the_same_texts(web: Web, holder: Holder, clean_redis: Redis) -> None:
    async with web.client() as one, web.client() as other:
        for client in (one, other):
            await client.subscribe(TRADE)
            await client.until(is_("trade"))
        await one.several(20, is_("trade"))
        await other.several(20, is_("trade"))
        heard = {event["seq"]: event for event in one.counted(TRADE)}
        common = [event for event in other.counted(TRADE) if event["seq"] in heard]
        assert len(common) > 5
        assert all(heard[event["seq"]] == event for event in common)
        kept = b"\n".join(fields[b"events"] for _, fields in clean_redis.xrange(f"stream:{TRADE}"))
        assert all(f'"seq":{event["seq"]},'.encode() in kept for event in common)


async def test_a_pinned_stream_runs_without_a_subscriber(web: Web, listed: None, clean_redis: Redis) -> None:
    async with hold_loop(pins={TICKER}), web.client() as client:
        await client.subscribe(TICKER)
        first = await client.until(is_("ticker", TICKER))
        assert first["bid_price"] < first["ask_price"]


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"pair": "BTCUSDT", "stream": "trades"}, "unknown_stream", "nearest: trade"),
        ({"pair": "BTCUSDT", "stream": "depth_7"}, "unknown_stream", "depth_5"),
        ({"pair": "BTCUSTD", "stream": "trade"}, "unknown_pair", "BTC-USDT"),
        ({"exchange": "binanec", "pair": "BTCUSDT", "stream": "trade"}, "unknown_exchange", "binance"),
        ({"pair": "BTCUSDT"}, "bad_request", "`stream` is missing"),
        ({"topics": []}, "bad_request", "topics"),
        ({"topics": ["nonsense"]}, "bad_request", "<exchange>.<stream>.<symbol>"),
        ({"pair": "BTCUSDT", "stream": "trade", "colour": "red"}, "bad_request", "colour"),
    ],
)
async def test_a_refusal_names_what_came_and_what_would_do(
    web: Web, request_: dict[str, Any], code: str, words: str
) -> None:
    async with web.client() as client:
        await client.say(action="subscribe", id=9, **request_)
        reply = await client.next()
        assert (reply["action"], reply["result"], reply["id"]) == ("subscribe", False, 9)
        assert reply["error"]["code"] == code
        assert words in reply["error"]["message"]
        await client.say(action="ping")
        assert (await client.next())["action"] == "ping"


@pytest.mark.parametrize("frame", [b"\x00\xff", "{", "[]", "42", '{"action": "dance"}', "[" * 5000, '{"action": {}}'])
async def test_a_malformed_message_gets_an_error_and_the_connection_stays(web: Web, frame: Any) -> None:
    async with web.client() as client:
        await client.socket.send(frame)
        reply = await client.next()
        assert reply["result"] is False and reply["error"]["code"] == "bad_request"
        await client.say(action="list", id="x")
        assert await client.next() == {"action": "list", "subscriptions": [], "result": True, "id": "x"}


async def test_any_spelling_of_a_pair_means_the_same_topic_and_the_reply_repeats_it(web: Web, holder: Holder) -> None:
    async with web.client() as client:
        for pair in ("BTCUSDT", "btc-usdt", "BTC/USDT", "BTC-USDT"):
            await client.say(action="subscribe", pair=pair, stream="trade", id=pair)
            reply = await client.until(lambda event, pair=pair: event.get("id") == pair)
            assert reply == {
                "action": "subscribe",
                "subscription": f"{pair}-trade",
                "topic": TRADE,
                "result": True,
                "id": pair,
            }
        await client.say(action="unsubscribe", pair="BTCUSDT", stream="trade")
        await client.until(lambda event: event.get("action") == "unsubscribe" and event["result"])
        await client.say(action="list", id="end")
        told = await client.until(lambda event: event.get("id") == "end")
        assert told["subscriptions"] == []


async def test_a_market_that_is_no_longer_listed_can_still_be_left(web: Web, holder: Holder) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE)
        await client.until(is_("trade", TRADE))
        known = await markets().of("binance")
        listed = list(known.by_symbol.values())
        known.become([market for market in listed if market.symbol != "BTC-USDT"])
        try:
            await client.say(action="unsubscribe", topics=[TRADE])
            reply = await client.until(lambda message: message.get("action") == "unsubscribe")
        finally:
            known.become(listed)
        assert reply["result"] is True


async def test_a_stream_stops_a_while_after_its_last_subscriber_left(
    web: Web, holder: Holder, clean_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demand, "KEEP_S", 2)
    async with web.client() as stays, web.client() as leaves:
        await stays.subscribe(TICKER)
        await leaves.subscribe(TRADE)
        await leaves.until(is_("trade", TRADE))
        await leaves.say(action="unsubscribe", topics=[TRADE])
        await leaves.until(lambda message: message.get("action") == "unsubscribe")
        async with asyncio.timeout(20):
            while clean_redis.hget(keys.latest(TRADE), "stopped") != b"1":
                await demand.want(redis(), [TICKER], 5)
                await stays.until(is_("ticker", TICKER))
        last = clean_redis.xrevrange(keys.history(TRADE), count=1)
        await stays.several(3, is_("ticker", TICKER))
        assert clean_redis.xrevrange(keys.history(TRADE), count=1) == last


async def test_closed_candles_are_stored_as_the_exchange_has_them(
    web: Web, listed: None, sandbox: SandboxServer
) -> None:
    topic = "binance.candle_1s.BTC-USDT"
    writer = CandleWriter(ingest.closed_candles)
    writing = asyncio.create_task(writer.run())
    try:
        async with hold_loop(pins={topic}, closed=writer), web.client() as client:
            await client.subscribe(topic)
            candle = await client.until(is_("candle", topic, closed=True))
            async with asyncio.timeout(20):
                while not (rows := await stored(candle["open_time"])):
                    await client.until(is_("candle", topic))
    finally:
        writing.cancel()
    start_ms = candle["open_time"]
    [theirs] = sandbox.get(f"/binance/api/v3/klines?symbol=BTCUSDT&interval=1s&startTime={start_ms}&limit=1")
    assert rows == [tuple(map(Decimal, theirs[1:6]))]
    assert rows == [tuple(candle[name] for name in ("open", "high", "low", "close", "volume"))]


@database_sync_to_async
def stored(open_ms: int) -> list[tuple[Decimal, ...]]:
    found = Candle.objects.filter(interval__code="1s", open_time=times.from_ms(open_ms))
    return list(found.values_list("open", "high", "low", "close", "volume"))
