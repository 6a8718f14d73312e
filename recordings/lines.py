"""One line of a recording: from text to an object and back (docs/recordings.md has the format)."""

from typing import Literal

import msgspec
from msgspec import Struct

from exchanges.symbols import Instrument
from marketdata.normalize import NOTE, SENT, UNREADABLE, Line

__all__ = ["NOTE", "SENT", "Line", "at_ns", "note", "note_text", "read"]

VERSION = 1
UNKNOWN = "a note of an unknown kind"  # what is said of one: a file of a newer version may hold such

Want = tuple[str, str]  # stream, symbol


class Header(Struct, frozen=True, tag_field="note", tag="header"):
    """The first of each file. `connection` of its line is null."""

    recording: str = ""
    version: int = VERSION
    sandbox: bool = False
    started_ns: int = 0  # of the recording


class Opened(Struct, frozen=True, tag_field="note", tag="opened", kw_only=True):
    """A connection begins, or (`joined`) is heard from its middle. `socket` counts those of the exchange's card."""

    exchange: str
    socket: int
    wants: list[Want]
    rehearsing: bool = False  # opened beside another that it is about to replace: nothing it says counts yet
    joined: bool = False
    keyed: bool = False  # with the user's keys, where the source takes any: the conversation is another then
    recordings: list[str] = []  # the ids of those that it is taped for
    instruments: list[Instrument] = []  # of its wants


class Wants(Struct, frozen=True, tag_field="note", tag="wants", kw_only=True):
    """Other streams from now on."""

    wants: list[Want]
    instruments: list[Instrument] = []


class Speaks(Struct, frozen=True, tag_field="note", tag="speaks"):
    """It was rehearsing; what it says counts from now on."""


class Silent(Struct, frozen=True, tag_field="note", tag="silent"):
    """What it says counts no more: another connection goes on with its topics, and nothing is lost."""


class Closed(Struct, frozen=True, tag_field="note", tag="closed"):
    """The connection ended."""

    reason: str = ""  # disconnect, stale …
    detail: str = ""


class Failed(Struct, frozen=True, tag_field="note", tag="failed"):
    """A request of the feed came to nothing."""

    rest: str
    detail: str = ""


class Lost(Struct, frozen=True, tag_field="note", tag="lost"):
    """What is missing here was not recorded: of this connection, or of all where `connection` of its line is null."""

    lines: int | None = None  # how many, where that is known
    detail: str = ""


Note = Header | Opened | Wants | Speaks | Silent | Closed | Failed | Lost


class _Tag(Struct):
    """What can be read of any note."""

    note: str = ""


class Unreadable(Exception):
    """Why a text is no line that is understood here."""


_line = msgspec.json.Decoder(Line).decode
_note = msgspec.json.Decoder(Note).decode
_tag = msgspec.json.Decoder(_Tag).decode
_encode = msgspec.json.encode
KNOWN: dict[str, type[Struct]] = {
    str(kind.__struct_config__.tag): kind for kind in (Header, Opened, Wants, Speaks, Silent, Closed, Failed, Lost)
}


def read(text: bytes) -> Line:
    """The line, whose `payload` and `at_ns` can be read. Unreadable where it is none, or a note of no known kind."""
    try:
        line = _line(text)
        if line.direction == NOTE:
            note(line)
        _refused = line.at_ns, line.payload  # raise for a time that cannot be, and text that is none
    except UNREADABLE as error:
        raise Unreadable(f"not a line of a recording: {error}") from None
    return line


def at_ns(line: Line) -> int:
    """Nanoseconds since 1970; 0 where the line does not say."""
    return line.received_ns if line.received_ns is not None else line.at_ns


def note(line: Line) -> Note | None:
    """The note; None where the line is none. Unreadable where it is of no known kind or shape."""
    if line.direction != NOTE:
        return None
    payload = line.payload
    try:
        return _note(payload)
    except msgspec.MsgspecError as error:
        raise Unreadable(_why(payload, error)) from None


def _why(payload: str | bytes, error: Exception) -> str:
    try:
        kind = _tag(payload).note
    except msgspec.MsgspecError:
        return f"a note that is no JSON object: {error}"
    if kind not in KNOWN:
        return f"{UNKNOWN}: {kind[:40]!r}"
    return f"a note {kind} of another shape: {error}"


def note_text(said: Note, received_ns: int, connection: int | str | None) -> bytes:
    """A note as a line, without its end."""
    name, raw = _encode(connection), _encode(_encode(said).decode())
    return b'{"received_ns":%d,"connection":%b,"direction":"note","raw":%b}' % (received_ns, name, raw)


def frame_text(
    raw: str, received_ns: int, connection: int | str | None, direction: Literal["", "out"] = "", rest: str = ""
) -> bytes:
    """A frame, what was sent, or the answer to a request as a line, without its end."""
    way = b',"direction":"out"' if direction else b',"rest":%b' % _encode(rest) if rest else b""
    return b'{"received_ns":%d,"connection":%b%b,"raw":%b}' % (received_ns, _encode(connection), way, _encode(raw))


def is_frame(line: Line) -> bool:
    """Whether the exchange said it by itself on a connection: no request's answer, nothing sent, no note."""
    return line.rest is None and line.direction != NOTE and line.direction not in SENT
