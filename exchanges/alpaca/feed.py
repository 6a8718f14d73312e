"""One connection's conversation with Alpaca: crypto or stocks on the socket, the rest by REST beside it. Pure.

Source: https://docs.alpaca.markets/docs/streaming-market-data,
https://docs.alpaca.markets/docs/real-time-crypto-pricing-data and
https://docs.alpaca.markets/docs/real-time-stock-pricing-data
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import Raw

from exchanges.alpaca import frames, names, readings
from exchanges.alpaca.books import Books
from exchanges.alpaca.polled import Alpaca
from exchanges.alpaca.rest import decoded
from exchanges.alpaca.subscriptions import CHANNELS, Subscriptions
from exchanges.broken import BROKEN, rejected
from exchanges.contract import Close, Keys, Output, Request, Send, Want
from exchanges.errors import BadFrame
from exchanges.events import Depth, State, Status
from exchanges.pictures import DEPTHS
from exchanges.polling import PollingFeed
from exchanges.symbols import Instruments
from exchanges.tickers import Figures, Tickers
from exchanges.wants import depths_of, markets_of, status_of

LIVE = "candle_1m"  # the only candle of the socket that is told when it is over
NO_BOOK = "Alpaca has no order book of stocks"
KEYS_S, BUSY_S = 600.0, 30.0  # wrong keys do not become right; a connection that died counts for a while yet
ENDS = {401: 0.0, 404: 0.0, 406: BUSY_S, 407: 0.0, 500: 1.0}  # code: seconds to stay away
KEYS = (402, 408, 411)  # of the keys or their account
ALREADY, SYNTAX, LIMIT, PLAN, CHANNEL = 403, 400, 405, 409, 410

Reader = Callable[["AlpacaFeed", bytes, str, int], Iterable[Output]]


class AlpacaFeed:
    """Of the kind of markets that is wanted of it. Without keys there is no socket, and all is asked for by REST."""

    def __init__(self, instruments: Instruments, keys: Keys) -> None:
        self._instruments, self._keys = instruments, keys
        self._wants: frozenset[Want] | None = None
        self._asked: set[str] = set()  # markets beyond the plan's number: by REST
        self._bookless: set[Want] = set()  # to be told on the next tick
        self._subscriptions = Subscriptions()
        self._books = Books(instruments)
        self._tickers = Tickers()
        self._polling = PollingFeed(instruments, Alpaca())

    def opening(self) -> Iterable[Output]:
        return ()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        before = self._wants or frozenset()
        self._wants = frozenset(wants)
        self._bookless |= {want for want in self._wants - before if self._is_bookless(want)}
        return self._arrange()

    def _arrange(self) -> Iterable[Output]:
        """Each want where it belongs: the socket, or requests."""
        wants = {want for want in self._wants or () if not self._is_bookless(want)}
        streamed = {want for want in wants if self._is_streamed(want)}
        channels: dict[str, frozenset[str]] = {}
        for stream, symbol in streamed:
            market = self._instruments.venue_symbol(symbol)
            channels[market] = channels.get(market, frozenset()) | set(CHANNELS[stream.partition("_")[0]])
        self._tickers.keep(markets_of(streamed, "ticker", self._instruments))
        polling, books = self._polling.wanted(wants - streamed), depths_of(streamed, self._instruments)
        return [*polling, *self._subscriptions.want(channels), *self._books.want(books)]

    def _is_streamed(self, want: Want) -> bool:
        stream, symbol = want
        known = self._instruments.by_symbol.get(symbol)
        if known is None or known.venue_symbol in self._asked or not names.has_keys(self._keys):
            return False
        return not self._is_bookless(want) and (stream == LIVE or not stream.startswith("candle_"))

    def _is_bookless(self, want: Want) -> bool:
        known = self._instruments.by_symbol.get(want[1])
        return want[0] in DEPTHS and known is not None and not names.is_pair(known.venue_symbol)

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        """Each object of a frame by itself: a broken one is lost alone."""
        outputs: list[Output] = []
        try:
            objects = frames.frame.decode(frame)
        except BROKEN as error:
            return [rejected(error), *self._books.unread(received_ns)]
        for raw in objects:
            try:
                outputs += self._read(raw, received_ns)
            except BROKEN as error:
                outputs.append(rejected(error))
                outputs += self._books.unread(received_ns) if _is_book(raw) else ()
        return outputs

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        return self._polling.answered(request, body, received_ns)

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        return self._polling.failed(request, error, now_ns)

    def tick(self, now_ns: int) -> Iterable[Output]:
        bookless, self._bookless = sorted(self._bookless & (self._wants or frozenset())), set()
        outputs: list[Output] = [self._status(want, "stopped", NO_BOOK, now_ns) for want in bookless]
        outputs += self._books.tick(now_ns)
        for market in self._books.due(now_ns):
            outputs += self._subscriptions.again(market)
        outputs += self._polling.tick(now_ns)
        if self._subscriptions.lost(now_ns):
            outputs.append(Close("no answer to a subscription"))
        return outputs

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return self._books.state(self._instruments.venue_symbol(symbol), received_ns)

    def waiting(self) -> Mapping[str, int]:
        return {}

    def _wanted_as(self, stream: str, market: str) -> str | None:
        """Our symbol, or None where the stream is not wanted of the socket."""
        symbol = self._instruments.symbol(market)
        if self._wants is None:
            return symbol
        return symbol if (stream, symbol) in self._wants and self._is_streamed((stream, symbol)) else None

    def _status(self, want: Want, status: State, detail: str, now_ns: int) -> Status:
        return status_of(want, self._instruments, status, detail, now_ns)

    def _statuses(self, market: str | None, status: State, detail: str, now_ns: int) -> list[Output]:
        """Of all that the socket carries, or of one market."""
        return [
            self._status(want, status, detail, now_ns)
            for want in sorted(self._wants or ())
            if self._is_streamed(want) and market in (None, self._instruments.venue_symbol(want[1]))
        ]

    def _read(self, raw: Raw, received_ns: int) -> Iterable[Output]:
        body = bytes(raw)
        head = decoded(frames.head, body)
        match head.T:
            case "success":
                return self._greeted(head.msg)
            case "subscription":
                market = self._subscriptions.answered(decoded(frames.subscription, body))
                left = f"Alpaca left {market} out of what it acknowledged"
                told = self._statuses(market, "not_listed", left, received_ns) if market else []
                return [*told, *self._subscriptions.next()]
            case "error":
                return self._refused(head, received_ns)
        reader = READERS.get(head.T)
        if reader is None or not head.S:
            raise BadFrame(f"a frame of type {head.T[:20]!r}, which is not read", f"type {head.T[:20]}")
        return reader(self, body, head.S, received_ns)

    def _greeted(self, said: str) -> Iterable[Output]:
        if said == "connected" and names.has_keys(self._keys):
            given = {"action": "auth", "key": self._keys[names.KEY_ID], "secret": self._keys[names.SECRET]}
            return (Send(json.dumps(given)),)
        return self._subscriptions.begin() if said == "authenticated" else ()

    def _refused(self, head: frames.Head, received_ns: int) -> Iterable[Output]:
        words = f"Alpaca: {head.msg[:200]} (code {head.code})"
        if head.code == ALREADY:
            return ()
        if head.code in ENDS:
            return (Close(words, ENDS[head.code]),)
        market = self._subscriptions.refused()
        if head.code in KEYS or (head.code == PLAN and market is None):
            return [*self._statuses(None, "not_authenticated", words, received_ns), Close(words, KEYS_S)]
        if market is None or head.code not in REFUSALS and head.code != LIMIT:
            raise BadFrame(words, f"refused {head.code}")
        if head.code == LIMIT:
            self._asked.add(market)
            return self._arrange()
        return [*self._statuses(market, REFUSALS[head.code], words, received_ns), *self._subscriptions.next()]

    def _trade(self, body: bytes, market: str, received_ns: int) -> Iterable[Output]:
        row = decoded(frames.trade, body)
        trade = readings.trade(self._instruments.symbol(market), market, row, received_ns)
        if self._wanted_as("trade", market) is not None:
            yield trade
        if self._wants is not None and self._tickers.changed(market, figures := readings.last(row)):
            yield from self._ticker(market, trade.trade_us, figures, received_ns)

    def _quote(self, body: bytes, market: str, received_ns: int) -> Iterable[Output]:
        row = decoded(frames.quote, body)
        return self._ticker(market, names.micros(row.t), readings.offers(row), received_ns)

    def _ticker(self, market: str, event_us: int | None, figures: Figures, received_ns: int) -> Iterable[Output]:
        symbol = self._wanted_as("ticker", market)
        if symbol is None:
            return ()
        return (self._tickers.event(symbol, market, received_ns, event_us, figures),)

    def _bar(self, body: bytes, market: str, received_ns: int) -> Iterable[Output]:
        """Sent when the minute is over, and once more when late trades changed it."""
        symbol = self._wanted_as(LIVE, market)
        row = decoded(frames.bar, body)
        return () if symbol is None else (readings.candle(symbol, market, "1m", row, received_ns, closed=True),)

    def _day(self, body: bytes, market: str, received_ns: int) -> Iterable[Output]:
        """Of recordings alone: no word says when a day is final."""
        symbol = self._wanted_as("candle_1d", market)
        row = decoded(frames.bar, body)
        return () if symbol is None else (readings.candle(symbol, market, "1d", row, received_ns, closed=False),)

    def _book(self, body: bytes, market: str, received_ns: int) -> Iterable[Output]:
        row = decoded(frames.book, body)
        bids, asks = readings.levels(row.b), readings.levels(row.a)
        return self._books.frame(market, bool(row.r), bids, asks, names.micros(row.t), received_ns)


REFUSALS: dict[int, State] = {SYNTAX: "not_listed", PLAN: "not_authenticated", CHANNEL: "stopped"}


def _is_book(raw: Raw) -> bool:
    """Of an object that cannot be read."""
    return b'"T":"o"' in bytes(raw).replace(b" ", b"")


READERS: dict[str, Reader] = {
    "t": AlpacaFeed._trade, "q": AlpacaFeed._quote, "b": AlpacaFeed._bar, "u": AlpacaFeed._bar,
    "d": AlpacaFeed._day, "o": AlpacaFeed._book,
}  # fmt: skip
