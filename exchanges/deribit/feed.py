"""One connection's conversation with Deribit: what to send, and what each frame means. Pure.

Source: https://docs.deribit.com, articles on JSON-RPC, notifications and connection management; market data channels.
"""

from collections.abc import Callable, Collection, Iterable

from msgspec import UNSET

from exchanges.broken import BROKEN, rejected
from exchanges.contract import Close, Keys, Output, Request, Send, Want
from exchanges.deribit import candles, errors, frames, names, tickers, trades, units
from exchanges.deribit.books import Books
from exchanges.deribit.calls import Calls
from exchanges.errors import BadFrame, RateLimited, ServerFault
from exchanges.events import Depth, Rejected, State, Status, Trade
from exchanges.running_candles import RunningCandles
from exchanges.symbols import Instruments
from exchanges.tickers import Figures, Tickers
from exchanges.trade_ids import TradeIds
from exchanges.wants import candles_of, depths_of, markets_of, status_of

CLIENT_ID, CLIENT_SECRET = "DERIBIT_CLIENT_ID", "DERIBIT_CLIENT_SECRET"
HEARTBEAT_S = 10  # the shortest they allow
LOGIN_NS = 10_000_000_000  # how long to wait for the answer to a login
AFTER_LIMIT_S = 5.0  # too many calls end the session; their pool is full again by then
PICTURES = {"10": "depth_10", "20": "depth_20"}

Reader = Callable[["DeribitFeed", str, bytes, int], Iterable[Output]]


class DeribitFeed:
    """With the user's keys, `raw` channels after a login; without, or where it is refused, those of 100 ms."""

    def __init__(self, instruments: Instruments, keys: Keys) -> None:
        self._instruments = instruments
        self._keys = keys if keys.get(CLIENT_ID) and keys.get(CLIENT_SECRET) else {}
        self._wants: frozenset[Want] | None = None
        self._pace = "" if self._keys else names.PUBLIC  # nothing while a login waits for its answer
        self._login: int | None = None
        self._login_ns: int | None = None
        self._topics: dict[str, list[Want]] = {}
        self._calls = Calls()
        self._tickers = Tickers()
        self._increments = tickers.Increments()
        self._trades = TradeIds()
        self._candles = RunningCandles()
        self._books = Books(instruments)

    def opening(self) -> Iterable[Output]:
        sends = [self._calls.call("set_heartbeat", interval=HEARTBEAT_S)]
        if self._keys:
            sends.append(
                self._calls.call(
                    "auth", grant_type="client_credentials", client_id=self._keys[CLIENT_ID],
                    client_secret=self._keys[CLIENT_SECRET],
                )
            )  # fmt: skip
            self._login = self._calls.number
        return sends

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        self._wants = frozenset(wants)
        outputs: list[Output] = [*self._ask(), *self._books.want(depths_of(self._wants, self._instruments))]
        self._tickers.keep(self._markets("ticker"))
        self._trades.keep(self._markets("trade"))
        self._candles.keep(candles_of(self._wants, self._instruments))
        return outputs

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        try:
            return list(self._read(frame, received_ns))
        except BROKEN as error:
            return [rejected(error)]

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        return [Rejected(f"an answer to {request.path}, which no feed asks for", "answer")]

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        return ()

    def tick(self, now_ns: int) -> Iterable[Output]:
        outputs: list[Output] = [*self._books.tick(now_ns), *self._calls.due(now_ns)]
        if lost := self._books.due(now_ns):
            outputs += self._calls.again([names.channel("depth", market, self._pace) for market in lost])
        if self._login is not None:
            self._login_ns = self._login_ns or now_ns
        if self._login_ns is not None and now_ns - self._login_ns > LOGIN_NS:
            outputs.append(Close("no answer to the login"))
        elif self._calls.unanswered(now_ns):
            outputs.append(Close("no answer to a subscription"))
        return outputs

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return self._books.state(self._instruments.venue_symbol(symbol), received_ns)

    def waiting(self) -> dict[str, int]:
        return {}

    def _markets(self, stream: str) -> set[str]:
        return markets_of(self._wants or (), stream, self._instruments)

    def _ask(self) -> Iterable[Send]:
        """Subscribe to what is wanted, at the pace that we may have."""
        if not self._pace:
            return ()
        self._topics = {}
        for stream, symbol in sorted(self._wants or ()):
            channel = names.channel(stream, self._instruments.venue_symbol(symbol), self._pace)
            self._topics.setdefault(channel, []).append((stream, symbol))
        return list(self._calls.want([*self._topics, names.STATES] if self._topics else []))

    def _read(self, text: str | bytes, received_ns: int) -> Iterable[Output]:
        frame = frames.frame(text)
        match frame.method:
            case "subscription" if frame.params is not UNSET and frame.params.channel:
                return self._notice(frame.params.channel, bytes(frame.params.data), received_ns)
            case "heartbeat":
                asks = frame.params is not UNSET and frame.params.type == "test_request"
                return (self._calls.call("test"),) if asks else ()
            case None if frame.error is not UNSET:
                return self._refused(frame.id, frame.error, received_ns)
            case None if frame.result is not UNSET:
                return self._answer(frame.id, bytes(frame.result), received_ns)
        kind = f"method {frame.method[:30]}" if frame.method else "unknown"
        raise BadFrame(f"a frame of no known shape, {kind}", kind)

    def _notice(self, channel: str, data: bytes, received_ns: int) -> Iterable[Output]:
        family = channel.partition(".")[0]
        if reader := READERS.get(family):
            return reader(self, channel, data, received_ns)
        raise BadFrame(f"unknown channel {channel[:60]!r}", f"channel {family[:30]}")

    def _answer(self, number: int | str | None, result: bytes, received_ns: int) -> Iterable[Output]:
        if number is not None and number == self._login:
            return self._logged_in(names.RAW)
        if not self._calls.subscribes(number):
            return ()
        return self._not_taken(self._calls.answered(number, frames.channels(result)), received_ns, "left out")

    def _refused(self, number: int | str | None, error: frames.Error, received_ns: int) -> Iterable[Output]:
        words = errors.worded(error)
        told = Rejected(f"call {number} was refused: {words}", f"refused {error.code}")
        meaning = errors.meaning(error)
        if error.code == errors.TOO_MANY:
            return [told, Close("too many calls", AFTER_LIMIT_S)]
        if number is not None and number == self._login and isinstance(meaning, RateLimited | ServerFault):
            return [told, Close("no login for now", AFTER_LIMIT_S)]
        if number is not None and number == self._login:
            statuses = [
                self._status(want, "not_authenticated", words, received_ns) for want in sorted(self._wants or ())
            ]
            without = "without a login, by the channels of 100 ms"
            goes_on = [self._status(want, "live", without, received_ns) for want in sorted(self._wants or ())]
            return [told, *statuses, *goes_on, *self._logged_in(names.PUBLIC)]
        if not self._calls.subscribes(number):
            return [told]
        passing = isinstance(meaning, RateLimited | ServerFault) or error.code == errors.RAW_NEEDS_LOGIN
        refused, sends = self._calls.failed(number, passing, received_ns)
        if error.code == errors.RAW_NEEDS_LOGIN:
            sends = [*sends, *self._logged_in(names.PUBLIC)]
        return [told, *self._not_taken(refused, received_ns, words), *sends]

    def _logged_in(self, pace: str) -> list[Send]:
        self._login = self._login_ns = None
        self._pace = pace
        return list(self._ask())

    def _not_taken(self, channels: Collection[str], received_ns: int, words: str) -> Iterable[Output]:
        return [
            self._status(want, "not_listed", f"{channel}: {words}", received_ns)
            for channel in channels
            for want in self._topics.get(channel, ())
        ]

    def _status(self, want: Want, status: State, detail: str, received_ns: int) -> Status:
        return status_of(want, self._instruments, status, detail, received_ns)

    def _wanted_as(self, stream: str, venue_symbol: str) -> str | None:
        """Our symbol, or None where the stream is no longer wanted."""
        symbol = self._instruments.symbol(venue_symbol)
        return symbol if self._wants is None or (stream, symbol) in self._wants else None

    def _in_quote(self, venue_symbol: str) -> bool:
        return units.counts_quote(self._instruments.by_venue_symbol.get(venue_symbol), venue_symbol)

    def _trade(self, _: str, data: bytes, received_ns: int) -> Iterable[Output]:
        """The rows in the order of the market's own count, which proves that none is missing.

        All are read before the first is counted: what is lost with a broken one shows as a gap. A combination, whose
        channel may be that of all markets, is rejected alone.
        """
        found: list[Trade] = []
        outputs: list[Output] = []
        for row in sorted(frames.trade_rows(data), key=lambda row: row.trade_seq):
            symbol = self._wanted_as("trade", row.instrument_name)
            if symbol is None:
                continue
            try:
                in_quote = self._in_quote(row.instrument_name)
            except BadFrame as error:
                outputs.append(rejected(error))
                continue
            found.append(trades.trade(symbol, row, in_quote, received_ns))
        return [*outputs, *(event for trade in found for event in self._trades.events(trade))]

    def _day(self, channel: str, data: bytes, received_ns: int) -> Iterable[Output]:
        """Of increments we ask for none, recordings may hold them."""
        day = self._increments.whole(channel, data) if channel.startswith("incremental") else frames.day(data)
        return self._ticker(day, tickers.whole(day, self._in_quote(day.instrument_name)), received_ns)

    def _quote(self, _: str, data: bytes, received_ns: int) -> Iterable[Output]:
        quote = frames.quote(data)
        return self._ticker(quote, tickers.best(quote, self._in_quote(quote.instrument_name)), received_ns)

    def _ticker(self, quote: frames.Quote, figures: Figures, received_ns: int) -> Iterable[Output]:
        market, event_us = quote.instrument_name, quote.timestamp * 1000
        symbol = self._wanted_as("ticker", market)
        return () if symbol is None else (self._tickers.event(symbol, market, received_ns, event_us, figures),)

    def _candle(self, channel: str, data: bytes, received_ns: int) -> Iterable[Output]:
        market, interval = names.candle_channel(channel)
        symbol = self._wanted_as(f"candle_{interval}", market)
        if symbol is None:
            return ()
        sample = frames.sample(data)
        return self._candles.update(candles.candle(symbol, market, interval, sample, received_ns, closed=False))

    def _book(self, channel: str, data: bytes, received_ns: int) -> Iterable[Output]:
        parts = channel.split(".")
        if len(parts) == 3:
            return self._books.message(frames.change(data), received_ns)
        stream = PICTURES.get(parts[3]) if len(parts) == 5 and parts[2] == "none" else None
        if stream is None:
            raise BadFrame(f"a book in groups: {channel[:60]!r}", "channel book group")
        return self._picture(stream, data, received_ns)

    def _picture(self, stream: str, data: bytes, received_ns: int) -> Iterable[Output]:
        """The best levels, whole each time; we ask for none, recordings may hold them."""
        book = frames.book(data)
        symbol = self._wanted_as(stream, book.instrument_name)
        if symbol is None:
            return ()
        in_quote = self._in_quote(book.instrument_name)
        return (
            Depth(
                symbol=symbol, venue_symbol=book.instrument_name, received_ns=received_ns,
                event_us=book.timestamp * 1000, stream=stream, type="snapshot",
                bids=tuple(units.levels(book.bids, in_quote)), asks=tuple(units.levels(book.asks, in_quote)),
                sequence=book.change_id,
            ),
        )  # fmt: skip

    def _state(self, channel: str, data: bytes, received_ns: int) -> Iterable[Output]:
        """A market that expired says so here; its channels just fall silent."""
        if not channel.startswith("instrument.state."):
            raise BadFrame(f"unknown channel {channel[:60]!r}", "channel instrument")
        state = frames.state(data)
        if names.status(state.state, True) != "delisted":
            return ()
        symbol = self._instruments.symbol(state.instrument_name)
        return [
            self._status(want, "not_listed", f"the market is {state.state[:30]}", received_ns)
            for want in sorted(self._wants or ())
            if want[1] == symbol
        ]


# by the first word of a channel
READERS: dict[str, Reader] = {
    "trades": DeribitFeed._trade,
    "ticker": DeribitFeed._day,
    "incremental_ticker": DeribitFeed._day,
    "quote": DeribitFeed._quote,
    "chart": DeribitFeed._candle,
    "book": DeribitFeed._book,
    "instrument": DeribitFeed._state,
}
