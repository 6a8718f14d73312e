"""`manage.py normalize`: what it reads, what it writes, how it ends; as a user runs it, without any store."""

import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.registry import card
from exchanges.symbols import Instrument, Instruments
from marketdata.management.commands.normalize import Command
from marketdata.normalize import Recording, instrument_text

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT.parent / "shared" / "samples" / "binance"

TRADE = {"e": "trade", "E": 1790000000125, "s": "BTCUSDT", "t": 7, "p": "84143.01000000", "q": "0.00120000",
         "T": 1790000000124, "m": False, "M": True}  # fmt: skip
SNAPSHOT = {"lastUpdateId": 160, "bids": [["10.0", "1.0"], ["9.0", "1.0"]], "asks": [["11.0", "1.0"]]}
INFO = {
    "symbols": [
        {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
         "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.01000000"}]},
        {"symbol": "BROKEN", "status": "TRADING", "baseAsset": 5, "quoteAsset": "USDT"},
    ]
}  # fmt: skip
CANDLE = [
    1634943780000,
    "60685.22",
    "60729.84",
    "60670.90",
    "60719.27",
    "21.6",
    1634943839999,
    "1313200.0",
    6,
    "1",
    "2",
    "0",
]
STORES = ("DATABASE_URL", "REDIS_URL")


class Run:
    """Runs the command in this process; `status` is how it must end."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str, given: str = "", status: int = 0) -> tuple[list[dict[str, Any]], str]:
        """What the command writes to stdout and stderr."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        ended = 0
        try:
            Command().run_from_argv(["manage.py", "normalize", *arguments])
        except SystemExit as end:
            ended = end.code  # type: ignore[assignment]
        out, errors = self._capsys.readouterr()
        assert ended == status, errors
        return [json.loads(line, parse_float=Decimal) for line in out.splitlines()], errors


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(capsys, monkeypatch)


def line(frame: object, **members: object) -> str:
    return json.dumps({"received_ns": 1_790_000_000_500_999_999, **members, "raw": json.dumps(frame)})


def diff(first: int, last: int, bids: list[list[str]]) -> dict[str, object]:
    return {"e": "depthUpdate", "E": 1790000000200, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": []}


def read(*lines: str, **options: Any) -> list[dict[str, Any]]:
    recording = Recording(card("binance"), Instruments(), **options)
    texts = [text for number, text in enumerate(lines, 1) for text in recording.line(number, text.encode())]
    return [json.loads(text, parse_float=Decimal) for text in [*texts, *recording.finish()]]


def test_frames_become_events_with_the_line_they_came_in(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    file.write_text(
        "\n".join(
            [line(TRADE), "", "garbage", line({"result": None, "id": 1}), line({"e": "?"}), line({**TRADE, "t": 8})]
        )
    )
    events, errors = run("binance", str(file))
    assert errors == ""
    assert [(event["event"], event["frame"]) for event in events] == [
        ("trade", 1), ("rejected", 3), ("rejected", 5), ("trade", 6),
    ]  # fmt: skip
    assert set(events[1]) == {"event", "frame", "reason"}
    assert events[0] == {
        "event": "trade", "exchange": "binance", "symbol": "BTCUSDT", "venue_symbol": "BTCUSDT",
        "event_time": 1790000000125, "received_time": 1790000000500, "frame": 1, "trade_id": "7",
        "price": Decimal("84143.01"), "quantity": Decimal("0.0012"), "side": "buy", "trade_time": 1790000000124,
    }  # fmt: skip


def test_instruments_give_our_spelling(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "instruments.json"
    file.write_text(json.dumps(INFO))
    events, errors = run("binance", "--instruments", str(file), given=line(TRADE))
    assert [event["symbol"] for event in events] == ["BTC-USDT"]
    assert "1 rows are broken" in errors


def test_a_body_of_instruments_loses_only_its_broken_rows(run: Run) -> None:
    events, _ = run("binance", "--kind", "instruments", given=json.dumps(INFO))
    assert events[0] == {
        "event": "instrument", "exchange": "binance", "symbol": "BTC-USDT", "venue_symbol": "BTCUSDT", "base": "BTC",
        "quote": "USDT", "kind": "spot", "status": "trading", "price_increment": Decimal("0.01"),
        "quantity_increment": None, "contract_size": 1, "expiry": None, "strike": None, "option_type": None, "frame": 1,
    }  # fmt: skip
    assert events[1]["event"] == "rejected" and "row 1" in events[1]["reason"]


def test_a_body_of_candles_is_read_with_its_market_and_interval(run: Run) -> None:
    events, _ = run(
        "binance", "--kind", "candles", "--symbol", "BTCUSDT", "--interval", "1m", given=json.dumps([CANDLE])
    )
    assert [(event["event"], event["interval"], event["closed"]) for event in events] == [("candle", "1m", True)]
    assert events[0]["open"] == Decimal("60685.22")


@pytest.mark.parametrize(
    ("arguments", "given", "status", "word"),
    [
        (("nowhere",), "", 2, "nowhere"),
        (("binance", "--kind", "candles"), "[]", 2, "--symbol"),
        (("binance", "--kind", "candles", "--symbol", "X"), "[]", 2, "--interval"),
        (("binance", "--kind", "candles", "--symbol", "X", "--interval", "7m"), "[]", 2, "7m"),
        (("binance", "--book", "0"), "", 2, "from 1 to 1000"),
        (("binance", "--kind", "trades", "--symbol", "X", "--book", "5"), "", 2, "--book"),
        (("binance", "missing.jsonl"), "", 1, "missing.jsonl"),
        (("binance",), "garbage\n", 1, "nothing could be read"),
        (("binance", "--kind", "trades", "--symbol", "X"), "<html>", 1, "nothing could be read"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(
    run: Run, arguments: tuple[str, ...], given: str, status: int, word: str
) -> None:
    _, errors = run(*arguments, given=given, status=status)
    assert word in errors
    assert "Traceback" not in errors


def test_neither_a_database_nor_redis_is_needed() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in STORES}
    done = subprocess.run(
        [sys.executable, "manage.py", "normalize", "binance"], input=line(TRADE), capture_output=True, text=True,
        cwd=ROOT, env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["trade_id"] == "7"


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    file.write_text("\n".join(line({**TRADE, "t": number}) for number in range(20_000)))
    command = f"{sys.executable} manage.py normalize binance {file} | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_depth_frames_without_their_snapshot_are_counted_at_the_end(run: Run) -> None:
    events, errors = run("binance", given="\n".join([line(diff(1, 1, [])), line(diff(2, 2, []))]))
    assert events == []
    assert errors.strip() == "BTCUSDT: 2 depth frames wait for a snapshot that the input does not hold"


def test_a_snapshot_of_the_recording_proves_the_book_and_a_hole_is_a_gap() -> None:
    events = read(
        line(diff(159, 160, [])),
        line(SNAPSHOT, rest="/api/v1/depth?symbol=BTCUSDT&limit=1000"),
        line(diff(161, 161, [["10.5", "2"]])),
        line(diff(165, 165, [])),
        levels=1,
    )
    assert [(event["event"], event["frame"]) for event in events] == [
        ("depth", 2), ("book", 2), ("depth", 3), ("book", 3), ("gap", 4),
    ]  # fmt: skip
    assert events[3] == {
        "event": "book", "frame": 3, "symbol": "BTCUSDT", "venue_symbol": "BTCUSDT",
        "bids": [[Decimal("10.5"), 2]], "asks": [[11, 1]], "sequence": 161,
    }  # fmt: skip


def test_the_book_is_written_after_a_frame_that_changed_nothing_too() -> None:
    snapshot = line(SNAPSHOT, rest="/api/v3/depth?symbol=BTCUSDT&limit=1000")
    events = read(line(diff(159, 160, [])), snapshot, line(diff(161, 161, [["5", "0"]])), levels=5)
    assert [(event["event"], event["frame"], event["sequence"]) for event in events] == [
        ("depth", 2, 160), ("book", 2, 160), ("book", 3, 161),
    ]  # fmt: skip


def test_each_connection_has_a_feed_of_its_own() -> None:
    snapshot = line(SNAPSHOT, rest="/api/v3/depth?symbol=BTCUSDT&limit=1000", connection=1)
    events = read(line(diff(159, 160, []), connection=1), line(diff(3, 4, []), connection=2), snapshot)
    assert [(event["event"], event["frame"]) for event in events] == [("depth", 3)]


def test_what_we_sent_ourselves_is_left_out() -> None:
    assert read(line({"method": "SUBSCRIBE"}, direction="out")) == []


def test_one_market_or_one_interval_can_be_picked_out() -> None:
    btc = Instrument(symbol="BTCUSDT", venue_symbol="BTCUSDT", base="", quote="", kind="spot")
    events = read(line(TRADE), line({**TRADE, "s": "ETHUSDT"}), market=btc)
    assert [event["symbol"] for event in events] == ["BTCUSDT"]


@pytest.mark.parametrize(
    ("received", "time"),
    [
        ("1618677378.0321949", 1618677378032),
        ('"1618677378.0329999"', 1618677378032),
        ("null", 0),
        ("1618677378", 1618677378000),
    ],
)
def test_unix_seconds_are_read_without_rounding(received: str, time: int) -> None:
    [event] = read(f'{{"received":{received},"raw":{json.dumps(json.dumps(TRADE))}}}')
    assert event["received_time"] == time


@pytest.mark.parametrize("received", ["NaN", '"NaN"', '"Infinity"', "-1", "1e400", '"soon"', "[]", "1e900000"])
def test_a_receive_time_that_is_none_rejects_its_line_alone(received: str) -> None:
    events = read(f'{{"received":{received},"raw":"{{}}"}}', line(TRADE))
    assert [(event["event"], event["frame"]) for event in events] == [("rejected", 1), ("trade", 2)]


def test_an_option_has_its_strike_and_its_expiry_in_milliseconds() -> None:
    option = Instrument(
        symbol="BTC-USD-20261225-100000-C_BTC", venue_symbol="BTC-25DEC26-100000-C", base="BTC", quote="USD",
        kind="option", strike="100000", expiry_us=1_798_185_600_000_000, option_type="call",
    )  # fmt: skip
    row = json.loads(instrument_text("deribit", option, 3))
    assert (row["strike"], row["expiry"], row["option_type"], row["frame"]) == (100000, 1798185600000, "call", 3)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded payloads are not at hand")
@pytest.mark.parametrize(
    ("name", "event", "count"), [("trades", "trade", 24), ("candles", "candle", 20), ("ticker", "ticker", 50)]
)
def test_recorded_frames_come_out_one_to_one(run: Run, name: str, event: str, count: int) -> None:
    events, errors = run("binance", str(SAMPLES / f"ws_{name}.jsonl"))
    assert [(row["event"], row["frame"]) for row in events] == [(event, number) for number in range(1, count + 1)]
    assert errors == ""
