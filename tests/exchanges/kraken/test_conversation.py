"""The adapter in conversation with the sandbox over real sockets: faults are noticed, said, and healed."""

from typing import Any

from exchanges.events import Depth, Gap, Status, Trade
from tests.exchanges.ours import Ours, of, until
from tests.sandbox_server import StartSandbox


def after(heard: list[Any], kind: type, stream: str) -> list[Any]:
    """The events of one stream from the first of a kind on."""
    own = [event for event in heard if event.stream == stream]
    place = next((index for index, event in enumerate(own) if isinstance(event, kind)), len(own))
    return own[place:]


async def test_book_frames_that_are_lost_are_a_gap_and_a_new_subscription(start_sandbox: StartSandbox) -> None:
    server = start_sandbox(seed=3, rate=400, symbols=1)
    ours = await Ours.loaded("kraken", server)
    async with ours.listening(("depth", "BTC-USDT")) as heard:
        await until(lambda: len(heard) > 5)
        assert isinstance(heard[0], Depth) and heard[0].type == "snapshot"
        # The checksum is over the best ten levels, so it takes a loss that touches them for good.
        server.fault("skip", exchange="kraken", symbol="BTC-USDT", stream="depth", count=600)
        found = await until(lambda: (events := after(heard, Gap, "depth"))[3:] and events)
        assert found[0].reason == "checksum"
        assert [event.type for event in found[1:4]] == ["snapshot", "delta", "delta"]


async def test_a_trade_that_is_lost_is_a_gap_and_rest_has_it(start_sandbox: StartSandbox) -> None:
    server = start_sandbox(seed=3, rate=60, symbols=1)
    ours = await Ours.loaded("kraken", server)
    async with ours.listening(("trade", "BTC-USDT")) as heard:
        await until(lambda: len(heard) > 3)
        server.fault("skip", exchange="kraken", symbol="BTC-USDT", stream="trade", count=1)
        found = await until(lambda: (events := after(heard, Gap, "trade"))[1:] and events)
        place = heard.index(found[0])
        before, behind = heard[place - 1], found[1]
        assert found[0].reason == "sequence" and isinstance(before, Trade)
        assert int(behind.trade_id) > int(before.trade_id) + 1
    market, lost = ours.instruments.by_symbol["BTC-USDT"], range(int(before.trade_id) + 1, int(behind.trade_id))
    served = {int(trade.place) for trade in await ours.trades(market, str(lost.start))}
    assert served >= set(lost)


async def test_a_market_that_is_not_listed_is_said_to_be_so_and_the_others_go_on(start_sandbox: StartSandbox) -> None:
    ours = await Ours.loaded("kraken", start_sandbox(seed=3, rate=60, symbols=1))
    async with ours.listening(("trade", "BTC-USDT"), ("trade", "NO-SUCH")) as heard:
        await until(lambda: {type(event) for event in heard} >= {Trade, Status})
        [status] = of(heard, Status)
        assert (status.symbol, status.status, status.stream) == ("NO-SUCH", "not_listed", "trade")
