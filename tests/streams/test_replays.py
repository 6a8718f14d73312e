"""Topics of replays: found in any spelling, refused with what would do; and hold loops leave alone what one tells."""

import pytest
from redis.asyncio import Redis

from exchanges.symbols import Topic
from streams import keys, replays
from streams.connection import redis
from streams.hold import Holder
from streams.messages import Refused
from streams.replays import Shown, meant
from tests.streams.heard import is_
from tests.streams.live import Web

TOPICS = [f"replay-k3.{name}" for name in ("binance.trade.BTC-USDT", "binance.depth.BTC-USDT", "okx.trade.kPEPE-USDC")]
RUNNING = {"k3": Shown(TOPICS, 0), "z9": Shown([], 0)}


@pytest.mark.parametrize("symbol", ["BTC-USDT", "btcusdt", "BTC/USDT"])
def test_any_spelling_of_a_market_means_the_replays_topic(symbol: str) -> None:
    assert meant(Topic("binance", "trade", symbol, "k3"), RUNNING) == "replay-k3.binance.trade.BTC-USDT"


REFUSED = {
    "replay-old.binance.trade.BTC-USDT": ("bad_request", "'old' runs (any more); k3, z9 would do"),
    "replay-k3.kraken.trade.BTC-USDT": ("unknown_exchange", "binance, okx would do"),
    "replay-k3.binance.ticker.BTC-USDT": ("unknown_stream", "does not have of BTC-USDT; depth, trade would do"),
    "replay-k3.binance.trade.BTC-USTD": ("unknown_pair", "nearest: BTC-USDT"),
}


@pytest.mark.parametrize("topic", REFUSED)
def test_what_a_replay_does_not_have_is_refused_with_what_would_do(topic: str) -> None:
    code, words = REFUSED[topic]
    with pytest.raises(Refused) as refused:
        meant(Topic.parse(topic), RUNNING)
    assert refused.value.code == code and words in str(refused.value)


def test_without_any_replay_that_is_said() -> None:
    with pytest.raises(Refused, match="none runs"):
        meant(Topic.parse(TOPICS[0]), {})


async def test_a_replay_is_known_for_as_long_as_it_is_heard_of(async_redis: Redis) -> None:
    await replays.show(async_redis, "k3", TOPICS, "playing")
    await replays.show(async_redis, "old", [], "playing", keep_s=-1)
    assert {name: shown.topics for name, shown in (await replays.running(async_redis)).items()} == {
        "k3": sorted(TOPICS)
    }
    assert await async_redis.hkeys(keys.REPLAYS) == [b"k3"]
    await replays.hide(async_redis, "k3")
    assert await replays.running(async_redis) == {}


async def test_topics_that_a_replay_tells_are_taken_until_they_are_given_back(async_redis: Redis) -> None:
    await replays.take(async_redis, ["binance.trade.BTC-USDT", "okx.trade.BTC-USDT"])
    await replays.give_back(async_redis, ["okx.trade.BTC-USDT"])
    assert await replays.taken(async_redis) == {"binance.trade.BTC-USDT"}
    await async_redis.zadd(keys.REPLAYED, {"binance.trade.BTC-USDT": 1})
    assert await replays.taken(async_redis) == set()


async def test_a_hold_loop_carries_no_topic_that_a_replay_tells(holder: Holder, web: Web) -> None:
    taken, free = "binance.trade.BTC-USDT", "binance.trade.ETH-USDT"
    await replays.take(redis(), [taken])
    async with web.client() as client:
        await client.subscribe(taken, free)
        await client.until(is_("trade", free))
        assert not [event for event in client.heard if event.get("topic") == taken and "event" in event]
        await replays.give_back(redis(), [taken])
        await client.until(is_("trade", taken))
