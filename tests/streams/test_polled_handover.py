"""A source that is only asked goes on in another loop: with each trade and each closed candle once."""

from redis import Redis

from streams import history
from streams.connection import redis
from tests.sandbox_server import SandboxServer
from tests.streams.carried import carried
from tests.streams.heard import assert_unbroken


async def test_what_was_traded_between_the_questions_of_two_loops_is_fetched(
    sandbox: SandboxServer, clean_redis: Redis
) -> None:
    want = "trade", "BTC-USD"
    async with carried("alpaca", sandbox, want) as stream:
        await stream.until_more("trade", 20)
        stream.session.hand_over()
        await stream.publisher.drained()
    async with carried("alpaca", sandbox, want, loop="two", handed_over=True) as stream:
        await stream.until_more("repaired", 1, complete=True)
        events = await stream.until_more("trade", 20, source="live")
    assert [event["reason"] for event in events if event["event"] == "gap"] == ["failover"]
    assert_unbroken(events)
    ids = [int(event["trade_id"]) for event in events if event["event"] == "trade"]
    assert len(set(ids)) == len(ids)
    assert len({after - before for before, after in zip(ids, ids[1:], strict=False)}) == 1


async def test_a_candle_that_was_said_closed_is_not_said_again(sandbox: SandboxServer, clean_redis: Redis) -> None:
    want = "candle_1m", "BTC-USDT"
    async with carried("bitstamp", sandbox, want) as stream:
        before = await stream.until(lambda events: any(event.get("closed") for event in events))
        [kept] = await history.kept(redis(), [stream.topic])
        stream.session.hand_over()
        await stream.publisher.drained()
    assert kept.closed_ms is not None
    async with carried("bitstamp", sandbox, want, loop="two", handed_over=True) as stream:
        events = await stream.until(lambda events: len(events) > len(before))
    assert len({event["epoch"] for event in events}) == 1
    assert_unbroken(events)
    opened = [event["open_time"] for event in events if event["event"] == "candle" and event["closed"]]
    assert len(set(opened)) == len(opened)
