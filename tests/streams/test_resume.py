"""A client goes on where it stopped: with no hole and nothing twice, or it is told that this cannot be."""

import asyncio
from typing import Any

import pytest
from redis import Redis

from streams import keys
from streams.hold import Holder
from tests.sandbox_server import SandboxServer
from tests.streams.heard import assert_unbroken, is_, replayed, trade_ids
from tests.streams.live import Event, Listener, Web

TRADE, DEPTH = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT"
TICKER, CANDLE = "binance.ticker.BTC-USDT", "binance.candle_1s.BTC-USDT"


@pytest.fixture
def sandbox(busy: SandboxServer) -> SandboxServer:
    """Many trades are waited for."""
    return busy


def at(event: Event) -> dict[str, int]:
    return {"epoch": event["epoch"], "seq": event["seq"]}


async def resumed(client: Listener, topic: str, position: dict[str, int]) -> bool:
    await client.say(action="subscribe", topics=[topic], **{"from": position})
    return (await client.until(lambda event: event.get("action") == "subscribe"))["recovered"]


async def first_part(web: Web, *topics: str, count: int = 30) -> Listener:
    """A client that has heard some of each topic and is gone."""
    async with web.client() as client:
        await client.subscribe(*topics)
        for topic in topics:
            await client.until(lambda event, topic=topic: event.get("topic") == topic and event.get("seq"))
        await client.several(count, is_("trade"))
    return client


async def test_trades_and_a_book_go_on_with_nothing_missing_and_nothing_twice(
    web: Web, holder: Holder, sandbox: SandboxServer
) -> None:
    before = await first_part(web, TRADE, DEPTH)
    async with web.client() as meanwhile:
        await meanwhile.subscribe(TRADE)
        await meanwhile.several(80, is_("trade"))
    async with web.client() as client:
        last = {topic: at(before.counted(topic)[-1]) for topic in (TRADE, DEPTH)}
        await client.say(action="subscribe", topics=[TRADE, DEPTH], **{"from": last})
        replies = await client.several(2, lambda event: event.get("action") == "subscribe")
        assert [reply["recovered"] for reply in replies] == [True, True]
        await client.several(100, is_("trade"))
        await client.until(is_("depth", type="delta"))
    for topic in (TRADE, DEPTH):
        assert_unbroken(before.counted(topic) + client.counted(topic))
    assert all(event["type"] == "delta" for event in client.counted(DEPTH))
    ids = trade_ids(before.counted(TRADE) + client.counted(TRADE))
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    bids, asks = replayed(before.counted(DEPTH) + client.counted(DEPTH))
    assert max(bids) < min(asks)


async def test_a_gap_in_between_is_told_in_its_place(web: Web, holder: Holder, sandbox: SandboxServer) -> None:
    before = await first_part(web, TRADE)
    async with web.client() as meanwhile:
        await meanwhile.subscribe(TRADE)
        await meanwhile.until(is_("trade"))
        sandbox.fault("disconnect")
        await meanwhile.until(is_("repaired"))
        await meanwhile.several(10, is_("trade"))
    async with web.client() as client:
        assert await resumed(client, TRADE, at(before.counted(TRADE)[-1]))
        await client.until(is_("repaired"))
        await client.several(10, is_("trade", source="live"))
    events = before.counted(TRADE) + client.counted(TRADE)
    assert_unbroken(events)
    assert [event["reason"] for event in events if event["event"] == "gap"] == ["disconnect"]
    ids = trade_ids(events)
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_of_a_ticker_the_newest_and_of_candles_every_closed_one_follows(web: Web, holder: Holder) -> None:
    before = await first_part(web, TICKER, CANDLE, TRADE)
    async with web.client() as meanwhile:
        await meanwhile.subscribe(CANDLE)
        await meanwhile.several(3, is_("candle", closed=True))
    async with web.client() as client:
        for topic in (TICKER, CANDLE):
            assert await resumed(client, topic, at(before.counted(topic)[-1]))
        await client.until(is_("ticker"))
        await client.several(2, is_("candle", closed=True))
    for topic in (TICKER, CANDLE):
        positions = [(event["epoch"], event["seq"]) for event in before.counted(topic) + client.counted(topic)]
        assert positions == sorted(set(positions))
    closed = [event["open_time"] for event in before.heard + client.heard if is_("candle", closed=True)(event)]
    assert closed == list(range(closed[0], closed[-1] + 1, 1000))


async def test_of_a_ticker_a_gap_in_between_is_told_too(web: Web, holder: Holder, sandbox: SandboxServer) -> None:
    before = await first_part(web, TICKER, TRADE)
    async with web.client() as meanwhile:
        await meanwhile.subscribe(TICKER)
        await meanwhile.until(is_("ticker"))
        sandbox.fault("disconnect")
        await meanwhile.until(is_("gap", TICKER))
        await meanwhile.several(3, is_("ticker"))
    async with web.client() as client:
        assert await resumed(client, TICKER, at(before.counted(TICKER)[-1]))
        await client.several(2, is_("ticker"))
    first, second = client.counted(TICKER)[:2]
    assert (first["event"], first["reason"], second["event"]) == ("gap", "disconnect", "ticker")
    assert second["epoch"] == first["epoch"] > before.counted(TICKER)[-1]["epoch"]


async def test_a_topic_that_is_silent_since_its_loop_has_died_goes_on_where_it_was(
    web: Web, holder: Holder, clean_redis: Redis
) -> None:
    before = await first_part(web, TRADE)
    [held] = holder._held.values()
    held.task.cancel()
    holder._held.clear()
    clean_redis.hset(keys.latest(TRADE), "beat", 1)
    async with web.client() as client:
        assert await resumed(client, TRADE, at(before.counted(TRADE)[0]))
        await client.until(is_("gap", TRADE, reason="recovery"))
        await client.several(5, is_("trade", source="live"))
    assert_unbroken([before.counted(TRADE)[0], *client.counted(TRADE)])


async def test_what_is_no_longer_kept_is_not_recovered_and_the_newest_state_comes_first(
    web: Web, holder: Holder, clean_redis: Redis
) -> None:
    before = await first_part(web, TRADE)
    clean_redis.xtrim(keys.history(TRADE), maxlen=1, approximate=False)
    async with web.client() as client:
        assert not await resumed(client, TRADE, at(before.counted(TRADE)[0]))
        await client.several(5, is_("trade"))
    assert_unbroken(client.counted(TRADE))


@pytest.mark.parametrize(("epoch", "seq"), [(1, 1), (0, 10), (10**9, 0), (0, -1000)])
async def test_a_position_that_never_was_is_not_recovered(web: Web, holder: Holder, epoch: int, seq: int) -> None:
    last = at((await first_part(web, TRADE)).counted(TRADE)[-1])
    position = {"epoch": last["epoch"] + epoch, "seq": max(0, last["seq"] + seq * 1000)}
    async with web.client() as client:
        assert await resumed(client, TRADE, position) is (seq < 0)
        await client.until(is_("trade"))


async def test_an_epoch_that_began_without_a_gap_is_not_bridged(web: Web, holder: Holder, clean_redis: Redis) -> None:
    """The stream was stopped meanwhile: nobody knows what was missed."""
    before = await first_part(web, TRADE)
    clean_redis.delete(keys.DEMAND)
    async with web.client() as client:
        await _stopped(holder)
        await client.subscribe(TRADE)
        await client.until(is_("trade", TRADE, seq=1))
        assert not await resumed(client, TRADE, at(before.counted(TRADE)[-1]))


async def _stopped(holder: Holder) -> None:
    async with asyncio.timeout(20):
        while holder._held:
            await asyncio.sleep(0.05)


async def test_a_subscribed_topic_can_go_back_and_is_listed_once(web: Web, holder: Holder) -> None:
    async with web.client() as client:
        await client.subscribe(TRADE)
        first = await client.until(is_("trade"))
        await client.several(20, is_("trade"))
        assert await resumed(client, TRADE, at(first))
        again = await client.until(is_("trade"))
        assert (again["epoch"], again["seq"]) == (first["epoch"], first["seq"] + 1)
        await client.say(action="list")
        listed = await client.until(lambda event: event.get("action") == "list")
        assert [each["topic"] for each in listed["subscriptions"]] == [TRADE]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"from": {"epoch": 1}}, "from.At.seq"),
        ({"from": {"epoch": "1", "seq": 1}}, "from"),
        ({"from": {"kraken.trade.BTC-USD": {"epoch": 1, "seq": 1}}}, "'kraken.trade.BTC-USD'"),
        ({"from": {"epoch": 1, "seq": 1}, "topics": [TRADE, DEPTH]}, "an object of topic to position would do"),
        ({"from": {"epoch": 1, "seq": 1}, "action": "unsubscribe"}, "belongs to a subscribe request"),
    ],
)
async def test_a_position_that_makes_no_sense_is_refused(web: Web, request_: dict[str, Any], words: str) -> None:
    async with web.client() as client:
        await client.say(**{"action": "subscribe", "topics": [TRADE], **request_})
        reply = await client.next()
        assert (reply["result"], reply["error"]["code"]) == (False, "bad_request")
        assert words in reply["error"]["message"]
