"""The fanout fills holes from the history, declares what is no longer kept, and says nothing twice."""

import asyncio
import json
import time
from typing import Any

import pytest
from channels.layers import channel_layers, get_channel_layer
from redis import Redis

from streams import envelope, keys
from streams.connection import redis
from streams.envelope import Item
from streams.fanout import Fanout
from streams.outbox import Outbox

TRADE, DEPTH = "binance.trade.BTC-USDT", "binance.depth.BTC-USDT"
TICKER, CANDLE = "binance.ticker.BTC-USDT", "binance.candle_1m.BTC-USDT"


def event(name: str, epoch: int, seq: int, **members: Any) -> bytes:
    return json.dumps({"event": name, "epoch": epoch, "seq": seq, **members}, separators=(",", ":")).encode()


class Topic:
    """One topic as a hold loop would write it."""

    def __init__(self, store: Redis, topic: str, name: str) -> None:
        self.store, self.topic, self.name = store, topic, name

    def keep(self, epoch: int, first: int, count: int, **members: Any) -> list[bytes]:
        """Into the history, and as the newest position."""
        events = [event(self.name, epoch, first + number, **members) for number in range(count)]
        entry = f"{epoch}-{first + count - 1}"
        self.store.xadd(keys.history(self.topic), {"events": b"\n".join(events)}, id=entry)
        about = {"position": entry, "stopped": "0", "beat": int(time.time())}
        self.store.hset(keys.latest(self.topic), mapping={**about, "event": events[-1]})
        return events

    async def tell(self, epoch: int, first: int, events: list[bytes], notes: list[Any] = ()) -> None:
        last = first + len(events) - 1
        item = Item(self.topic, epoch, first, events, [note if type(note) is tuple else (last, note) for note in notes])
        for group, message in envelope.messages([item]).items():
            await get_channel_layer().group_send(group, message)


class Heard:
    """A client's outbox, read as it fills."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.events: list[dict[str, Any]] = []

    async def until(self, count: int) -> list[Any]:
        """Positions, once so many events came; `lagged` as its count of dropped events."""
        async with asyncio.timeout(5):
            while len(self.events) < count:
                self.events += [json.loads(each["text"]) for each in await self.outbox.take()]
        return [e["seq"] if e["event"] != "lagged" else ("lagged", e["dropped"], e["from"]) for e in self.events]


@pytest.fixture
def store(clean_redis: Redis) -> Redis:
    channel_layers.backends.clear()
    return clean_redis


async def joined(topic: str) -> tuple[Fanout, Heard]:
    fanout, heard = Fanout(redis(), get_channel_layer()), Heard()
    await fanout.join(topic, heard.outbox)
    return fanout, heard


async def test_a_lost_envelope_is_filled_from_the_history(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    await trades.tell(5, 1, trades.keep(5, 1, 2))
    trades.keep(5, 3, 4)  # its envelope never comes
    await trades.tell(5, 7, trades.keep(5, 7, 1))
    assert await heard.until(7) == [1, 2, 3, 4, 5, 6, 7]


async def test_the_last_envelope_before_a_silence_is_filled_by_a_heartbeat(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    trades.keep(5, 1, 3)
    await trades.tell(5, 4, [])
    assert await heard.until(3) == [1, 2, 3]


async def test_repeated_and_overlapping_envelopes_are_said_once(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    first, second = trades.keep(5, 1, 3), trades.keep(5, 4, 2)
    await trades.tell(5, 1, first)
    await trades.tell(5, 1, first)
    await trades.tell(5, 2, first[1:] + second)
    await trades.tell(4, 90, [event("trade", 4, 90)])
    await trades.tell(5, 6, trades.keep(5, 6, 1))
    assert await heard.until(6) == [1, 2, 3, 4, 5, 6]
    assert len(heard.outbox) == 0


async def test_a_new_epoch_brings_the_end_of_the_old_one_first(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    await trades.tell(5, 1, trades.keep(5, 1, 1))
    trades.keep(5, 2, 2)
    await trades.tell(6, 1, trades.keep(6, 1, 1))
    assert await heard.until(4) == [1, 2, 3, 1]


async def test_what_is_no_longer_kept_is_declared(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    await trades.tell(5, 1, trades.keep(5, 1, 2))
    await heard.until(2)
    trades.keep(5, 3, 2)
    trades.keep(5, 5, 2)
    store.xtrim(keys.history(TRADE), maxlen=1, approximate=False)
    await trades.tell(5, 7, trades.keep(5, 7, 1))
    assert await heard.until(6) == [1, 2, ("lagged", 2, {"epoch": 5, "seq": 2}), 5, 6, 7]


async def test_an_empty_history_is_declared_too(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    await trades.tell(5, 1, trades.keep(5, 1, 2))
    await heard.until(2)
    store.delete(keys.history(TRADE))
    await trades.tell(5, 10, [])
    assert await heard.until(3) == [1, 2, ("lagged", 7, {"epoch": 5, "seq": 2})]


async def test_a_new_epoch_that_has_said_nothing_is_no_loss(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    await trades.tell(5, 1, trades.keep(5, 1, 2))
    await heard.until(2)
    await trades.tell(6, 1, [], [event("status", 6, 0)])
    await trades.tell(6, 1, trades.keep(6, 1, 1))
    assert await heard.until(4) == [1, 2, 0, 1]


async def test_a_book_whose_deltas_are_lost_goes_on_from_its_last_stored_state(store: Redis) -> None:
    depth = Topic(store, DEPTH, "depth")
    _, heard = await joined(DEPTH)
    await depth.tell(5, 1, depth.keep(5, 1, 1, type="snapshot"))
    await heard.until(1)
    depth.keep(5, 2, 5)
    store.hset(keys.latest(DEPTH), mapping={"book": event("depth", 5, 6, type="snapshot"), "book_position": "5-6"})
    store.delete(keys.history(DEPTH))
    await depth.tell(5, 7, depth.keep(5, 7, 2))
    assert await heard.until(5) == [1, ("lagged", 5, {"epoch": 5, "seq": 1}), 6, 7, 8]
    assert heard.events[2]["type"] == "snapshot"


async def test_a_late_joiner_of_depth_gets_the_stored_book_and_the_deltas_after_it(store: Redis) -> None:
    depth = Topic(store, DEPTH, "depth")
    depth.keep(5, 1, 4)
    store.hset(keys.latest(DEPTH), mapping={"book": event("depth", 5, 4, type="snapshot"), "book_position": "5-4"})
    depth.keep(5, 5, 3)
    _, heard = await joined(DEPTH)
    assert await heard.until(4) == [4, 5, 6, 7]


async def test_a_book_of_an_epoch_that_is_over_is_not_shown(store: Redis) -> None:
    depth = Topic(store, DEPTH, "depth")
    store.hset(keys.latest(DEPTH), mapping={"book": event("depth", 5, 4, type="snapshot"), "book_position": "5-4"})
    gap = depth.keep(6, 1, 1)
    _, heard = await joined(DEPTH)
    await depth.tell(6, 1, gap)
    await depth.tell(6, 2, depth.keep(6, 2, 1, type="snapshot"))
    assert await heard.until(1) == [2]


async def test_a_first_book_that_comes_while_a_client_joins_is_told_to_it(
    store: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth = Topic(store, DEPTH, "depth")
    depth.keep(6, 1, 1)
    fanout, first = await joined(DEPTH)
    reach = fanout._reach

    async def reach_late(*arguments: Any) -> None:
        await reach(*arguments)
        await depth.tell(6, 2, [*depth.keep(6, 2, 1, type="snapshot"), *depth.keep(6, 3, 1, type="delta")])
        await first.until(2)

    monkeypatch.setattr(fanout, "_reach", reach_late)
    second = Heard()
    await fanout.join(DEPTH, second.outbox)
    assert await second.until(2) == [2, 3]


async def test_older_pictures_are_skipped_and_seq_only_rises(store: Redis) -> None:
    ticker = Topic(store, TICKER, "ticker")
    ticker.keep(5, 1, 3)
    fanout, heard = await joined(TICKER)
    assert await heard.until(1) == [3]
    await ticker.tell(5, 9, ticker.keep(5, 9, 1))
    await ticker.tell(5, 8, [event("ticker", 5, 8)])
    await ticker.tell(5, 10, ticker.keep(5, 10, 1))
    assert (await heard.until(2))[-1] in (9, 10)
    late = Heard()
    await fanout.join(TICKER, late.outbox)
    assert await late.until(1) == [10]


async def test_every_closed_candle_arrives_also_when_its_envelope_was_lost(store: Redis) -> None:
    candles = Topic(store, CANDLE, "candle")
    _, heard = await joined(CANDLE)
    await candles.tell(5, 1, candles.keep(5, 1, 1, closed=False))
    candles.keep(5, 2, 2, closed=True)
    await candles.tell(5, 4, candles.keep(5, 4, 1, closed=False))
    positions = await heard.until(3)
    assert positions[-3:] == [2, 3, 4]


@pytest.mark.parametrize(("field", "value"), [("stopped", "1"), ("beat", "1")])
async def test_a_topic_that_nobody_carries_has_no_newest_state(store: Redis, field: str, value: str) -> None:
    trades = Topic(store, TRADE, "trade")
    trades.keep(5, 1, 3)
    store.hset(keys.latest(TRADE), field, value)
    _, heard = await joined(TRADE)
    await trades.tell(6, 1, trades.keep(6, 1, 1))
    assert await heard.until(1) == [1]
    assert heard.events[0]["epoch"] == 6


async def test_a_late_joiner_of_depth_waits_for_a_book_whose_deltas_are_all_kept(store: Redis) -> None:
    depth = Topic(store, DEPTH, "depth")
    depth.keep(5, 1, 4)
    depth.keep(5, 5, 2)
    store.hset(keys.latest(DEPTH), mapping={"book": event("depth", 5, 2, type="snapshot"), "book_position": "5-2"})
    store.xtrim(keys.history(DEPTH), maxlen=1, approximate=False)
    fanout, heard = Fanout(redis(), get_channel_layer()), Heard()
    joining = asyncio.create_task(fanout.join(DEPTH, heard.outbox))
    await asyncio.wait({joining}, timeout=0.5)
    assert len(heard.outbox) == 0
    store.hset(keys.latest(DEPTH), mapping={"book": event("depth", 5, 6, type="snapshot"), "book_position": "5-6"})
    await asyncio.wait_for(joining, 5)
    assert await heard.until(1) == [6]


async def test_deltas_after_a_loss_wait_for_a_book_that_has_what_was_lost(store: Redis) -> None:
    depth = Topic(store, DEPTH, "depth")
    _, heard = await joined(DEPTH)
    await depth.tell(5, 1, depth.keep(5, 1, 1, type="snapshot"))
    await heard.until(1)
    store.hset(keys.latest(DEPTH), mapping={"book": event("depth", 5, 1, type="snapshot"), "book_position": "5-1"})
    depth.keep(5, 2, 5)
    store.delete(keys.history(DEPTH))
    await depth.tell(5, 7, depth.keep(5, 7, 1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(heard.outbox.take(), 0.5)
    store.hset(keys.latest(DEPTH), mapping={"book": event("depth", 5, 7, type="snapshot"), "book_position": "5-7"})
    await depth.tell(5, 8, depth.keep(5, 8, 1))
    assert await heard.until(4) == [1, ("lagged", 5, {"epoch": 5, "seq": 1}), 7, 8]
    assert heard.events[2]["type"] == "snapshot"


async def test_a_join_outlives_a_redis_that_is_away_for_a_moment(store: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, refused = get_channel_layer(), []
    listen = layer.group_add

    async def group_add(group: str, channel: str) -> None:
        if not refused:
            refused.append(group)
            raise ConnectionError("Redis is away")
        await listen(group, channel)

    monkeypatch.setattr(layer, "group_add", group_add, raising=False)
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    await trades.tell(5, 1, trades.keep(5, 1, 2))
    assert refused and await heard.until(2) == [1, 2]


async def test_an_envelope_of_another_shape_does_not_silence_the_process(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    await get_channel_layer().group_send(envelope.group(envelope.bucket(TRADE)), {"type": "x", "items": [[TRADE, 5]]})
    await trades.tell(5, 1, trades.keep(5, 1, 2))
    assert await heard.until(2) == [1, 2]


async def test_a_ticker_that_was_said_is_not_said_again_when_another_loop_takes_over(store: Redis) -> None:
    ticker = Topic(store, TICKER, "ticker")
    ticker.keep(5, 1, 3)
    fanout, heard = await joined(TICKER)
    assert await heard.until(1) == [3]
    await ticker.tell(6, 1, [])  # another epoch that has said nothing yet
    async with asyncio.timeout(5):
        while fanout._topics[TICKER].position.epoch != 6:
            await asyncio.sleep(0)
    assert len(heard.outbox) == 0


async def test_a_status_is_heard_where_it_was_said_among_the_events(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    statuses = [event("status", 5, 100 + number) for number in range(3)]
    await trades.tell(5, 1, trades.keep(5, 1, 3), [(0, statuses[0]), (2, statuses[1]), (3, statuses[2])])
    assert await heard.until(6) == [100, 1, 2, 101, 3, 102]


async def test_a_status_waits_for_the_events_before_it_that_were_lost(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    trades.keep(5, 1, 3)  # its envelope never comes
    await trades.tell(5, 4, [], [(3, event("status", 5, 100))])
    await trades.tell(6, 1, trades.keep(6, 1, 1), [(1, event("status", 6, 101))])
    assert await heard.until(6) == [1, 2, 3, 100, 1, 101]


async def test_a_status_that_was_lost_is_heard_when_it_is_said_again_and_only_then(store: Redis) -> None:
    trades = Topic(store, TRADE, "trade")
    _, heard = await joined(TRADE)
    first, second = event("status", 5, 100), event("status", 5, 101)
    await trades.tell(5, 1, trades.keep(5, 1, 1), [(1, first)])
    await trades.tell(5, 2, [], [(1, first)])
    await trades.tell(5, 2, [], [(1, second)])
    await trades.tell(5, 2, [], [(1, second)])
    await trades.tell(5, 2, trades.keep(5, 2, 1))
    assert await heard.until(4) == [1, 100, 101, 2]
    assert len(heard.outbox) == 0
