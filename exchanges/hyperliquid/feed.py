"""One connection's conversation with Hyperliquid: what to send, and what each frame means. Pure.

Source: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket (subscriptions, timeouts and
heartbeats)
"""

from collections.abc import Callable, Collection, Iterable
from weakref import WeakKeyDictionary

from msgspec import MsgspecError

from exchanges.broken import BROKEN, rejected
from exchanges.contract import Close, Keys, Output, Request, Send, Want
from exchanges.errors import BadFrame
from exchanges.events import Depth, Rejected, State, Status, Trade
from exchanges.hyperliquid import fast_books, frames, names, readings
from exchanges.hyperliquid.books import Books
from exchanges.hyperliquid.fast_books import FastBooks
from exchanges.hyperliquid.subscriptions import Key, Subscriptions, Suspects
from exchanges.hyperliquid.trades import NewTrades, Said
from exchanges.running_candles import RunningCandles
from exchanges.symbols import Instruments
from exchanges.tickers import Figures, Tickers
from exchanges.wants import candles_of, depths_of, markets_of, status_of

GREETING = "Websocket connection established."
PING = Send('{"method":"ping"}')
PING_NS = 20_000_000_000  # they close what was silent for 60 s
SILENT_NS = 60_000_000_000  # a connection whose pings have no answer either
BOOKS = ("depth", "depth_10", "depth_20")
# An address has 1000 subscriptions over all its connections, of which the card allows six.
CONNECTIONS = 6
SHARE = 1000 // CONNECTIONS
NOT_LISTED: tuple[State, str] = "not_listed", "not in the exchange's listing"
BARRED: tuple[State, str] = "not_listed", "the exchange closed the connection when it was asked for alone"
NO_ROOM: tuple[State, str] = "quota_spent", "the subscriptions that the exchange gives one address are used up"
SUBSCRIBED, UNSUBSCRIBED = "Already subscribed: ", "Already unsubscribed: "
# What outlives a connection, by who holds the instruments: which coins had no answer, and which trades were said.
_memories: WeakKeyDictionary[Instruments, tuple[Suspects, Said]] = WeakKeyDictionary()

Reader = Callable[["HyperliquidFeed", bytes, int], Iterable[Output]]


def new_feed(instruments: Instruments, keys: Keys) -> "HyperliquidFeed":
    """A new connection's feed, which knows what earlier ones have met. No market data needs a key."""
    memory = _memories.setdefault(instruments, (Suspects(), Said()))
    return HyperliquidFeed(instruments, *memory)


class HyperliquidFeed:
    """Whole books and fast ones are told apart by what they say, so one connection may carry both."""

    def __init__(self, instruments: Instruments, suspects: Suspects, said: Said) -> None:
        self._instruments = instruments
        self._wants: frozenset[Want] | None = None
        self._left: dict[Want, tuple[State, str]] = {}  # wanted and not asked for: why; to be told on the next tick
        self._carried: set[Want] = set()
        self._told: set[Want] = set()
        self._subscriptions = Subscriptions(suspects)
        self._trades = NewTrades(said)
        self._tickers = Tickers()
        self._candles = RunningCandles()
        self._books = Books(instruments)
        self._fast = FastBooks(instruments)
        self._heard_ns = self._pinged_ns = 0

    def opening(self) -> Iterable[Output]:
        return ()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        self._wants = frozenset(wants)
        self._told &= self._wants
        self._left = {want: NOT_LISTED for want in self._wants if not self._asked(want[1])}
        self._carried = self._fitting(self._wants - self._left.keys())
        carried = sorted(self._carried)
        outputs: list[Output] = [*self._subscriptions.want([key for want in carried for key in self._keys(*want)])]
        self._tickers.keep(self._markets("ticker"))
        self._trades.want(self._markets("trade") | self._markets("ticker"))
        self._fast.want(self._markets(fast_books.STREAM))
        self._candles.keep(candles_of(carried, self._instruments))
        whole = [want for want in carried if want[0] in BOOKS]
        return [*outputs, *self._books.want(depths_of(whole, self._instruments))]

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        self._heard_ns = received_ns
        try:
            return list(self._read(frame, received_ns))
        except BROKEN as error:
            return [rejected(error)]

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        return [Rejected(f"an answer to {request.path}, which no feed asks for", "answer")]

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        return ()

    def tick(self, now_ns: int) -> Iterable[Output]:
        sends, dead = self._subscriptions.tick(now_ns)
        outputs: list[Output] = [*sends, *self._not_asked(now_ns), *self._books.tick(now_ns)]
        outputs += self._candles.passed(now_ns)
        for fast, books in ((False, self._books), (True, self._fast)):
            for told in books.silent(now_ns):
                if isinstance(told, str):
                    outputs += self._subscriptions.again(Key("l2Book", told, fast=fast))
                else:
                    outputs.append(told)
        self._heard_ns, self._pinged_ns = self._heard_ns or now_ns, self._pinged_ns or now_ns
        if now_ns - self._pinged_ns >= PING_NS:
            self._pinged_ns = now_ns
            outputs.append(PING)
        if dead or now_ns - self._heard_ns > SILENT_NS:
            outputs.append(Close("no answer to a subscription" if dead else "not even pings are answered"))
        return outputs

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return self._books.state(self._instruments.venue_symbol(symbol), received_ns)

    def waiting(self) -> dict[str, int]:
        return {}

    def _fitting(self, wants: Collection[Want]) -> set[Want]:
        """Those whose subscriptions fit into this connection's share of what an address has; what is carried stays."""
        fitting: set[Want] = set()
        keys: set[Key] = set()
        for want in sorted(wants, key=lambda want: (want not in self._carried, want)):
            together = keys | set(self._keys(*want))
            if len(together) <= SHARE:
                keys = together
                fitting.add(want)
            else:
                self._left[want] = NO_ROOM
        return fitting

    def _asked(self, symbol: str) -> bool:
        """Whether the exchange may be asked for it: a coin that it does not know ends the connection."""
        instrument = self._instruments.by_symbol.get(symbol)
        return instrument is not None and instrument.status != "delisted"

    def _keys(self, stream: str, symbol: str) -> list[Key]:
        """Their subscriptions that our stream is made from."""
        coin = self._instruments.venue_symbol(symbol)
        family, _, interval = stream.partition("_")
        match family:
            case "trade":
                return [Key("trades", coin)]
            case "ticker":
                return [Key("activeAssetCtx", coin), Key("bbo", coin), Key("trades", coin)]
            case "candle":
                return [Key("candle", coin, names.INTERVALS[interval])]
            case _:
                return [Key("l2Book", coin, fast=stream == fast_books.STREAM)]

    def _markets(self, stream: str) -> set[str]:
        return markets_of(self._wants or (), stream, self._instruments)

    def _not_asked(self, now_ns: int) -> Iterable[Status]:
        """What is wanted and not asked for, once each."""
        barred = self._subscriptions.barred()
        for want in sorted(self._wants or ()) if barred or self._left else ():
            coin = self._instruments.venue_symbol(want[1])
            why = self._left.get(want) or (BARRED if coin in barred else None)
            if why and want not in self._told:
                self._told.add(want)
                yield status_of(want, self._instruments, *why, now_ns)

    def _wanted_as(self, stream: str, venue_symbol: str) -> str | None:
        """Our symbol, or None where the stream is no longer wanted."""
        symbol = self._instruments.symbol(venue_symbol)
        return symbol if self._wants is None or (stream, symbol) in self._wants else None

    def _read(self, text: str | bytes, received_ns: int) -> Iterable[Output]:
        if text == GREETING:
            return ()
        frame = frames.frame(text)
        if reader := READERS.get(frame.channel):
            return reader(self, bytes(frame.data), received_ns)
        raise BadFrame(f"unknown channel {frame.channel[:60]!r}", f"channel {frame.channel[:30]}")

    def _pong(self, data: bytes, received_ns: int) -> Iterable[Output]:
        return ()

    def _acknowledged(self, data: bytes, received_ns: int) -> Iterable[Output]:
        said = frames.acknowledged(data)
        return self._subscriptions.answered(said.method, _key(said.subscription))

    def _error(self, data: bytes, received_ns: int) -> Iterable[Output]:
        words = frames.words(data)
        for prefix, method in ((SUBSCRIBED, "subscribe"), (UNSUBSCRIBED, "unsubscribe")):
            if words.startswith(prefix):
                try:
                    subscription = frames.subscription(words.removeprefix(prefix))
                except MsgspecError:
                    break
                return self._subscriptions.answered(method, _key(subscription))
        return (Rejected(f"the exchange refused: {words[:200]}", f"refused: {words.partition(':')[0][:40]}"),)

    def _trade(self, data: bytes, received_ns: int) -> Iterable[Output]:
        """Some frames hold none. They come oldest first, as one measurement says; by time they do in any case."""
        by_market: dict[str, list[Trade]] = {}
        for row in sorted(frames.trade_rows(data), key=lambda row: row.time):
            symbol = self._instruments.symbol(row.coin)
            by_market.setdefault(row.coin, []).append(readings.trade(symbol, row, received_ns))
        outputs: list[Output] = []
        for market, trades in by_market.items():
            if self._wanted_as("trade", market) is not None:
                outputs += self._trades.events(market, trades, received_ns)
            if market in self._markets("ticker"):
                last = trades[-1]
                figures: Figures = {"last_price": last.price, "last_quantity": last.quantity}
                outputs += self._ticker(market, last.trade_us, figures, received_ns)
        return outputs

    def _best(self, data: bytes, received_ns: int) -> Iterable[Output]:
        bbo = frames.best(data)
        return self._ticker(bbo.coin, bbo.time * 1000, readings.best(bbo), received_ns)

    def _day(self, data: bytes, received_ns: int) -> Iterable[Output]:
        said = frames.coin_context(data)
        return self._ticker(said.coin, None, readings.day(said.ctx), received_ns)

    def _ticker(self, market: str, event_us: int | None, figures: Figures, received_ns: int) -> Iterable[Output]:
        """What changes nothing is not told: a market's state comes each second."""
        symbol = self._wanted_as("ticker", market)
        if symbol is None or not self._tickers.changed(market, figures):
            return ()
        return (self._tickers.event(symbol, market, received_ns, event_us, figures),)

    def _candle(self, data: bytes, received_ns: int) -> Iterable[Output]:
        """One a frame; the documents say a list."""
        rows = frames.candle_rows(data)
        outputs: list[Output] = []
        for row in rows if isinstance(rows, list) else [rows]:
            candle = readings.candle(self._instruments.symbol(row.s), row, received_ns, closed=False)
            if self._wanted_as(candle.stream, row.s) is not None:
                outputs += self._candles.update(candle)
        return outputs

    def _book(self, data: bytes, received_ns: int) -> Iterable[Output]:
        book = frames.book(data)
        if book.spread is not None:
            raise BadFrame(f"a book of grouped prices: {book.coin[:30]}", "grouped book")
        sides = readings.levels(book.levels[0]), readings.levels(book.levels[1])
        if not book.fast:
            return self._books.frame(book.coin, sides, book.time * 1000, received_ns)
        if readings.crossed(*sides):
            raise BadFrame(f"a crossed book of {book.coin[:30]}", "crossed book")
        if self._wanted_as(fast_books.STREAM, book.coin) is None:
            return ()
        return self._fast.frame(book.coin, sides, book.time, received_ns)


def _key(subscription: frames.Subscription) -> Key:
    return Key(subscription.type, subscription.coin, subscription.interval or "", bool(subscription.fast))


# by channel
READERS: dict[str, Reader] = {
    "pong": HyperliquidFeed._pong,
    "subscriptionResponse": HyperliquidFeed._acknowledged,
    "error": HyperliquidFeed._error,
    "trades": HyperliquidFeed._trade,
    "bbo": HyperliquidFeed._best,
    "activeAssetCtx": HyperliquidFeed._day,
    "activeSpotAssetCtx": HyperliquidFeed._day,
    "candle": HyperliquidFeed._candle,
    "l2Book": HyperliquidFeed._book,
}
