"""The conversation on Advanced Trade's socket: order books and five-minute candles; of a recording all its channels.

Source: https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

import json
from collections.abc import Callable, Iterable, Mapping

from msgspec import UNSET, Raw

from exchanges import intervals
from exchanges.broken import BROKEN, rejected
from exchanges.coinbase import frames, names
from exchanges.coinbase.depth_books import DepthBooks
from exchanges.coinbase.live_candles import LiveCandles
from exchanges.coinbase.subscriptions import Place, Said, Subscriptions
from exchanges.coinbase.wants import Trades, Wants
from exchanges.contract import Output, Send
from exchanges.decimals import unsigned
from exchanges.errors import BadFrame
from exchanges.events import Candle, Depth, Gap, Level, Rejected, Status, Ticker
from exchanges.pictures import DEPTHS

LIVE_CANDLE = f"candle_{names.LIVE_INTERVAL}"
HEARTBEATS, BOOKS, CANDLES, TRADES, TICKER = "heartbeats", "level2", "candles", "market_trades", "ticker"
STREAMS = {CANDLES: LIVE_CANDLE, TRADES: "trade", TICKER: "ticker"}  # what a channel gives, but of books
OTHERS = ("status",)  # known, and of no use to us
Tell = Callable[[Ticker], Iterable[Output]]


class Stamp:
    """When a frame came and was sent, and its number."""

    __slots__ = ("event_us", "received_ns", "sequence")

    def __init__(self, head: frames.Head, received_ns: int) -> None:
        self.received_ns = received_ns
        self.event_us = names.micros(head.timestamp) if head.timestamp else None
        self.sequence = head.sequence_num


class Advanced:
    """`trades` and `ticker_told` take what the other interface's socket has too."""

    def __init__(self, wants: Wants, trades: Trades, ticker_told: Tell) -> None:
        self._wants = wants
        self._trades, self._ticker_told = trades, ticker_told
        self._subscriptions = Subscriptions(_written)
        self._books = DepthBooks(wants.instruments)
        self._candles = LiveCandles()
        self._newest: int | None = None  # sequence number
        self._lost_channels: set[str] = set()  # to be subscribed to anew

    def wanted(self) -> Iterable[Output]:
        """What is wanted changed."""
        depths = {market: self._wants.streams(market) & DEPTHS.keys() for market in self._wants.markets(*DEPTHS)}
        candles = self._wants.markets(LIVE_CANDLE)
        trades, tickers = self._wants.others("trade"), self._wants.others("ticker")
        channels: dict[str, Iterable[str]] = {BOOKS: set(depths), CANDLES: candles, TRADES: trades, TICKER: tickers}
        if self._wants.advanced:
            channels[HEARTBEATS] = ()  # without them a quiet connection is closed after a minute
        named = {channel: set(markets) for channel, markets in channels.items() if markets or channel == HEARTBEATS}
        self._candles.keep(candles)
        return [*self._subscriptions.become(named), *self._books.want(depths)]

    def receive(self, frame: bytes, head: frames.Head, received_ns: int) -> Iterable[Output]:
        """One frame that has a channel. A frame whose number is not the next one comes after a loss, or too late; with
        number 0 the count begins anew, which a connection does once and a recording of several more often."""
        stamp = Stamp(head, received_ns)
        outputs: list[Output] = []
        if stamp.sequence is not None:
            if self._newest is not None and 0 < stamp.sequence <= self._newest:
                return ()
            if self._newest is not None and stamp.sequence != self._newest + 1:
                outputs += self._lost(stamp)
            self._newest = stamp.sequence
        reader = READERS.get(head.channel or "")
        try:
            if reader is None or head.events is UNSET:
                raise BadFrame(f"unknown channel {(head.channel or '')[:40]!r}", f"channel {(head.channel or '')[:30]}")
            # Whole before the first is used: half a frame would leave a book that nobody proves.
            outputs += list(reader(self, head.events, stamp))
        except BROKEN as error:
            # What this frame would have changed is lost, as if it had not come.
            outputs += [rejected(error), *self._lost(stamp, head.channel)]
        return [*outputs, *self._due(received_ns)]

    def refused(self, reason: str, received_ns: int) -> Iterable[Output]:
        """An error, which names neither channel nor market, and a wrong market gives none: the message is said anew."""
        if said := self._subscriptions.failed():
            self._subscriptions.postpone(said)
        return (Rejected(f"refused: {reason[:200]}", f"refused: {reason[:60]}"),)

    def tick(self, now_ns: int) -> Iterable[Output]:
        outputs = list(self._books.tick(now_ns))
        missing = self._subscriptions.tick(now_ns)
        return [
            *outputs, *self._not_listed(missing, now_ns), *self._subscriptions.due(now_ns), *self._due(now_ns)
        ]  # fmt: skip

    def book(self, market: str, received_ns: int) -> Depth | None:
        return self._books.state(market, received_ns)

    def _lost(self, stamp: Stamp, only: str | None = None) -> Iterable[Output]:
        """A frame is missing: any, or of this channel alone."""
        if only in (None, "l2_data"):
            yield from self._books.lost(stamp.received_ns, stamp.event_us)
        if only in (None, CANDLES):
            self._candles.forget()
        for channel, markets in self._numbered().items():
            for market in sorted(markets) if only in (None, channel) else ():
                yield Gap(
                    symbol=self._wants.instruments.symbol(market), venue_symbol=market, received_ns=stamp.received_ns,
                    event_us=stamp.event_us, stream=STREAMS[channel], reason="sequence", from_us=None,
                )  # fmt: skip
                self._lost_channels.add(channel)

    def _numbered(self) -> dict[str, set[str]]:
        """The markets of each channel that only the connection's numbers prove whole, but of books."""
        trades = self._wants.others("trade") if self._wants.told else self._trades.unnumbered()
        return {CANDLES: self._wants.markets(LIVE_CANDLE), TRADES: trades}

    def _due(self, now_ns: int) -> Iterable[Send]:
        """Subscribes anew to what has to start again."""
        if self._wants.told:
            if due := self._books.due(now_ns):
                yield from self._subscriptions.again(BOOKS, due)
            for channel in sorted(self._lost_channels):
                yield from self._subscriptions.again(channel, self._numbered()[channel])
            self._lost_channels.clear()

    def _acknowledged(self, events: Raw, stamp: Stamp) -> Iterable[Output]:
        everything: dict[str, list[str]] = {}
        for event in frames.acknowledged(events):
            everything.update({channel: markets or [] for channel, markets in event.subscriptions.items()})
        return self._not_listed(self._subscriptions.acknowledged(everything), stamp.received_ns)

    def _not_listed(self, missing: Iterable[Place], now_ns: int) -> Iterable[Output]:
        for channel, market in sorted(missing):
            streams = self._books.refused(market) if channel == BOOKS else (STREAMS[channel],)
            for stream in sorted(streams):
                yield Status(
                    symbol=self._wants.instruments.symbol(market), venue_symbol=market, received_ns=now_ns,
                    stream=stream, status="not_listed",
                    detail=f"Coinbase left {market} out of its acknowledgement of {channel}",
                )  # fmt: skip

    def _levels(self, events: Raw, stamp: Stamp) -> Iterable[Output]:
        """Read whole before any of it is applied."""
        found = []
        for event in frames.books(events):
            size = names.contract_size(self._wants.instruments, event.product_id)
            sides: Mapping[str, list[Level]] = {"bid": [], "offer": []}
            for change in event.updates or ():
                level = unsigned(change.price_level), names.units(change.new_quantity, size)
                sides[change.side].append(level)
            apply = self._books.snapshot if event.type == "snapshot" else self._books.update
            found.append((apply, event.product_id, sides))
        outputs: list[Output] = []
        for apply, market, sides in found:
            outputs += apply(market, sides["bid"], sides["offer"], stamp.received_ns, stamp.event_us, stamp.sequence)
        return outputs

    def _market_trades(self, events: Raw, stamp: Stamp) -> Iterable[Output]:
        """Newest first as far as is known, so where ids are integers those say. What a snapshot holds of the time
        before a subscription is not told, but for the last trade."""
        outputs: list[Output] = []
        for event in frames.market_trades(events):
            rows = (event.trades or [])[::-1]
            rows.sort(key=lambda row: names.number(row.trade_id) or 0)
            first = event.type == "snapshot" and self._wants.told
            earlier = {row.product_id for row in rows if first and row.product_id not in self._trades.unnumbered()}
            newest = {row.product_id: row.trade_id for row in rows}
            for row in rows:
                told = list(self._trades.told(
                    row.product_id, row.trade_id, row.price, row.size, row.side, row.time, stamp.received_ns,
                    stamp.event_us,
                ))  # fmt: skip
                if row.product_id not in earlier or row.trade_id == newest[row.product_id]:
                    outputs += told
        return outputs

    def _tickers(self, events: Raw, stamp: Stamp) -> Iterable[Output]:
        """They have no time but the frame's. One without a market has been seen, and says nothing."""
        rows = [row for event in frames.short_tickers(events) for row in event.tickers or () if row.product_id]
        return [output for row in rows for output in self._ticker_told(self._wants.short_ticker(row, stamp))]

    def _candle_rows(self, events: Raw, stamp: Stamp) -> Iterable[Output]:
        rows = [row for event in frames.candles(events) for row in event.candles or ()]
        wanted = [row for row in rows if self._wants.symbol(LIVE_CANDLE, row.product_id)]
        return list(self._candles.told([self._candle(row, stamp) for row in wanted]))

    def _candle(self, row: frames.CandleRow, stamp: Stamp) -> Candle:
        open_ms = names.start_ms(row.start)
        size = names.contract_size(self._wants.instruments, row.product_id)
        return Candle(
            symbol=self._wants.instruments.symbol(row.product_id), venue_symbol=row.product_id,
            received_ns=stamp.received_ns, event_us=stamp.event_us, interval=names.LIVE_INTERVAL, open_ms=open_ms,
            close_ms=intervals.close_ms(names.LIVE_INTERVAL, open_ms), open=unsigned(row.open),
            high=unsigned(row.high), low=unsigned(row.low), close=unsigned(row.close),
            volume=names.units(row.volume, size), quote_volume=None, trades=None, closed=False,
        )  # fmt: skip

    def _heartbeat(self, events: Raw, stamp: Stamp) -> Iterable[Output]:
        """Only its time is of use: it comes each second."""
        return list(self._candles.passed(stamp.event_us, stamp.received_ns)) if stamp.event_us else ()

    def _nothing(self, events: Raw, stamp: Stamp) -> Iterable[Output]:
        return ()


def _written(said: Said) -> str:
    markets = {"product_ids": said.markets} if said.markets else {}
    return json.dumps({"type": said.verb, "channel": said.channel, **markets})


Reader = Callable[[Advanced, Raw, Stamp], Iterable[Output]]
READERS: dict[str, Reader] = {
    "subscriptions": Advanced._acknowledged,
    "l2_data": Advanced._levels,
    "market_trades": Advanced._market_trades,
    "ticker": Advanced._tickers,
    "ticker_batch": Advanced._tickers,
    "candles": Advanced._candle_rows,
    "heartbeats": Advanced._heartbeat,
    **dict.fromkeys(OTHERS, Advanced._nothing),
}
