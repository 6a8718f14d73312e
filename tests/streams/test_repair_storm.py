"""A disconnect with many trade topics: few requests at once, within the budget, and nothing waits long for a turn."""

import asyncio
import time

from redis import Redis

from tests.exchanges.ours import Ours
from tests.sandbox_server import StartSandbox
from tests.streams.carried import carried

TOPICS = 150  # of 25 each, half the budget of a minute is 120 repairs
PATIENCE_S = 10


async def test_topics_whose_turn_does_not_come_go_on_live_first(
    start_sandbox: StartSandbox, clean_redis: Redis
) -> None:
    sandbox = start_sandbox(seed=3, rate=900, symbols=TOPICS)
    ours = await Ours.loaded("binance", sandbox)
    symbols = list(ours.instruments.by_symbol)[:TOPICS]
    wants = [("trade", symbol) for symbol in symbols]
    async with carried("binance", sandbox, wants[0], more=wants[1:]) as stream:
        topics = [f"binance.trade.{symbol}" for symbol in symbols]
        while not all([await stream.events(topic) for topic in topics[:100]]):
            await asyncio.sleep(0.2)
        if (second := time.time() % 60) > 60 - 2 * PATIENCE_S:  # one minute's budget is what is looked at
            await asyncio.sleep(60 - second)
        sandbox.fault("disconnect", exchange="binance")
        await stream.until_more("gap", 1)
        began_s = time.monotonic()
        while time.monotonic() < began_s + PATIENCE_S:
            found = [await stream.events(topic) for topic in topics]
            gapped = [_after_gap(events) for events in found if any(event["event"] == "gap" for event in events)]
            if all(("trade", "live") in after for after in gapped):
                break
            await asyncio.sleep(0.2)
    repaired = [after for after in gapped if any(name == "repaired" for name, _ in after)]
    assert len(gapped) > 120 and 100 <= len(repaired) <= 120
    assert all(("trade", "live") in after for after in gapped if after not in repaired)
    assert sandbox.get("/seen")["binance"]["requests"] < 150  # one a repair, and the list of markets
    for events in found:
        ids = [int(event["trade_id"]) for event in events if event["event"] == "trade"]
        assert len(ids) == len(set(ids))


def _after_gap(events: list[dict[str, object]]) -> list[tuple[object, object]]:
    names = [(event["event"], event["source"]) for event in events]
    return names[[name for name, _ in names].index("gap") + 1 :]
