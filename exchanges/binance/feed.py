"""One connection's conversation with Binance: what to send, and what each frame means. Pure.

Source: https://developers.binance.com/en/docs/products/spot, WebSocket streams.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from msgspec import UNSET

from exchanges.binance import frames, names, rest, tickers, trades
from exchanges.binance.polled import SECOND_NS, Polled
from exchanges.broken import BROKEN, rejected
from exchanges.contract import ALL, Close, Output, Request, Send, Want
from exchanges.decimals import unsigned
from exchanges.depths import levels
from exchanges.errors import BadFrame
from exchanges.events import Candle, Depth, Rejected
from exchanges.seeded import Start, Update
from exchanges.seeded_books import SeededBooks
from exchanges.symbols import Instruments
from exchanges.tickers import Figures, Tickers
from exchanges.trade_ids import TradeIds
from exchanges.wants import depths_of, markets_of

STREAMS_PER_FRAME = 200  # the exchange names no limit; a frame of a few hundred is common practice
LIMIT = 5000  # levels a side of the snapshots we ask for, the most there are
DEFAULT_LIMIT = 100  # of a request that names none

POLL_NS = 2 * SECOND_NS  # between two requests for the best prices of every market

Reader = Callable[[Any, bytes, str, int], Iterable[Output]]


class BinanceFeed:
    """The feed of `/stream`; of a recording also the frames of `/ws`, and streams that we never ask for ourselves.

    The futures speak the same dialect: their feed has `readers`, names and requests of its own.
    """

    readers: Mapping[str, Reader] = {}  # theirs, by what stands behind `@` in a stream's name: what reads it
    families: Mapping[str, str] = names.FAMILIES
    streams = staticmethod(names.streams)
    depth_limit, default_limit = LIMIT, DEFAULT_LIMIT

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._wants: frozenset[Want] | None = None
        self._subscribed: set[str] = set()
        self._requests = 0
        self._tickers = Tickers()
        self._trades, self._aggregates = TradeIds(), TradeIds()
        self._books = self._new_books()
        self._best_prices = Polled(self._best_request(), POLL_NS)

    def _new_books(self) -> SeededBooks:
        return SeededBooks(self._instruments, rest.snapshot_request, LIMIT)

    def _best_request(self) -> Request:
        return rest.best_request()

    def _polls(self, wants: Collection[Want]) -> bool:
        """Whether best prices have to be asked for; no stream tells those of every market."""
        return ("ticker", ALL) in wants

    def opening(self) -> Iterable[Output]:
        return ()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        self._wants = frozenset(wants)
        markets = [(stream, self._instruments.venue_symbol(symbol)) for stream, symbol in self._wants]
        streams = {name for stream, market in markets for name in self.streams(stream, market)}
        outputs = [
            *self._control("UNSUBSCRIBE", self._subscribed - streams),
            *self._control("SUBSCRIBE", streams - self._subscribed),
            *self._books.want(depths_of(self._wants, self._instruments)),
        ]
        self._subscribed = streams
        self._best_prices.wanted = self._polls(self._wants)
        if ("ticker", ALL) not in self._wants:
            self._tickers.keep(self._markets("ticker"))
        self._trades.keep(self._markets("trade"))
        return outputs

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        try:
            return list(self._read(frame, received_ns))
        except BROKEN as error:
            return [rejected(error)]

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        if request.path == self._best_prices.request.path:
            return self._best_answered(body, received_ns)
        if not request.path.endswith("/depth"):
            return [Rejected(f"an answer to {request.path}, which no feed asks for", "answer")]
        market = request.query.get("symbol", "")
        try:
            found = frames.snapshot(body)
            bids, asks = levels(found.bids), levels(found.asks)
            start = Start(found.lastUpdateId, bids, asks, self._limit(request), received_ns)
            return list(self._books.snapshot(market, start))
        except BROKEN as error:
            return [
                rejected(error),
                *self._books.failed(market, BadFrame(str(error)), received_ns, self._limit(request)),
            ]

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        if request.path == self._best_prices.request.path:
            self._best_prices.failed(error, now_ns)
            return []
        return list(self._books.failed(request.query.get("symbol", ""), error, now_ns, self._limit(request)))

    def tick(self, now_ns: int) -> Iterable[Output]:
        if self._best_prices.outdated(now_ns):
            self._tickers.forget(tickers.NO_BEST)
        return [*self._best_prices.due(now_ns), *self._books.tick(now_ns)]

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return self._books.state(self._instruments.venue_symbol(symbol), received_ns)

    def waiting(self) -> dict[str, int]:
        return {self._instruments.symbol(market): count for market, count in self._books.waiting().items()}

    def _markets(self, stream: str) -> set[str]:
        return markets_of(self._wants or (), stream, self._instruments)

    def _control(self, method: str, streams: Collection[str]) -> Iterable[Send]:
        ordered = sorted(streams)
        for start in range(0, len(ordered), STREAMS_PER_FRAME):
            self._requests += 1
            params = ordered[start : start + STREAMS_PER_FRAME]
            yield Send(json.dumps({"method": method, "params": params, "id": self._requests}, ensure_ascii=False))

    def _read(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        if frame[:1] in ("[", b"["):
            return self.readers["miniTicker@arr"](self, _bytes(frame), "", received_ns)
        combined = frames.combined(frame)
        if combined.stream is None:
            return self._read_raw(frame, received_ns)
        family, market = names.family(combined.stream)
        reader = self.readers.get(family)
        if reader is None:
            raise BadFrame(f"unknown stream {combined.stream[:60]!r}", f"stream {family[:30]}")
        return reader(self, combined.data, market, received_ns)

    def _read_raw(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        """A frame without an envelope: a payload of `/ws`, or an answer to a request of ours."""
        head = frames.head(frame)
        if head.e is not None and (family := self.families.get(head.e)):
            return self.readers[family](self, _bytes(frame), "", received_ns)
        if head.error is not UNSET or head.code is not None:
            error = frames.Error(head.code or 0, head.msg) if head.error is UNSET else frames.error(head.error)
            raise BadFrame(f"request {head.id} was refused: {error.code} {error.msg[:200]}", f"refused {error.code}")
        if head.result is not UNSET:
            return ()
        if head.e is None and head.s is not None and head.u is not None and head.b is not UNSET:
            return self._best(_bytes(frame), "", received_ns)
        kind = f"event {head.e[:30]}" if head.e else "unknown"
        raise BadFrame(f"unknown event {head.e[:60]!r}" if head.e else "a frame of no known shape", kind)

    def _wanted_as(self, stream: str, venue_symbol: str) -> str | None:
        """Our symbol, or None where the stream is no longer wanted."""
        symbol = self._instruments.symbol(venue_symbol)
        if self._wants is None or (stream, symbol) in self._wants:
            return symbol
        listed = (stream, ALL) in self._wants and venue_symbol in self._instruments.by_venue_symbol
        return symbol if listed else None

    def _ticker(self, venue_symbol: str, received_ns: int, event_us: int | None, figures: Figures) -> Iterable[Output]:
        symbol = self._wanted_as("ticker", venue_symbol)
        return () if symbol is None else (self._tickers.event(symbol, venue_symbol, received_ns, event_us, figures),)

    def _day(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        day = frames.day(data)
        return self._ticker(day.s, received_ns, names.micros(day.E), tickers.whole(day))

    def _short_day(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        day = frames.short_day(data)
        return self._ticker(day.s, received_ns, names.micros(day.E), tickers.short(day))

    def _days(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        """Those that changed; the long ones came as `!ticker@arr` until 2026-03."""
        for day in frames.days(data):
            figures = tickers.whole(day) if isinstance(day, frames.Day) else tickers.short(day)
            yield from self._ticker(day.s, received_ns, names.micros(day.E), figures)

    def _best(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        best = frames.best(data)
        return self._ticker(best.s, received_ns, None, tickers.best(best))

    def _best_answered(self, body: bytes, received_ns: int) -> list[Output]:
        """Best prices of every market; those that are news are told."""
        try:
            rows = [(row.symbol, tickers.best_row(row)) for row in frames.best_rows(body)]
        except BROKEN as error:
            self._best_prices.failed(BadFrame(str(error)), received_ns)
            return [rejected(error)]
        self._best_prices.answered(received_ns)
        news = [(market, figures) for market, figures in rows if self._tickers.changed(market, figures)]
        return [event for market, figures in news for event in self._ticker(market, received_ns, None, figures)]

    def _trade(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        match = frames.match(data)
        symbol = self._wanted_as("trade", match.s)
        return () if symbol is None else self._trades.events(trades.trade(symbol, match, match.t, received_ns))

    def _aggregate(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        """Of a recording: their ids run without a hole, as those of matches do."""
        match = frames.aggregate(data)
        symbol = self._wanted_as("trade", match.s)
        return () if symbol is None else self._aggregates.events(trades.trade(symbol, match, match.a, received_ns))

    def _kline(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        return self._candle(frames.kline(data), received_ns)

    def _candle(self, frame: frames.Kline, received_ns: int) -> Iterable[Candle]:
        figures, interval = frame.k, names.interval(frame.k.i)
        symbol = self._wanted_as(f"candle_{interval}", frame.s)
        if symbol is None:
            return ()
        return (
            Candle(
                symbol=symbol, venue_symbol=frame.s, received_ns=received_ns, event_us=names.micros(frame.E),
                interval=interval, open_ms=names.micros(figures.t) // 1000, close_ms=names.micros(figures.T) // 1000,
                open=unsigned(figures.o), high=unsigned(figures.h), low=unsigned(figures.l), close=unsigned(figures.c),
                volume=unsigned(figures.v), quote_volume=unsigned(figures.q), trades=figures.n, closed=figures.x,
            ),
        )  # fmt: skip

    def _diff(self, data: bytes, _: str, received_ns: int) -> Iterable[Output]:
        diff = frames.diff(data)
        bids, asks = levels(diff.b), levels(diff.a)
        return self._books.diff(diff.s, Update(diff.U, diff.u, names.micros(diff.E), received_ns, bids, asks))

    def _partial(self, data: bytes, market: str, received_ns: int, stream: str) -> Iterable[Output]:
        """The best levels, whole each time; only the stream's name says of which market."""
        picture = frames.snapshot(data)
        symbol = self._wanted_as(stream, market)
        if symbol is None:
            return ()
        return (
            Depth(
                symbol=symbol, venue_symbol=market, received_ns=received_ns, stream=stream, type="snapshot",
                bids=tuple(levels(picture.bids)), asks=tuple(levels(picture.asks)), sequence=picture.lastUpdateId,
            ),
        )  # fmt: skip

    def _limit(self, request: Request) -> int:
        text = request.query.get("limit", "")
        sound = text.isascii() and text.isdigit() and len(text) < 10
        return min(int(text), self.depth_limit) if sound else self.default_limit

    def _shutdown(self, _: bytes, __: str, ___: int) -> Iterable[Output]:
        return (Close("serverShutdown", planned=True),)


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


BinanceFeed.readers = {
    "trade": BinanceFeed._trade,
    "aggTrade": BinanceFeed._aggregate,
    "ticker": BinanceFeed._day,
    "miniTicker": BinanceFeed._short_day,
    "ticker@arr": BinanceFeed._days,
    "miniTicker@arr": BinanceFeed._days,
    "bookTicker": BinanceFeed._best,
    "kline": BinanceFeed._kline,
    "depth": BinanceFeed._diff,
    "depth5": partial(BinanceFeed._partial, stream="depth_5"),
    "depth10": partial(BinanceFeed._partial, stream="depth_10"),
    "depth20": partial(BinanceFeed._partial, stream="depth_20"),
    "serverShutdown": BinanceFeed._shutdown,
}
