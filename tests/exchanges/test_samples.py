"""Every recorded payload at hand through `manage.py normalize`: the events each must give, and the rest with a reason.

The table is samples.json; what the events must say is in tests/exchanges/<name>/test_samples.py.
"""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.exchanges.samples import FOLDER, Row, events, files, rejected, symbols, table

ROWS = table()
at_hand = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded payloads are not at hand")


def normalized(row: Row, folder: Path) -> tuple[str, int]:
    """What the command writes, and its exit code."""
    written = io.StringIO()
    try:
        call_command("normalize", *row.command(folder), stdout=written, stderr=io.StringIO())
    except CommandError as error:
        return written.getvalue(), error.returncode
    return written.getvalue(), 0


@at_hand
def test_every_payload_at_hand_is_in_the_table() -> None:
    told = {f"{row.exchange}/{row.file}" for row in ROWS}
    new = set(files()) - told
    assert not new, f"say in tests/exchanges/samples.json what these must give: {', '.join(sorted(new))}"
    gone = told - set(files())
    assert not gone, f"in tests/exchanges/samples.json, but not at hand: {', '.join(sorted(gone))}"


@at_hand
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_recorded_payload_gives_the_events_of_the_table_and_no_others(row: Row, tmp_path: Path) -> None:
    text, code = normalized(row, tmp_path)
    assert (events(text), rejected(text)) == (row.events, row.rejected)
    assert row.kind != "frames" or symbols(text) == row.symbols
    assert code == (0 if row.kind == "frames" or row.events else 1)


def test_a_payload_that_gives_nothing_a_gap_or_a_rejection_has_its_reason_in_the_table() -> None:
    silent = [row.name for row in ROWS if (not row.events or row.rejected or "gap" in row.events) and not row.why]
    assert silent == []


def test_a_reading_stands_in_the_table_once() -> None:
    names = [(row.name, row.options) for row in ROWS]
    assert [name for name in names if names.count(name) > 1] == []
