"""One connection's conversation with Bitstamp: trades and books on the socket, tickers and candles by REST. Pure.

Source: https://www.bitstamp.net/websocket/v2/ (subscriptions, channels, heartbeat, forced reconnection)
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from exchanges.bitstamp import frames, names, readings
from exchanges.bitstamp.books import Books
from exchanges.bitstamp.polled import Bitstamp
from exchanges.bitstamp.subscriptions import Subscriptions
from exchanges.broken import BROKEN, rejected
from exchanges.contract import Close, Output, Request, Send, Want
from exchanges.errors import BadFrame
from exchanges.events import Depth, State, Status
from exchanges.polling import PollingFeed
from exchanges.symbols import Instruments
from exchanges.wants import depths_of, status_of

HEARTBEAT = Send('{"event":"bts:heartbeat"}')
HEARTBEAT_NS = 20_000_000_000
NOT_LISTED = "not in the exchange's listing"
SILENT = "Bitstamp does not acknowledge the subscription"

Reader = Callable[["BitstampFeed", frames.Frame, int], Iterable[Output]]


class BitstampFeed:
    """The card sends what is polled over a socket without an address, so one object serves either kind."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._wants: frozenset[Want] | None = None
        self._unlisted: set[Want] = set()
        self._to_say: set[Want] = set()  # of those, what was not told yet
        self._subscriptions = Subscriptions()
        self._books = Books(instruments)
        self._polling = PollingFeed(instruments, Bitstamp())
        self._beat_ns = 0

    def opening(self) -> Iterable[Output]:
        return ()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        """A market that is not listed is not asked for: its channel would be acknowledged, and stay silent."""
        self._wants = frozenset(wants)
        streamed = {want for want in self._wants if want[0] in names.CHANNELS}
        unlisted = {want for want in streamed if want[1] not in self._instruments.by_symbol}
        self._to_say = (self._to_say & unlisted) | (unlisted - self._unlisted)
        self._unlisted = unlisted
        return [
            *self._polling.wanted(self._wants - streamed),
            *self._subscriptions.want({self._channel(want) for want in streamed - unlisted}),
            *self._books.want(depths_of(streamed - unlisted, self._instruments)),
        ]

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        try:
            return list(self._read(frames.frame(frame), received_ns))
        except BROKEN as error:
            return [rejected(error)]

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        return self._polling.answered(request, body, received_ns)

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        return self._polling.failed(request, error, now_ns)

    def tick(self, now_ns: int) -> Iterable[Output]:
        said, self._to_say = sorted(self._to_say), set()
        again, given_up = self._subscriptions.tick(now_ns)
        return [
            *(self._status(want, "not_listed", NOT_LISTED, now_ns) for want in said),
            *again,
            *self._statuses(given_up, "not_listed", SILENT, now_ns),
            *self._heartbeat(now_ns),
            *self._books.tick(now_ns),
            *self._polling.tick(now_ns),
        ]

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return self._books.state(self._instruments.venue_symbol(symbol), received_ns)

    def waiting(self) -> Mapping[str, int]:
        return {}

    def _channel(self, want: Want) -> str:
        stream, symbol = want
        return names.CHANNELS[stream] + self._instruments.venue_symbol(symbol)

    def _heartbeat(self, now_ns: int) -> Iterable[Send]:
        """So that a connection of quiet markets is not idle."""
        self._beat_ns = self._beat_ns or now_ns
        if self._subscriptions and now_ns - self._beat_ns >= HEARTBEAT_NS:
            self._beat_ns = now_ns
            yield HEARTBEAT

    def _status(self, want: Want, status: State, detail: str, now_ns: int) -> Status:
        return status_of(want, self._instruments, status, detail, now_ns)

    def _statuses(self, channels: Collection[str], status: State, detail: str, now_ns: int) -> Iterable[Status]:
        """Of every wanted stream that is made from one of the channels."""
        for want in sorted(self._wants or ()) if channels else ():
            if want[0] in names.CHANNELS and self._channel(want) in channels:
                yield self._status(want, status, detail, now_ns)

    def _read(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        if reader := READERS.get(frame.event):
            return reader(self, frame, received_ns)
        raise BadFrame(f"unknown event {frame.event[:60]!r}", f"event {frame.event[:30]}")

    def _trade(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        market = _market(frame, names.TRADES)
        symbol = self._instruments.symbol(market)
        trade = readings.trade(symbol, market, frames.match(frame.data), received_ns)
        return (trade,) if self._wants is None or ("trade", symbol) in self._wants else ()

    def _picture(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        market, book = _market(frame, names.BOOK), frames.book(frame.data)
        return self._books.picture(market, readings.sides(book), int(book.microtimestamp), received_ns)

    def _acknowledged(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        late = self._subscriptions.acknowledged(frame.channel)
        return self._statuses([frame.channel], "live", "", received_ns) if late else ()

    def _refused(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        error = frames.error(frame.data)
        raise BadFrame(f"Bitstamp: {error.message[:200]} (code {error.code})", f"refused: {error.message[:40]}")

    def _reconnect(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        return (Close("bts:request_reconnect", planned=True),)

    def _nothing(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        return ()


def _market(frame: frames.Frame, prefix: str) -> str:
    """The venue symbol in the channel's name; BadFrame where it is another channel."""
    if frame.channel.startswith(prefix) and frame.channel != prefix:
        return frame.channel[len(prefix) :]
    raise BadFrame(f"unknown channel {frame.channel[:60]!r}", f"channel {frame.channel.rpartition('_')[0][:30]}")


READERS: dict[str, Reader] = {
    "trade": BitstampFeed._trade,
    "data": BitstampFeed._picture,
    "bts:subscription_succeeded": BitstampFeed._acknowledged,
    "bts:unsubscription_succeeded": BitstampFeed._nothing,
    "bts:heartbeat": BitstampFeed._nothing,
    "bts:error": BitstampFeed._refused,
    "bts:request_reconnect": BitstampFeed._reconnect,
}
