"""The newest state of one market over REST, from the running stream and from the exchange."""

import asyncio
import re
from decimal import Decimal
from typing import Any

import pytest
from redis import Redis

from streams import keys
from streams.hold import Holder
from tests.sandbox_server import SandboxServer
from tests.streams.live import Web, hold_loop
from tests.streams.rest import Get

TRADE, DEPTH, TICKER = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT", "binance.ticker.BTC-USDT"


@pytest.mark.parametrize("spelling", ["BTC-USDT", "btc/usdt", "BTCUSDT"])
async def test_the_exchange_is_asked_for_what_nobody_streams_in_any_spelling(get: Get, spelling: str) -> None:
    status, ticker = await get("ticker/", symbol=spelling)
    assert status == 200
    assert (ticker["event"], ticker["symbol"], ticker["live"], ticker["sandbox"]) == ("ticker", "BTC-USDT", False, True)
    assert ticker["bid_price"] < ticker["ask_price"]
    assert "seq" not in ticker


async def test_trades_and_depth_of_what_nobody_streams(get: Get) -> None:
    _, trades = await get("trades/", symbol="ETH-USDT", limit=7)
    ids = [int(trade["trade_id"]) for trade in trades["results"]]
    assert trades["live"] is False
    assert ids == list(range(ids[0], ids[0] + 7))
    _, depth = await get("depth/", symbol="ETH-USDT", limit=7)
    assert (depth["type"], depth["live"], len(depth["bids"]), len(depth["asks"])) == ("snapshot", False, 7, 7)
    assert depth["bids"] == sorted(depth["bids"], reverse=True)
    assert depth["bids"][0][0] < depth["asks"][0][0]


async def test_numbers_as_text_are_the_same_digits(get: Get) -> None:
    (_, numbers), (_, texts) = await asyncio.gather(
        get("trades/", symbol="BTC-USDT"), get("trades/", symbol="BTC-USDT", numbers="text")
    )
    assert [str(trade["price"]) for trade in numbers["results"]] == [trade["price"] for trade in texts["results"]]
    assert type(texts["results"][0]["trade_time"]) is int


async def test_who_asks_at_the_same_moment_shares_one_answer(get: Get) -> None:
    answers = await asyncio.gather(*[get("ticker/", symbol="SOL-USDT") for _ in range(5)])
    assert {status for status, _ in answers} == {200}
    assert len({ticker["received_time"] for _, ticker in answers}) == 1


async def test_a_running_stream_answers_from_where_its_clients_are(web: Web, holder: Holder, get: Get) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE, TICKER, DEPTH)
        heard = await client.until(lambda event: event.get("topic") == TICKER and event.get("seq"))
        _, ticker = await get("ticker/", symbol="BTC-USDT")
        assert ticker["live"] is True
        assert (ticker["epoch"], ticker["source"]) == (heard["epoch"], "live")
        assert ticker["seq"] >= heard["seq"]
        await client.until(lambda event: event.get("topic") == TRADE and event.get("seq", 0) and event["seq"] > 5)
        _, trades = await get("trades/", symbol="BTC-USDT", limit=5)
        seqs = [trade["seq"] for trade in trades["results"]]
        assert trades["live"] is True
        assert seqs == list(range(seqs[0], seqs[0] + 5))


async def test_the_book_over_rest_is_the_one_a_client_has_at_that_position(
    web: Web,
    holder: Holder,
    get: Get,
) -> None:
    async with web.client() as client:
        await client.subscribe(DEPTH)
        await client.until(lambda event: event.get("topic") == DEPTH and (event.get("seq") or 0) > 20)
        _, book = await get("depth/", symbol="BTC-USDT", limit=1000)
        assert book["live"] is True
        if client.counted(DEPTH)[-1]["seq"] < book["seq"]:
            await client.until(lambda event: event.get("topic") == DEPTH and (event.get("seq") or 0) >= book["seq"])
        events = [event for event in client.counted(DEPTH) if event["seq"] <= book["seq"]]
        assert {event["epoch"] for event in events} == {book["epoch"]}
        for side in ("bids", "asks"):
            assert dict(book[side]) == replayed(events, side)


def replayed(events: list[dict[str, Any]], side: str) -> dict[Decimal, Decimal]:
    levels: dict[Decimal, Decimal] = {}
    for event in events:
        levels = {} if event["type"] == "snapshot" else levels
        levels.update((price, quantity) for price, quantity in event[side])
    return {price: quantity for price, quantity in levels.items() if quantity}


async def test_a_stream_whose_worker_has_gone_is_no_longer_taken_for_live(
    web: Web, get: Get, clean_redis: Redis
) -> None:
    async with hold_loop(), web.client() as client:
        await client.subscribe(TICKER)
        await client.until(lambda event: event.get("topic") == TICKER and event.get("seq"))
    clean_redis.zadd(keys.RUNNING, {TICKER: 1})
    said = clean_redis.hget(keys.latest(TICKER), "status")
    clean_redis.hset(keys.latest(TICKER), "status", re.sub(rb'"received_time":\d+', b'"received_time":1', said))
    _, ticker = await get("ticker/", symbol="BTC-USDT")
    assert ticker["live"] is False


@pytest.mark.parametrize(
    ("path", "query", "status", "code", "words"),
    [
        ("ticker/", {"symbol": "BTCUSTD"}, 404, "unknown_pair", "BTC-USDT"),
        ("ticker/", {}, 400, "bad_request", "symbol is missing"),
        ("ticker/", {"symbol": "BTC-USDT", "exchange": "binanec"}, 404, "unknown_exchange", "binance"),
        ("ticker/", {"symbol": "BTC-USDT", "limit": 5}, 400, "bad_request", "limit is not known"),
        ("trades/", {"symbol": "BTC-USDT", "limit": 0}, 400, "bad_request", "from 1 to 1000"),
        ("depth/", {"symbol": "BTC-USDT", "limit": 1001}, 400, "bad_request", "from 1 to 1000"),
        ("status/", {"colour": "red"}, 400, "bad_request", "colour"),
    ],
)
async def test_a_refusal_says_what_would_do(
    get: Get,
    path: str,
    query: dict[str, Any],
    status: int,
    code: str,
    words: str,
) -> None:
    answered, body = await get(path, **query)
    assert (answered, body["error"]["code"]) == (status, code)
    assert words in body["error"]["message"]


async def test_reading_needs_a_token_where_it_is_not_open(get: Get, settings: Any) -> None:
    settings.OPEN_READ = False
    for path in ("ticker/", "trades/", "depth/", "status/"):
        status, body = await get(path, symbol="BTC-USDT")
        assert (status, body["error"]["code"]) == (401, "not_authenticated")


async def test_an_exchange_that_fails_is_named_and_left_alone_for_a_while(get: Get, sandbox: SandboxServer) -> None:
    sandbox.fault("status", status=500, seconds=30)
    status, body = await get("ticker/", symbol="LTC-USDT")
    assert (status, body["error"]["code"]) == (503, "unavailable")
    assert "Binance Spot" in body["error"]["message"]
    sandbox.clear()
    status, body = await get("ticker/", symbol="ADA-USDT")
    assert status == 503
