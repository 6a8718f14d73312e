"""A line of a recording, from text and back."""

import pytest

from exchanges.symbols import Instrument
from recordings import lines
from recordings.lines import Closed, Failed, Header, Lost, Opened, Silent, Speaks, Unreadable, Wants

BTC = Instrument(symbol="BTC-USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="spot")
NOTES = [
    Header("k3", 1, True, 7),
    Opened(exchange="binance", socket=0, wants=[("trade", "BTC-USDT")], recordings=["k3"], instruments=[BTC]),
    Wants(wants=[("depth_5", "BTC-USDT")], instruments=[BTC]),
    Speaks(),
    Silent(),
    Closed("stale", "nothing for 12 s"),
    Failed("/depth?symbol=BTCUSDT", "418"),
    Lost(7, "the tape is too short"),
    Lost(),
]


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_a_note_comes_back_as_it_was_written(note: lines.Note) -> None:
    line = lines.read(lines.note_text(note, 5, "c-1"))
    assert (lines.note(line), line.connection, lines.at_ns(line), lines.is_frame(line)) == (note, "c-1", 5, False)


def test_a_frame_comes_back_as_it_was_written() -> None:
    text = '{"p":"0.10", "name":"ключ \\" \n"}'
    line = lines.read(lines.frame_text(text, 5, "c"))
    assert (line.payload, line.connection, lines.is_frame(line), lines.note(line)) == (text, "c", True, None)
    sent = lines.read(lines.frame_text("{}", 5, "c", direction="out"))
    answer = lines.read(lines.frame_text("[]", 5, "c", rest='/a?b="c"'))
    assert (sent.direction, answer.rest, lines.is_frame(sent), lines.is_frame(answer)) == (
        "out",
        '/a?b="c"',
        False,
        False,
    )


def test_a_line_of_the_bare_format_is_read() -> None:
    line = lines.read(b'{"received": 1700000000.25, "raw": {"e": "trade"}}')
    assert (line.payload, lines.at_ns(line)) == (b'{"e": "trade"}', 1_700_000_000_250_000_000)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "not a line"),
        (b"[]", "not a line"),
        (b'{"received_ns": 5}', "raw"),
        (b'{"received_ns": -5, "raw": "x"}', "time"),
        (b'{"received_ns": 5, "raw": "\\ud800"}', "not a line"),
        (b'{"received_ns": 5, "raw": "x", "direction": "note"}', "no JSON object"),
        (b'{"received_ns": 5, "raw": "{\\"note\\":\\"sang\\"}", "direction": "note"}', "unknown kind: 'sang'"),
        (
            b'{"received_ns": 5, "raw": "{\\"note\\":\\"opened\\"}", "direction": "note"}',
            "a note opened of another shape",
        ),
    ],
)
def test_what_is_no_line_says_why(text: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        lines.read(text)


def test_a_member_of_a_newer_version_is_left_out() -> None:
    raw = '{"note":"closed","reason":"stale","detail":"","mood":7}'
    line = lines.read(lines.frame_text(raw, 5, "c").replace(b',"raw"', b',"direction":"note","mood":1,"raw"'))
    assert lines.note(line) == Closed("stale")
