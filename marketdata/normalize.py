"""Raw payloads of an exchange as events, one JSON text a line: what `manage.py normalize` writes.

Where the input does not say when something was received, `received_time` is 0. Needs no database, Redis or network.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec

from exchanges.contract import Card, Feed, Output, Request
from exchanges.encoder import event_text, levels, quoted, rows
from exchanges.errors import BadFrame
from exchanges.events import Candle, Depth, Event, Rejected
from exchanges.symbols import Instrument, Instruments

KINDS = ("frames", "instruments", "candles", "trades", "ticker", "depth")
SENT = {"out", "sent", "send"}  # the `direction` of what went to the exchange
NOTE = "note"  # that of what the recorder says of a connection
NOT_HEARD = SENT | {NOTE}
SECOND_NS = 1_000_000_000
LATEST_NS = 2**63


class Line(msgspec.Struct):
    """One line of a recording: a frame, or with `rest` the answer to that request."""

    raw: msgspec.Raw
    received_ns: int | None = None
    received: msgspec.Raw = msgspec.Raw(b"null")
    rest: str | None = None
    connection: int | str | None = None
    direction: str | None = None

    @property
    def payload(self) -> str | bytes:
        """The frame's text; one that stands in the line as it is, without quotes, is read too."""
        text = bytes(self.raw)
        return msgspec.json.decode(text, type=str) if text.startswith(b'"') else text

    @property
    def at_ns(self) -> int:
        """Nanoseconds since 1970, exact; 0 where the line does not say."""
        if self.received_ns is not None:
            time_ns: int | Decimal = self.received_ns
        else:
            text = bytes(self.received).strip(b'"')
            time_ns = Decimal(0) if text == b"null" else Decimal(text.decode()) * SECOND_NS
        if not 0 <= time_ns < LATEST_NS:
            raise BadFrame(f"a receive time of {time_ns} ns", "time")
        return int(time_ns)


class _Opened(msgspec.Struct):
    """What a note says that matters here."""

    exchange: str | None = None


_line = msgspec.json.Decoder(Line).decode
_opened = msgspec.json.Decoder(_Opened).decode
UNREADABLE = (msgspec.MsgspecError, BadFrame, UnicodeError, RecursionError, ArithmeticError)


class Recording:
    """Reads the lines of a recording in order, each connection through a feed of its own."""

    def __init__(
        self,
        card: Card,
        instruments: Instruments,
        market: Instrument | None = None,
        interval: str | None = None,
        levels: int | None = None,
    ) -> None:
        """`market` and `interval` leave out the events of others; `levels` asks for the book after each frame."""
        self._card, self._instruments = card, instruments
        self._market, self._interval, self._levels = market, interval, levels
        self._feeds: dict[int | str | None, Feed] = {}
        self._shown: dict[int | str | None, dict[str, int | None]] = {}  # by connection and symbol, the sequence told
        self._others: set[int | str | None] = set()  # connections of other exchanges, as the recorder says
        self._last = (0, 0)  # line number, time
        self.read = self.rejected = 0

    def line(self, number: int, text: bytes) -> Iterator[str]:
        """What one line of the input (from 1) comes to."""
        if not text.strip():
            return
        try:
            line = _line(text)
            payload, at_ns = line.payload, line.at_ns
        except UNREADABLE as error:
            yield self._rejected(number, f"not a line of a recording: {error}")
            return
        self.read += 1
        if line.direction == NOTE:
            self._noted(line.connection, payload)
        if line.direction in NOT_HEARD or line.connection in self._others:
            return
        feed = self._feed(line.connection)
        self._last = (number, at_ns)
        outputs = [*feed.tick(at_ns), *self._outputs(feed, line, payload, at_ns)]
        yield from self._texts(number, outputs)
        if self._levels is not None:
            yield from self._books(number, line.connection, feed, outputs, at_ns)

    def finish(self) -> Iterator[str]:
        """What the feeds still held back for a moment."""
        number, at_ns = self._last
        for feed in self._feeds.values():
            yield from self._texts(number, feed.tick(at_ns + SECOND_NS))

    def waiting(self) -> dict[str, int]:
        """By symbol, frames that wait for an answer which the input does not hold."""
        counts: dict[str, int] = {}
        for feed in self._feeds.values():
            for symbol, count in feed.waiting().items():
                counts[symbol] = counts.get(symbol, 0) + count
        return counts

    def _noted(self, connection: int | str | None, payload: str | bytes) -> None:
        try:
            exchange = _opened(payload).exchange
        except msgspec.MsgspecError:
            return
        if exchange not in (None, self._card.code):
            self._others.add(connection)

    def _feed(self, connection: int | str | None) -> Feed:
        if connection not in self._feeds:
            feed = self._feeds[connection] = self._card.feed(self._instruments)
            list(feed.opening())
        return self._feeds[connection]

    def _outputs(self, feed: Feed, line: Line, payload: str | bytes, at_ns: int) -> Iterable[Output]:
        if line.rest is None:
            return feed.receive(payload, at_ns)
        body = payload.encode("utf-8", "replace") if isinstance(payload, str) else payload
        return feed.answered(Request(line.rest), body, at_ns)

    def _texts(self, number: int, outputs: Iterable[Output]) -> Iterator[str]:
        for output in outputs:
            if isinstance(output, Rejected):
                yield self._rejected(number, output.reason)
            elif isinstance(output, Event) and self._asked(output):
                yield event_text(output, self._card.code, f',"frame":{number}')

    def _asked(self, event: Event) -> bool:
        if self._market is not None and event.venue_symbol != self._market.venue_symbol:
            return False
        return self._interval is None or not isinstance(event, Candle) or event.interval == self._interval

    def _rejected(self, number: int, reason: str) -> str:
        self.rejected += 1
        return rejected_text(number, reason)

    def _books(
        self, number: int, connection: int | str | None, feed: Feed, outputs: list[Output], at_ns: int
    ) -> Iterator[str]:
        depths = [output for output in outputs if isinstance(output, Depth) and self._asked(output)]
        touched = dict.fromkeys(depth.symbol for depth in depths)
        shown = self._shown.setdefault(connection, {})
        shown.update({symbol: None for symbol in touched if symbol not in shown})
        # A frame that said nothing may still have moved a book on, outside what clients see of it.
        for symbol in touched if outputs else list(shown):
            book = feed.book(symbol, at_ns)
            if book is not None and (symbol in touched or len(shown) == 1 or book.sequence != shown[symbol]):
                shown[symbol] = book.sequence
                yield self._book_text(number, book)

    def _book_text(self, number: int, book: Depth) -> str:
        bids, asks = book.bids[: self._levels], book.asks[: self._levels]
        return (
            f'{{"event":"book","frame":{number},"symbol":{quoted(book.symbol)},'
            f'"venue_symbol":{quoted(book.venue_symbol)},"bids":{levels(bids)},"asks":{levels(asks)},'
            f'"sequence":{"null" if book.sequence is None else book.sequence}}}'
        )


def body_texts(
    card: Card, kind: str, body: bytes, market: Instrument | None, interval: str | None, now_ms: int
) -> Iterator[str]:
    """One REST answer, which counts as frame 1. BadFrame where the whole is broken; a broken row is told by itself."""
    rejected: list[Rejected] = []
    if kind == "instruments":
        for instrument in card.rest.read_instruments(body, rejected):
            yield instrument_text(card.code, instrument, 1)
    else:
        assert market is not None
        for event in _events(card, kind, body, market, interval, now_ms, rejected):
            yield event_text(event, card.code, ',"frame":1')
    for row in rejected:
        yield rejected_text(1, row.reason)


def _events(
    card: Card,
    kind: str,
    body: bytes,
    market: Instrument,
    interval: str | None,
    now_ms: int,
    rejected: list[Rejected],
) -> Iterable[Event]:
    rest = card.rest
    readers: dict[str, Callable[[], Iterable[Event]]] = {
        "candles": lambda: rest.read_candles(body, market, interval or "", 0, now_ms, rejected),
        "trades": lambda: rest.read_trades(body, market, 0, rejected),
        "ticker": lambda: [rest.read_ticker(body, market, 0)],
        "depth": lambda: [rest.read_depth(body, market, 0)],
    }
    return readers[kind]()


def instrument_text(exchange: str, instrument: Instrument, frame: int) -> str:
    """An `instrument` line; `expiry` in milliseconds."""
    expiry_us = instrument.expiry_us
    numbers = ("price_increment", "quantity_increment", "contract_size", "strike")
    exact = {name: None if (text := getattr(instrument, name)) is None else Decimal(text) for name in numbers}
    words = {name: getattr(instrument, name) for name in ("symbol", "venue_symbol", "base", "quote", "kind", "status")}
    row = {
        "event": "instrument",
        "exchange": exchange,
        **words,
        "price_increment": exact["price_increment"],
        "quantity_increment": exact["quantity_increment"],
        "contract_size": exact["contract_size"],
        "expiry": None if expiry_us is None else expiry_us // 1000,
        "strike": exact["strike"],
        "option_type": instrument.option_type,
        "frame": frame,
    }
    return rows(row).decode()


def rejected_text(frame: int, reason: str) -> str:
    """A `rejected` line."""
    return json.dumps({"event": "rejected", "frame": frame, "reason": reason}, separators=(",", ":"))
