"""The plan: everything wanted is carried once, nothing that runs is moved, no connection carries too much."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from exchanges.registry import card
from streams.plan import SHARE, plan

BINANCE = card("binance")
SMALL = replace(BINANCE, sockets=(replace(BINANCE.sockets[0], max_subscriptions=4 * SHARE),))
wants = st.sets(
    st.tuples(
        st.sampled_from(["trade", "depth", "depth_5", "candle_1m"]), st.sampled_from([f"S{n}-USDT" for n in range(12)])
    )
)


@given(wants, wants, st.integers(1, 3))
def test_all_that_is_wanted_is_carried_once_and_a_symbol_stays_where_it_is(before, after, spread) -> None:
    first = plan({}, before, SMALL, spread)
    second = plan(first, after, SMALL, spread)
    for wanted, shards in ((before, first), (after, second)):
        carried = [want for shard in shards.values() for want in shard]
        assert sorted(carried) == sorted(wanted)
    homes = {symbol: shard for shard, some in first.items() for _, symbol in some}
    for shard, some in second.items():
        assert all(homes.get(symbol, shard) == shard for _, symbol in some)


@given(wants, st.integers(1, 3))
def test_a_symbols_streams_share_one_shard_and_no_shard_passes_its_share_of_the_limit(wanted, spread) -> None:
    shards = plan({}, wanted, SMALL, spread)
    homes = {}
    for shard, some in shards.items():
        assert len(some) <= 4
        for _, symbol in some:
            assert homes.setdefault(symbol, shard) == shard


def test_the_load_is_spread_over_as_many_shards_as_there_are_loops() -> None:
    wanted = {("trade", f"S{number}-USDT") for number in range(10)}
    shards = plan({}, wanted, BINANCE, spread=2)
    assert sorted(len(some) for some in shards.values()) == [5, 5]


def test_a_polled_source_is_asked_by_one_loop() -> None:
    polled = replace(BINANCE, sockets=(replace(BINANCE.sockets[0], url=""),))
    wanted = {("ticker", f"S{number}-USDT") for number in range(10)}
    assert [len(some) for some in plan({}, wanted, polled, spread=4).values()] == [10]


def test_no_more_connections_are_planned_than_the_source_takes() -> None:
    few = replace(BINANCE, sockets=(replace(BINANCE.sockets[0], most_connections=2, max_subscriptions=2 * SHARE),))
    wanted = {("ticker", f"S{number}-USDT") for number in range(10)}
    assert [len(some) for some in plan({}, wanted, few, spread=4).values()] == [5, 5]


def test_an_empty_demand_is_an_empty_plan() -> None:
    assert plan({"0-0": [("trade", "BTC-USDT")]}, set(), BINANCE, 2) == {}


def test_a_stream_lies_on_the_connection_that_carries_it_of_such_a_market() -> None:
    spot = replace(BINANCE.sockets[0], streams=("trade",), kinds=("spot",))
    both = replace(BINANCE, sockets=(spot, replace(spot, streams=("depth", "trade"), kinds=())))
    wanted = [(stream, symbol) for stream in ("trade", "depth") for symbol in ("BTC-USD", "BTC-USD-PERP")]
    shards = plan({}, wanted, both, 1)
    assert shards["0-0"] == {("trade", "BTC-USD")}
    assert shards["1-0"] == set(wanted) - shards["0-0"]
