"""One connection's conversation with Coinbase, Advanced Trade or Exchange: which of the two a frame is of. Pure.

The wanted streams tell which socket it is; what no channel carries is polled beside it.
"""

from collections.abc import Collection, Iterable

from exchanges.broken import BROKEN, rejected
from exchanges.coinbase import frames
from exchanges.coinbase.advanced import Advanced
from exchanges.coinbase.matches import Matches
from exchanges.coinbase.polls import Polls
from exchanges.coinbase.wants import Trades, Wants
from exchanges.contract import Close, Output, Request, Want
from exchanges.errors import BadFrame
from exchanges.events import Depth, Ticker
from exchanges.symbols import Instruments

ENDS = ("errslowconsume", "errslowread", "message too big")  # why the exchange gives a connection up


class CoinbaseFeed:
    """The feed of both sockets; of a recording also channels that we never ask for ourselves."""

    def __init__(self, instruments: Instruments) -> None:
        self._wants = Wants(instruments)
        trades = Trades(self._wants)
        self._advanced = Advanced(self._wants, trades, self._ticker)
        self._matches = Matches(self._wants, trades)
        self._polls = Polls(instruments)

    def opening(self) -> Iterable[Output]:
        return ()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        self._wants.become(wants)
        self._polls.want(self._wants.polled)
        return [*self._advanced.wanted(), *self._matches.wanted()]

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        try:
            return list(self._read(frame.encode() if isinstance(frame, str) else frame, received_ns))
        except BROKEN as error:
            return [rejected(error)]

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        try:
            return list(self._polls.answered(request, body, received_ns))
        except BROKEN as error:
            return [rejected(error)]

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        return list(self._polls.failed(request, error, now_ns))

    def tick(self, now_ns: int) -> Iterable[Output]:
        return [*self._advanced.tick(now_ns), *self._matches.tick(now_ns), *self._polls.tick(now_ns)]

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return self._advanced.book(self._wants.instruments.venue_symbol(symbol), received_ns)

    def waiting(self) -> dict[str, int]:
        """A book's snapshot comes before its updates, so none waits."""
        return {}

    def _read(self, frame: bytes, received_ns: int) -> Iterable[Output]:
        head = frames.head(frame)
        if head.type == "error":
            return self._refused(head, received_ns)
        if head.channel is not None:
            return self._advanced.receive(frame, head, received_ns)
        if head.type is not None:
            return self._matches.receive(frame, head.type, received_ns)
        raise BadFrame("a frame of no known shape", "unknown")

    def _refused(self, head: frames.Head, received_ns: int) -> Iterable[Output]:
        words = f"{head.message} {head.reason}".strip()
        if any(end in words.lower() for end in ENDS):
            return (Close(words[:200]),)
        if self._wants.exchange:
            return self._matches.refused(head.message, head.reason, received_ns)
        return self._advanced.refused(words, received_ns)

    def _ticker(self, ticker: Ticker) -> Iterable[Output]:
        return (ticker,) if self._wants.symbol("ticker", ticker.venue_symbol) else ()
