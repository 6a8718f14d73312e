"""The page about the stream protocol says what the code does."""

import re
from typing import get_args

import pytest

from config.env import ROOT
from streams import access, consumer, messages, resolve

PAGE = (ROOT / "docs" / "stream-protocol.md").read_text()
PROTOCOL_CODES = {1009, 1012}  # sent by the server itself


def first_cells(heading: str) -> list[str]:
    """The first cell of each row of the table with this heading."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return [row.split("|")[1].strip().strip("`") for row in table.splitlines()[2:]]


def test_it_lists_each_action():
    assert first_cells("action") == list(messages.ACTIONS)


def test_it_lists_each_error_code():
    assert first_cells("error code") == list(get_args(messages.Code))


def test_it_lists_each_close_code():
    ours = {access.NOT_AUTHENTICATED, access.REFUSED, consumer.TOO_SLOW, consumer.BROKEN}
    assert {int(code) for code in first_cells("close code")} == ours | PROTOCOL_CODES


def test_it_names_each_stream_that_is_not_a_candle():
    named = [stream for stream in resolve.STREAMS if not stream.startswith("candle_")]
    assert [stream for stream in named if f"`{stream}`" not in PAGE] == []


def test_it_states_the_limits():
    assert f"at most {messages.MOST_TOPICS} topics" in PAGE
    assert f"most {messages.MOST_BYTES} bytes" in re.sub(r"\s+", " ", PAGE)
    assert f"within {consumer.AUTHENTICATE_WITHIN_S:.0f} s" in PAGE
    assert f"nothing for {consumer.STALLED_S:.0f} s" in PAGE


@pytest.mark.parametrize("text", re.findall(r'^\{"action.*\}$', PAGE.split("## What comes back")[0], re.MULTILINE))
def test_its_requests_can_be_read(text):
    assert messages.read(text).action in messages.ACTIONS
