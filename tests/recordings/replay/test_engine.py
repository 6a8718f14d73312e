"""Lines of a recording become the events that they were, numbered by the recorded time."""

from exchanges.symbols import Instrument
from recordings import lines
from recordings.lines import Failed, Header, Lost, Speaks, Wants
from tests.recordings.replay.frames import (
    BTC,
    DEPTH,
    SNAPSHOT,
    START_MS,
    TRADE,
    closed,
    diff,
    note,
    ns,
    opened,
    snapshot,
    trade,
)
from tests.recordings.replay.played import begun, play, take

TOPIC = "binance.trade.BTC-USDT"
BOOK = "binance.depth.BTC-USDT"


def book(ms: int = 0, connection: str = "a") -> list[bytes]:
    """A connection whose book stands."""
    first = [opened(ms, connection, [DEPTH]), diff(ms + 10, 101, 102, connection=connection)]
    return [*first, snapshot(ms + 20, 102, connection=connection)]


def test_a_trade_is_told_as_it_was_with_its_recorded_time_and_in_a_replays_name():
    (event,) = play([opened(0), trade(150, 41)]).of(TOPIC)
    assert event["topic"] == f"replay-7.{TOPIC}" and event["source"] == "replay"
    assert (event["trade_id"], event["price"], event["received_time"]) == ("41", 84143.01, START_MS + 150)
    assert (event["epoch"], event["seq"]) == (START_MS, 1)


def test_frames_that_no_note_names_are_told_all_where_the_exchange_is_given():
    played = play([trade(0, 1, None), trade(5, 2, None, "ETHUSDT")], exchange="binance")
    assert [(event["symbol"], event["venue_symbol"]) for event in played.heard.events if event["seq"]] == [
        ("BTCUSDT", "BTCUSDT"), ("ETHUSDT", "ETHUSDT"),
    ]  # fmt: skip


def test_frames_that_no_note_names_are_counted_where_no_exchange_is_given():
    played = play([trade(0, 1, "x"), trade(5, 2, "x")])
    assert played.ids() == [] and played.engine.unnamed == {"x": 2}


def test_what_was_recorded_on_the_sandbox_says_so():
    (event,) = play([note(Header("r", sandbox=True), 0, None), opened(0), trade(5, 1)]).of(TOPIC)
    assert event["sandbox"] is True


def test_what_was_sent_and_other_exchanges_are_no_events():
    sent = lines.frame_text('{"method":"SUBSCRIBE"}', 1, "a", "out")
    played = play([opened(0), sent, opened(1, "b", exchange="atlantis"), trade(5, 1)])
    assert played.ids() == ["1"] and played.engine.without_card == {"atlantis": 1}


def test_a_broken_frame_is_counted_and_the_rest_goes_on():
    broken = lines.frame_text('{"stream":"btcusdt@trade","data":{"e":"trade","t":"x"}}', 1, "a")
    played = play([opened(0), broken, trade(5, 1)])
    assert played.ids() == ["1"] and played.engine.rejected.total() == 1


def test_a_connection_that_ended_is_a_gap_and_another_goes_on_in_a_new_epoch():
    played = play([opened(0), trade(5, 1), closed(100), opened(900, "b"), trade(1000, 9, "b")])
    first, gap, second = played.of(TOPIC)
    assert (gap["event"], gap["reason"], gap["seq"], gap["epoch"]) == ("gap", "disconnect", 1, START_MS + 100)
    assert (second["epoch"], second["seq"], second["trade_id"]) == (START_MS + 100, 2, "9")
    assert played.statuses(TOPIC) == ["starting", "live", "reconnecting", "live", "stopped"]


def test_two_gaps_within_a_millisecond_have_epochs_of_their_own():
    played = play([opened(0), trade(0, 1), note(Lost(), 0), trade(0, 2), note(Lost(), 0)])
    assert [event["epoch"] - START_MS for event in played.of(TOPIC)] == [0, 1, 1, 2]


def test_a_connection_that_rehearses_says_nothing_before_it_speaks_and_then_nothing_twice():
    lead = [opened(0), trade(5, 1), opened(10, "b", rehearsing=True), trade(20, 2), trade(21, 2, "b")]
    handed = [note(lines.Silent(), 30), trade(40, 3, "b"), note(Speaks(), 50, "b"), trade(60, 4, "b")]
    played = play([*lead, *handed])
    assert played.ids() == ["1", "2", "3", "4"] and played.gaps() == []
    assert [event["seq"] for event in played.of(TOPIC)] == [1, 2, 3, 4]


def test_a_connection_that_goes_on_does_not_repeat_what_the_other_has_told():
    lead = [opened(0), opened(1, "b", rehearsing=True), *(trade(5 + n, n) for n in range(1, 6))]
    late = [note(Speaks(), 50, "b"), *(trade(60 + n, n, "b") for n in range(3, 8))]
    assert play([*lead, *late]).ids() == ["1", "2", "3", "4", "5", "6", "7"]


def test_what_the_first_connection_of_a_recording_hears_while_it_rehearses_is_told():
    played = play([opened(0, rehearsing=True), trade(5, 1), note(Speaks(), 10), trade(15, 2)])
    assert played.ids() == ["1", "2"]


def test_what_rehearses_goes_on_where_the_other_breaks():
    lead = [opened(0), trade(1, 1), opened(2, "b", rehearsing=True), trade(5, 2), trade(6, 2, "b"), closed(9)]
    played = play([*lead, trade(20, 3, "b"), note(Speaks(), 30, "b"), trade(40, 4, "b")])
    assert played.ids() == ["1", "2", "3", "4"] and played.gaps() == [(f"replay-7.{TOPIC}", "disconnect")]


def test_a_loop_that_died_without_a_word_leaves_a_gap():
    played = play([opened(0), trade(5, 1), opened(5000, "b"), trade(5010, 9, "b"), trade(5020, 10)])
    assert played.gaps() == [(f"replay-7.{TOPIC}", "failover")] and played.ids() == ["1", "9"]


def test_a_book_begins_with_its_snapshot_and_follows_by_deltas():
    played = play([*book(), diff(30, 103, 103, "84142")])
    assert [(event["type"], event["sequence"]) for event in played.of(BOOK)] == [("snapshot", 102), ("delta", 103)]


def test_a_book_that_is_the_same_goes_on_without_another_snapshot():
    both = [diff(30, 103, 103, "84142"), diff(31, 103, 103, "84142", "b")]
    beside = [opened(21, "b", [DEPTH], rehearsing=True), diff(22, 101, 102, connection="b")]
    lead = [*book(), *beside, snapshot(25, 102, connection="b"), *both, note(Speaks(), 40, "b")]
    played = play([*lead, diff(50, 104, 104, "84141", "b")])
    assert [event["type"] for event in played.of(BOOK)] == ["snapshot", "delta", "delta"]


def test_a_book_that_is_another_begins_with_a_snapshot():
    beside = [opened(21, "b", [DEPTH], rehearsing=True), diff(22, 101, 102, connection="b")]
    ahead = diff(30, 103, 103, "84142", "b")
    lead = [*book(), *beside, snapshot(25, 102, connection="b"), ahead, note(Speaks(), 40, "b")]
    events = play([*lead, diff(50, 104, 104, "84141", "b")]).of(BOOK)
    assert [event["type"] for event in events] == ["snapshot", "snapshot", "delta"]
    assert [84142, 1] in events[1]["bids"] and [event["seq"] for event in events] == [1, 2, 3]


def test_a_book_that_is_not_proven_when_its_connection_speaks_has_a_gap():
    beside = [opened(21, "b", [DEPTH], rehearsing=True), diff(22, 101, 102, connection="b")]
    played = play([*book(), *beside, note(Speaks(), 40, "b"), snapshot(45, 102, connection="b")])
    assert [event.get("type", event["event"]) for event in played.of(BOOK)] == ["snapshot", "gap", "snapshot"]


def test_what_was_not_recorded_is_a_gap_and_no_delta_comes_before_a_book_is_proven_again():
    lead = [*book(), trade(25, 1), note(Lost(5, "Redis was too slow"), 30)]
    played = play([*lead, diff(40, 109, 109, "84142"), snapshot(60, 109), diff(70, 110, 110, "84141")])
    assert [event.get("type", event["event"]) for event in played.of(BOOK)] == ["snapshot", "gap", "snapshot", "delta"]
    assert played.gaps() == [(f"replay-7.{BOOK}", "recovery")]


def test_what_was_not_recorded_of_any_connection_is_a_gap_of_every_topic():
    lead = [opened(0), opened(0, "b", [("trade", "ETH-USDT")]), trade(5, 1), trade(6, 2, "b", "ETHUSDT")]
    played = play([*lead, note(Lost(), 10, None)])
    assert played.gaps() == [(f"replay-7.binance.trade.{symbol}-USDT", "recovery") for symbol in ("BTC", "ETH")]


def test_other_streams_from_now_on_begin_and_end():
    other = note(Wants(wants=[("trade", "ETH-USDT")]), 10)
    played = play([opened(0), trade(5, 1), other, trade(15, 2), trade(16, 3, market="ETHUSDT")])
    assert played.ids() == ["1", "3"]
    assert played.statuses(TOPIC)[-1] == "stopped" and played.statuses("ETH-USDT") == ["starting", "live", "stopped"]


def test_pictures_of_a_book_are_told_between_two_lines_when_they_are_due():
    played = begun()
    texts = [opened(0, wants=[("depth_5", "BTC-USDT")]), diff(10, 101, 102), snapshot(20, 102)]
    for text in [*texts, diff(30, 103, 103, "84142.5"), diff(5000, 104, 104, "84142.6")]:
        take(played.engine, lines.read(text))
    told = [(event["received_time"] - START_MS, event["sequence"]) for event in played.of("depth_5.BTC-USDT")]
    assert [sequence for _, sequence in told] == [102, 103, 104] and told[1][0] < 300


def test_a_quiet_market_counts_as_live_after_two_seconds():
    played = begun()
    take(played.engine, lines.read(opened(0)))
    played.engine.until((START_MS + 1_900) * 10**6)
    assert played.statuses(TOPIC) == ["starting"]
    played.engine.until((START_MS + 3_100) * 10**6)
    assert played.statuses(TOPIC) == ["starting", "live"]


def test_a_pause_of_days_is_passed_over():
    played = play([opened(0), trade(1, 1), trade(3 * 86_400_000, 2)])
    assert played.ids() == ["1", "2"] and played.engine.steps < 2_000


def test_a_request_that_came_to_nothing_is_told_to_the_feed():
    failed = note(Failed(SNAPSHOT, "418 banned"), 30)
    played = play([opened(0, wants=[DEPTH, TRADE]), diff(10, 101, 102), failed, trade(40, 1), snapshot(60, 102)])
    assert played.ids() == ["1"] and [event["type"] for event in played.of(BOOK)] == ["snapshot"]


def test_two_runs_have_the_same_hash_whatever_the_replay_is_called_and_wherever_it_goes():
    texts = [*book(), opened(0, "b"), trade(30, 1, "b"), closed(50), trade(60, 2, "b"), diff(70, 103, 103, "84142")]
    runs = [play(texts), play(texts, replay="another"), play(texts, replay="", later_ns=10**15)]
    assert len({run.told.hash for run in runs}) == 1
    assert runs[2].of(TOPIC)[0]["epoch"] == runs[0].of(TOPIC)[0]["epoch"] + 10**9


def test_one_number_that_is_another_gives_another_hash():
    assert play([opened(0), trade(5, 1)]).told.hash != play([opened(0), trade(5, 2)]).told.hash
    assert play([opened(0), trade(5, 1)]).told.hash != play([opened(0), trade(6, 1)]).told.hash


def test_the_markets_of_a_connection_are_those_of_its_note():
    renamed = type(BTC)(**{**{name: getattr(BTC, name) for name in BTC.__struct_fields__}, "venue_symbol": "XBTUSDT"})
    (event,) = play([opened(0, instruments=[renamed]), trade(5, 1, market="XBTUSDT")]).of(TOPIC)
    assert (event["symbol"], event["venue_symbol"]) == ("BTC-USDT", "XBTUSDT")


def test_what_was_heard_with_keys_is_understood_without_any():
    btc = Instrument(symbol="BTC-USD", venue_symbol="BTC/USD", base="BTC", quote="USD", kind="spot")
    about = {"exchange": "alpaca", "instruments": [btc], "wants": [("trade", "BTC-USD")]}
    frame = '[{"T":"t","S":"BTC/USD","p":84143.5,"s":0.01,"t":"2026-09-21T15:33:20.1Z","i":7,"tks":"B"}]'
    told = [
        play([opened(0, keyed=keyed, **about), lines.frame_text(frame, ns(5), "a")]).ids() for keyed in (True, False)
    ]
    assert told == [["7"], []]
