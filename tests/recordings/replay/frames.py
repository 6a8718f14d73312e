"""Recordings of a Binance connection that tests write: frames in the documented shapes, and what happened to it."""

import json
from collections.abc import Iterable
from typing import Any

from exchanges.symbols import Instrument
from recordings import lines
from recordings.lines import Closed, Note, Opened

MS_NS = 1_000_000
START_MS = 1_790_000_000_000
BTC = Instrument(symbol="BTC-USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT", kind="spot")
ETH = Instrument(symbol="ETH-USDT", venue_symbol="ETHUSDT", base="ETH", quote="USDT", kind="spot")
TRADE, DEPTH = ("trade", "BTC-USDT"), ("depth", "BTC-USDT")
SNAPSHOT = "/api/v3/depth?symbol=BTCUSDT&limit=5000"


def ns(ms: int) -> int:
    """So many milliseconds after the start."""
    return (START_MS + ms) * MS_NS


def note(said: Note, ms: int, connection: str | None = "a") -> bytes:
    return lines.note_text(said, ns(ms), connection)


def opened(ms: int, connection: str = "a", wants: Iterable[tuple[str, str]] = (TRADE,), **members: Any) -> bytes:
    about = {"exchange": "binance", "socket": 0, "instruments": [BTC, ETH], **members}
    return note(Opened(wants=list(wants), **about), ms, connection)


def closed(ms: int, connection: str = "a", reason: str = "disconnect") -> bytes:
    return note(Closed(reason, "the exchange closed the connection"), ms, connection)


def trade(ms: int, number: int, connection: str | None = "a", market: str = "BTCUSDT") -> bytes:
    """The trade of that id."""
    said = {
        "e": "trade", "E": START_MS + ms, "s": market, "t": number, "p": "84143.01000000", "q": "0.00120000",
        "T": START_MS + ms, "m": False, "M": True,
    }  # fmt: skip
    return _frame(ms, f"{market.lower()}@trade", said, connection)


def diff(ms: int, first: int, last: int, bid: str = "", connection: str = "a", quantity: str = "1") -> bytes:
    """The book's updates of these ids: a bid becomes `quantity`."""
    bids = [[bid, quantity]] if bid else []
    said = {"e": "depthUpdate", "E": START_MS + ms, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": []}
    return _frame(ms, "btcusdt@depth@100ms", said, connection)


def snapshot(ms: int, last: int, bids: Iterable[tuple[str, str]] = (("84143", "0.5"),), connection: str = "a") -> bytes:
    """The answer to the question for the book."""
    body = {"lastUpdateId": last, "bids": list(bids), "asks": [["84144.00", "0.10000000"]]}
    return lines.frame_text(json.dumps(body), ns(ms), connection, rest=SNAPSHOT)


def _frame(ms: int, stream: str, data: dict[str, Any], connection: str | None) -> bytes:
    return lines.frame_text(json.dumps({"stream": stream, "data": data}), ns(ms), connection)
