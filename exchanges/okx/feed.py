"""One connection's conversation with OKX: what to send, and what each frame means. Pure.

Source: https://www.okx.com/docs-v5/en/#overview-websocket, #order-book-trading-market-data.
"""

from collections.abc import Callable, Collection, Iterable

from exchanges.broken import BROKEN, rejected
from exchanges.contract import Close, Output, Request, Send, Want
from exchanges.errors import BadFrame
from exchanges.events import Depth, Rejected, Status
from exchanges.okx import events, frames, names, quantities
from exchanges.okx.books import LEVELS, Books
from exchanges.okx.frames import Frame
from exchanges.okx.subscriptions import Arg, Refusal, Subscriptions
from exchanges.symbols import Instruments
from exchanges.trade_ids import TradeIds
from exchanges.wants import depths_of

SHUTDOWN = "64008"
QUIET_NS = 15_000_000_000  # 30 s without a frame end the connection; the text `ping` is answered by the text `pong`
BOOK = names.CHANNELS["depth"]

Reader = Callable[["OkxFeed", Frame, str, int], Iterable[Output]]


class OkxFeed:
    """The feed of `/public` and of `/business`; of a recording also channels that we never ask for ourselves."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._wants: frozenset[Want] | None = None
        self._subscriptions = Subscriptions()
        self._trades = TradeIds()
        self._books = Books(instruments, lambda market: self._subscriptions.renew(Arg(BOOK, market)))
        self._heard_ns = 0
        self._pinged_ns = 0  # 0: no ping waits for an answer

    def opening(self) -> Iterable[Output]:
        return ()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        self._wants = frozenset(wants)
        args = {Arg(names.CHANNELS[stream], self._instruments.venue_symbol(symbol)) for stream, symbol in self._wants}
        self._trades.keep({arg.market for arg in args if arg.channel == names.CHANNELS["trade"]})
        return [*self._subscriptions.want(args), *self._books.want(depths_of(self._wants, self._instruments))]

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        self._heard_ns, self._pinged_ns = received_ns, 0
        if frame in ("pong", b"pong"):
            return ()
        try:
            return list(self._read(frames.frame(frame), received_ns))
        except BROKEN as error:
            return [rejected(error)]

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        return [Rejected(f"an answer to {request.path}, which no feed asks for", "answer")]

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        return ()

    def tick(self, now_ns: int) -> Iterable[Output]:
        pictures = list(self._books.tick(now_ns))
        sends, refusals = self._subscriptions.tick(now_ns)
        told = [status for refusal in refusals for status in self._refused(refusal, now_ns)]
        return [*pictures, *sends, *told, *self._heartbeat(now_ns)]

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return self._books.state(self._instruments.venue_symbol(symbol), received_ns)

    def waiting(self) -> dict[str, int]:
        return {self._instruments.symbol(market): count for market, count in self._books.waiting().items()}

    def _heartbeat(self, now_ns: int) -> Iterable[Output]:
        self._heard_ns = self._heard_ns or now_ns
        if self._pinged_ns:
            if now_ns - self._pinged_ns > QUIET_NS:
                yield Close("no pong came")
        elif now_ns - self._heard_ns > QUIET_NS:
            self._pinged_ns = now_ns
            yield Send("ping")

    def _read(self, frame: Frame, received_ns: int) -> Iterable[Output]:
        if frame.event is not None:
            return self._told(frame, received_ns)
        if frame.table is not None:
            raise BadFrame(f"a table of the protocol before this one: {frame.table[:60]!r}", "v3 table")
        if frame.arg is None:
            raise BadFrame("a frame of no known shape", "unknown")
        channel, market = frame.arg.channel, frame.arg.instId
        reader = OkxFeed._candles if channel.startswith("candle") else READERS.get(channel)
        if reader is None or not market:
            raise BadFrame(f"unknown channel {channel[:60]!r}", f"channel {channel[:30]}")
        self._subscriptions.answered(Arg(channel, market))
        return reader(self, frame, market, received_ns)

    def _told(self, frame: Frame, received_ns: int) -> Iterable[Output]:
        """An answer to a request of ours, or a notice."""
        match frame.event:
            case "subscribe" if frame.arg:
                self._subscriptions.answered(Arg(frame.arg.channel, frame.arg.instId))
                return ()
            case "unsubscribe" | "login" | "channel-conn-count":
                return ()
            case "notice" if str(frame.code) == SHUTDOWN:
                return (Close(frame.msg[:200] or "service upgrade", planned=True),)
            case "error":
                return self._error(frame, received_ns)
        raise BadFrame(f"unknown event {str(frame.event)[:60]!r}", f"event {str(frame.event)[:30]}")

    def _error(self, frame: Frame, received_ns: int) -> Iterable[Output]:
        code = str(frame.code)
        refusals = self._subscriptions.refused(frame.id, code, frame.msg)
        if refusals is None:
            raise BadFrame(f"a request was refused: {code} {frame.msg[:200]}", f"refused {code[:10]}")
        return [status for refusal in refusals for status in self._refused(refusal, received_ns)]

    def _refused(self, refusal: Refusal, now_ns: int) -> Iterable[Output]:
        """Each topic of the channel says so."""
        channel, market = refusal.arg
        symbol = self._instruments.symbol(market)
        for stream, wanted in sorted(self._wants or ()):
            if wanted == symbol and names.CHANNELS[stream] == channel:
                yield Status(
                    symbol=symbol, venue_symbol=market, received_ns=now_ns, stream=stream, status=refusal.state,
                    detail=refusal.detail,
                )  # fmt: skip

    def _wanted_as(self, stream: str, market: str) -> str | None:
        """Our symbol, or None where the stream is no longer wanted."""
        symbol = self._instruments.symbol(market)
        return symbol if self._wants is None or (stream, symbol) in self._wants else None

    def _matches(self, frame: Frame, market: str, received_ns: int) -> Iterable[Output]:
        """Each match by itself. That ids run without a hole is in no document; where it is wrong, a gap is declared
        that was none."""
        symbol = self._wanted_as("trade", market)
        if symbol is None:
            return
        contract = quantities.contract(self._instruments, market)
        for row in sorted(frames.trades(frame.data), key=lambda row: names.whole(row.tradeId)):
            yield from self._trades.events(events.trade(row, symbol, market, contract, received_ns, live=True))

    def _merged(self, frame: Frame, market: str, received_ns: int) -> Iterable[Output]:
        """A taker order's fills at one price, in recordings: ids jump by as many."""
        symbol = self._wanted_as("trade", market)
        if symbol is None:
            return
        contract = quantities.contract(self._instruments, market)
        for row in frames.trades(frame.data):
            yield events.trade(row, symbol, market, contract, received_ns, live=True)

    def _ticker(self, frame: Frame, market: str, received_ns: int) -> Iterable[Output]:
        symbol = self._wanted_as("ticker", market)
        if symbol is None:
            return
        contract = quantities.contract_or_unknown(self._instruments, market)
        for row in frames.tickers(frame.data):
            yield events.ticker(row, symbol, market, contract, received_ns)

    def _best(self, frame: Frame, market: str, received_ns: int) -> Iterable[Output]:
        """The best bid and ask after each change, in recordings."""
        symbol = self._wanted_as("ticker", market)
        if symbol is None:
            return
        contract = quantities.contract(self._instruments, market)
        for row in frames.books(frame.data):
            yield events.best(row, symbol, market, contract, received_ns)

    def _candles(self, frame: Frame, market: str, received_ns: int) -> Iterable[Output]:
        assert frame.arg is not None
        interval = names.interval(frame.arg.channel.removeprefix("candle"))
        symbol = self._wanted_as(f"candle_{interval}", market)
        if symbol is None:
            return
        spot = names.is_spot(self._instruments.by_venue_symbol.get(market), market)
        for row in sorted(frames.candles(frame.data), key=lambda row: names.millis(row[0])):
            yield events.candle(row, symbol, market, spot, interval, received_ns)

    def _book(self, frame: Frame, market: str, received_ns: int) -> Iterable[Output]:
        assert frame.arg is not None
        for row in frames.books(frame.data):
            yield from self._books.frame(market, frame.arg.channel, frame.action, row, received_ns)

    def _five(self, frame: Frame, market: str, received_ns: int) -> Iterable[Output]:
        """The best five levels, whole each time, in recordings."""
        symbol = self._wanted_as("depth_5", market)
        if symbol is None:
            return
        contract = quantities.contract(self._instruments, market)
        for row in frames.books(frame.data):
            yield events.picture(row, symbol, market, contract, received_ns, stream="depth_5")


# theirs: what reads it
READERS: dict[str, Reader] = {
    "trades-all": OkxFeed._matches,
    "trades": OkxFeed._merged,
    "tickers": OkxFeed._ticker,
    "bbo-tbt": OkxFeed._best,
    **dict.fromkeys(LEVELS, OkxFeed._book),
    "books5": OkxFeed._five,
}
