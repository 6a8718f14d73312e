"""Faults that a replay can have: the same seed hits the same frames, and what is hit is counted."""

import pytest

from recordings import lines
from recordings.replay.faults import Again, Cut, Fault, Faults
from tests.recordings.replay.frames import DEPTH, closed, diff, ns, opened, snapshot, trade
from tests.recordings.replay.played import Played, begun, play_items, take

TOPIC = "binance.trade.BTC-USDT"
TRADES = [trade(10 * number, number) for number in range(1, 201)]


def played(fault: str, texts: list[bytes], seed: int = 7) -> tuple[Played, Faults]:
    faults = Faults([Fault.parse(fault)], seed)
    return play_items(faults.through(map(lines.read, texts))), faults


def test_dropped_frames_are_those_that_are_counted():
    run, faults = played("drop:0.1", [opened(0), *TRADES])
    missing = [number for number in range(1, 201) if str(number) not in run.ids()]
    assert 5 < len(missing) < 40 and faults.hits["drop"] == len(missing)
    assert faults.where["drop"] == [number + 1 for number in missing][:20]


def test_a_seed_decides_which_frames_are_hit():
    texts = [opened(0), *TRADES]
    assert played("drop:0.1", texts, 7)[0].told.hash == played("drop:0.1", texts, 7)[0].told.hash
    assert played("drop:0.1", texts, 7)[0].ids() != played("drop:0.1", texts, 8)[0].ids()


def test_a_doubled_frame_comes_twice_and_its_feed_tells_the_trade_once():
    faults = Faults([Fault.parse("duplicate:1")])
    assert list(faults.through(map(lines.read, TRADES[:2]))) == [lines.read(TRADES[n]) for n in (0, 0, 1, 1)]
    assert played("duplicate:1", [opened(0), *TRADES[:3]])[0].ids() == ["1", "2", "3"]


def test_a_swapped_frame_comes_behind_the_next_of_its_connection():
    texts = [opened(0), opened(0, "b", [("trade", "ETH-USDT")]), trade(1, 1), trade(2, 2, "b", "ETHUSDT"), trade(3, 3)]
    faults = Faults([Fault.parse("reorder:1")])
    told = [line for line in faults.through(map(lines.read, texts)) if lines.is_frame(line)]
    assert [line.connection for line in told if line.connection == "a"] == ["a", "a"]
    assert [b't\\": 3' in bytes(line.raw) for line in told if line.connection == "a"] == [True, False]


def test_a_swapped_frame_is_not_held_beyond_the_end_of_its_connection():
    run, _ = played("reorder:1", [opened(0), trade(1, 1), closed(5)])
    assert run.ids() == ["1"]


def test_a_delayed_frame_holds_up_those_behind_it_and_nothing_else():
    texts = [opened(0), opened(0, "b", [("trade", "ETH-USDT")]), *TRADES[:20], trade(201, 99, "b", "ETHUSDT")]
    faults = Faults([Fault("delay", 1.0, 250)])
    told = [line for line in faults.through(map(lines.read, texts)) if lines.is_frame(line)]
    times = [lines.at_ns(line) for line in told]
    assert times == sorted(times) and min(times) == ns(260)
    assert [lines.at_ns(line) for line in told if line.connection == "b"] == [ns(451)]


def test_a_cut_connection_has_a_gap_loses_what_is_said_meanwhile_and_its_book_begins_anew():
    book = [opened(0, wants=[DEPTH, ("trade", "BTC-USDT")]), diff(1, 101, 102), snapshot(2, 102), trade(3, 1)]
    after = [trade(20, 2), diff(25, 103, 103, "84142"), trade(200, 3), diff(210, 104, 104, "84141")]
    items = [*map(lines.read, book), Cut("a", ns(10), "a fault"), *map(lines.read, after[:2]), Again("a", ns(100))]
    run = play_items([*items, *map(lines.read, after[2:])])
    assert run.ids() == ["1", "3"] and [reason for _, reason in run.gaps()] == ["disconnect"] * 2
    assert [event.get("type", event["event"]) for event in run.of("depth.BTC-USDT")] == [
        "snapshot", "gap", "snapshot", "delta",
    ]  # fmt: skip
    assert [84142, 1] in run.of("depth.BTC-USDT")[2]["bids"]


def test_a_connection_that_is_cut_comes_back_by_itself():
    run, faults = played("disconnect:0.05:100", [opened(0), *TRADES])
    assert 0 < faults.hits["disconnect"] == len(run.gaps()) < 20
    assert run.statuses(TOPIC)[:4] == ["starting", "live", "reconnecting", "live"]


def test_without_faults_lines_come_as_they_are():
    items = [*map(lines.read, TRADES)]
    assert list(Faults([]).through(items)) == items


@pytest.mark.parametrize("text", ["", "drop", "drop:0", "drop:1.1", "drop:x", "melt:0.1", "drop:0.1:5", "delay:0.1:0"])
def test_what_is_no_fault_is_refused_with_what_would_do(text):
    with pytest.raises(ValueError, match="would do"):
        Fault.parse(text)


def test_a_fault_is_written_as_it_is_read():
    assert [str(Fault.parse(text)) for text in ("drop:0.01", "delay:0.5", "disconnect:1:20")] == [
        "drop:0.01", "delay:0.5:500", "disconnect:1:20",
    ]  # fmt: skip


def broken_book() -> Played:
    """A book of which one frame is hit, and 40 more updates, 100 ms apart."""
    head = [opened(0, wants=[DEPTH, ("trade", "BTC-USDT")]), diff(1, 101, 102), snapshot(2, 102)]
    rest = [diff(100 * n, 102 + n, 102 + n, f"{84000 + n}") for n in range(1, 41)]
    played = begun(faulty=True)
    for text in [*head, *rest]:
        line = lines.read(text)
        played.engine.overhear(line)
        if text is not rest[4]:
            take(played.engine, line)
        if text is rest[10]:
            trades = [lines.read(trade(1110, 1)), lines.read(trade(1111, 2))]
            for one in trades:  # heard by the one feed, and only then by the other
                played.engine.overhear(one)
            for one in trades:
                take(played.engine, one)
    played.engine.end("over")
    return played


def test_a_book_that_lost_a_frame_has_a_gap_and_stands_again_after_a_second_as_if_it_had_been_asked_for():
    run = broken_book()
    kinds = [event.get("type", event["event"]) for event in run.of("depth.BTC-USDT")]
    assert kinds[:6] == ["snapshot", "delta", "delta", "delta", "delta", "gap"]
    assert kinds[6] == "snapshot" and set(kinds[7:]) == {"delta"} and len(kinds) > 20
    gap, again = run.of("depth.BTC-USDT")[5:7]
    assert 1000 <= again["received_time"] - gap["received_time"] <= 2500 and gap["reason"] == "sequence"
    assert {f"{84000 + n}" for n in range(1, 15)} <= {str(price) for price, _ in again["bids"]}
    assert run.ids() == ["1", "2"]
