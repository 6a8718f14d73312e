"""What each exchange offers, by kind of data and by way, as the cards say it: the page docs/sources.md.

python -m exchanges.offered > docs/sources.md
"""

import argparse
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from exchanges.contract import Card, Limit, Socket
from exchanges.registry import cards

Way = Literal["REST", "WebSocket"]

KINDS = ("instruments", "candles", "trades", "ticker", "depth")
WAYS: tuple[Way, ...] = ("REST", "WebSocket")
REQUESTS = {
    "instruments": "instruments_requests",
    "candles": "candles_request",
    "trades": "trades_request",
    "ticker": "ticker_request",
    "depth": "depth_request",
}
STREAMS = {"candles": "candle", "trades": "trade", "ticker": "ticker", "depth": "depth"}
NAMED = {kind: re.compile(rf"\b{kind.removesuffix('s')}(s|_\w+)?\b") for kind in KINDS}  # as a card's words name it
WITHOUT_KEYS = " without keys"
YES, PART, KEYED, POLLED, NO = "yes", "in part", "with a key", "polled", "not offered"
KEYED_OR_POLLED, KEYED_POLLED = f"{KEYED}, else {POLLED}", f"{POLLED}, {KEYED}"
BY_REST_ALONE = "-"
NONE = "none"
LENGTH = 120
SPANS = {1: "second", 60: "minute", 3600: "hour", 86_400: "day"}

HEAD = """\
# Sources

What each source offers, from its card (`exchanges/<code>/__init__.py`). `python -m exchanges.offered` prints this page,
and `tests/exchanges/test_offered.py` holds the two equal and asks for every cell: each REST answer of the sandbox is
read, each stream has its cases.

| word | means |
|---|---|
| yes | open to everybody |
| with a key | the source asks for the user's key, which the settings take ([settings.md](settings.md)) |
| polled | the source does not send it, or not to us; the same topic exists and is fed by asking over REST |
| in part | some of it is sent, the rest is polled |
| not offered | the source does not have it |
| [1] | something of it is missing: the number is that of the source's list below |
| - | not read: `sync` asks for lists of markets by REST, and the contract has no stream of them |
"""


AFTER_A_GAP = """\
How the trades and candles that a gap swallowed are had again. From an id or a time on, all of them; of the newest, as
many as one answer holds. Where trades are not asked for by an id that runs without a hole, what was said before is
known by its id, and an answer that reaches back to it proves that nothing is missing. A quota is not spent on it.
"""


def offered(card: Card, kind: str, way: Way) -> str:
    """The cell without its notes: one of the words above; where markets differ, each with their kinds."""
    if way == "REST":
        return _asked(card, kind)
    if kind == "instruments":
        return BY_REST_ALONE
    ways: dict[str, list[str]] = {}
    for socket in card.sockets:
        kinds = [one for one in socket.kinds if f"{kind} of {one}s" not in card.missing]
        if STREAMS[kind] in socket.streams and (kinds or not socket.kinds):
            ways.setdefault(_carried(card, socket), []).extend(kinds)
    if list(ways) == [YES] and f"{kind} by {way}" in card.missing:
        return PART
    return _said(ways)


def _asked(card: Card, kind: str) -> str:
    if not hasattr(card.rest, REQUESTS[kind]):
        return NO
    if f"anything{WITHOUT_KEYS}" in card.missing:
        return KEYED
    closed = [one for one in card.keyed_kinds if f"{kind} of {one}s" not in card.missing]
    return _said({YES: [], KEYED: closed} if closed else {YES: []})


def _carried(card: Card, socket: Socket) -> str:
    """How what lies on such a connection comes."""
    if socket.url:
        return YES
    if not socket.keyed_url:
        return KEYED_POLLED if f"anything{WITHOUT_KEYS}" in card.missing else POLLED
    return KEYED if socket.kinds and set(socket.kinds) <= set(card.keyed_kinds) else KEYED_OR_POLLED


def _said(ways: Mapping[str, Sequence[str]]) -> str:
    """Each word with the kinds of markets that it is true of, where there are several."""
    if len(ways) < 2:
        return next(iter(ways), NO)
    return "; ".join(f"{word} ({', '.join(kinds)})" if kinds else word for word, kinds in ways.items())


def notes(card: Card, kind: str, way: Way) -> list[int]:
    """Which of what is missing (from 1, in the card's order) is about that kind and way."""
    return [number for number, what in enumerate(card.missing, 1) if _concerns(what, kind, way)]


def _concerns(what: str, kind: str, way: Way) -> bool:
    ways = [one for one in WAYS if f"by {one}" in what]
    if way not in (ways or WAYS) or (kind == "instruments" and way == "WebSocket"):
        return False
    named = [one for one in KINDS if NAMED[one].search(what)]
    if named:
        return kind in named
    return kind != "instruments" and bool(ways)


def cell(card: Card, kind: str, way: Way) -> str:
    numbers = notes(card, kind, way)
    return offered(card, kind, way) + (f" [{', '.join(map(str, numbers))}]" if numbers else "")


def page() -> str:
    """The whole page, as Markdown."""
    known = list(cards().values())
    heads = ["source", *(f"{kind}, {way}" for kind in KINDS for way in WAYS)]
    rows = [[card.code, *(cell(card, kind, way) for kind in KINDS for way in WAYS)] for card in known]
    limits = [row for card in known for row in _limits(card)]
    parts = [
        HEAD,
        _table(heads, rows),
        "## Intervals\n",
        _table(("source", "intervals", "candles in one answer"), map(_intervals, known)),
        "## Limits\n\nOf the source, or of what we take of it; all workers of an installation share them.\n",
        _table(("source", "requests", "carried", "markets a connection", "messages a second", "connections"), limits),
        f"## After a gap\n\n{AFTER_A_GAP}",
        _table(("source", "trades", "candles"), map(_after_a_gap, known)),
        "## What is missing, and why\n",
        *(_missing(card) for card in known),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _intervals(card: Card) -> tuple[str, ...]:
    return card.code, " ".join(card.intervals), f"{card.candles_per_page:,}"


def _after_a_gap(card: Card) -> tuple[str, str, str]:
    candles = hasattr(card.rest, REQUESTS["candles"]) and not card.has_quota
    return card.code, _trades_again(card), "fetched" if candles else NONE


def _trades_again(card: Card) -> str:
    if not hasattr(card.rest, REQUESTS["trades"]):
        return NONE
    rest = "from a time on" if card.trades_from_time else "the newest"
    if not card.trades_from_id:
        return rest
    kinds = card.trades_from_id_kinds
    return f"from an id on ({', '.join(kinds)}), else {rest}" if kinds else "from an id on"


def _limits(card: Card) -> Iterator[tuple[str, ...]]:
    """A row for each kind of connection; what was said in the row above is not repeated."""
    first = card.code, "; ".join(map(_limit, card.limits))
    for socket in card.sockets:
        plain = [one for one in socket.streams if "depth" not in socket.streams or not one.startswith("depth_")]
        if socket.url or socket.keyed_url:
            counts = f"{socket.max_subscriptions:,}", f"{socket.messages_per_s:g}", _connections(socket)
        else:
            counts = "no connection", "-", "-"
        markets = f" of {' and '.join(socket.kinds)}" if socket.kinds else ""
        yield *first, ", ".join(plain) + markets, *counts
        first = "", ""


def _limit(limit: Limit) -> str:
    amount = f"{'weight ' if limit.scope == 'weight' else ''}{limit.amount:,}"
    if name := SPANS.get(limit.window_s):
        return f"{amount} a {name}"
    length, name = max((length, name) for length, name in SPANS.items() if limit.window_s % length == 0)
    return f"{amount} in {limit.window_s // length} {name}s"


def _connections(socket: Socket) -> str:
    said = []
    if socket.connects:
        said.append(_limit(socket.connects))
    if socket.most_connections:
        said.append(f"{socket.most_connections} at once")
    if socket.lifetime_s:
        said.append(f"for {socket.lifetime_s / 3600:g} h")
    return ", ".join(said) or "-"


def _missing(card: Card) -> str:
    lines = [
        textwrap.fill(f"{number}. {what}: {why}.", LENGTH, subsequent_indent="   ", break_on_hyphens=False)
        for number, (what, why) in enumerate(card.missing.items(), 1)
    ]
    listed = "\n".join(lines) or "Nothing that is known."
    return f"### {card.title}\n\n{listed}\n\n{textwrap.fill(card.notes, LENGTH, break_on_hyphens=False)}\n"


def main() -> None:
    shown = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=shown).parse_args()
    print(page(), end="")


if __name__ == "__main__":
    main()
