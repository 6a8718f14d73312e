"""`manage.py normalize` reads what the recorder writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import ROOT
from recordings import lines
from tests.recordings.written import START_NS, only_file, opened, packets, write, writer

TRADE = {
    "e": "trade",
    "E": 1790000000125,
    "s": "BTCUSDT",
    "p": "84143.01",
    "q": "0.0012",
    "T": 1790000000124,
    "m": False,
}


def trade(connection: str, number: int) -> bytes:
    return lines.frame_text(json.dumps({**TRADE, "t": number}), START_NS + number, connection)


def normalized(file: Path) -> tuple[list[str], str]:
    """The trades that were read, by id, and what was said of the file."""
    command = [sys.executable, "manage.py", "normalize", "binance", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["event"] for event in events} <= {"trade", "gap"}
    return [event["trade_id"] for event in events if event["event"] == "trade"], done.stderr


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """Three packets, of which the second has a connection of another exchange."""
    to = writer(tmp_path)
    write(to, [opened("c"), trade("c", 1)])
    write(to, [opened("k", exchange="kraken"), trade("k", 7), trade("c", 2)])
    write(to, [lines.note_text(lines.Lost(3), START_NS, "c"), trade("c", 3)])
    to.close()
    return only_file(tmp_path)


def test_a_segment_is_read_without_its_notes_and_other_exchanges(segment: Path) -> None:
    assert normalized(segment) == (["1", "2", "3"], "")


def test_a_damaged_segment_is_read_where_it_is_whole(segment: Path) -> None:
    begin, end = packets(segment)[1]
    text = bytearray(segment.read_bytes())
    text[(begin + end) // 2] ^= 0xFF
    segment.write_bytes(text)
    trades, said = normalized(segment)
    assert trades == ["1", "3"]
    assert f"{end - begin} bytes at {begin} cannot be read" in said
