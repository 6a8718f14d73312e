"""One connection's conversation with Kraken (WebSocket v2): what to send, and what each frame means. Pure.

Source: https://docs.kraken.com/exchange, Spot WebSocket v2; recordings of v1 are read by legacy.py.
"""

from collections.abc import Callable, Collection, Iterable
from decimal import Decimal

from msgspec import Raw

from exchanges import intervals
from exchanges.broken import BROKEN, rejected
from exchanges.contract import Close, Output, Request, Send, Want
from exchanges.decimals import ZERO, Number, plain
from exchanges.errors import BadFrame
from exchanges.events import Candle, Depth, Rejected, Status, Trade
from exchanges.kraken import frames, legacy, names
from exchanges.kraken.books import Books
from exchanges.kraken.subscriptions import Subscription, Subscriptions, last_word
from exchanges.pictures import DEPTHS
from exchanges.running_candles import RunningCandles
from exchanges.symbols import Instruments
from exchanges.tickers import Figures, Tickers
from exchanges.trade_ids import TradeIds
from exchanges.wants import candles_of, depths_of

PING_NS = 25_000_000_000  # a connection on which we say nothing is closed after about a minute
SILENT_NS = 10_000_000_000  # a subscribed connection has a heartbeat each second where nothing else is sent
RECENT = 2  # candles of a snapshot that are news: the one that just ended, and the running one
RENUMBERED = 100_000  # an id so far below the last is no repetition: the numbers began anew, or another recording
CHANNELS = {"trade": "trade", "ticker": "ticker"}
LOST_BY_RESTART = "maintenance"
RESTART_PAUSE_S = 5.0  # nobody may connect faster after maintenance

Reader = Callable[["KrakenFeed", frames.Frame, int], Iterable[Output]]
OldReader = Callable[["KrakenFeed", legacy.Array, int], Iterable[Output]]


class KrakenFeed:
    """The feed of `/v2`; of a recording also the frames of v1."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._wants: frozenset[Want] | None = None
        self._subscriptions = Subscriptions()
        self._tickers = Tickers()
        self._trades = TradeIds()
        self._newest: dict[str, int] = {}  # trade id by venue symbol
        self._candles = RunningCandles()
        self._books = Books(instruments, lambda market: self._subscriptions.again(Subscription("book", 0, market)))
        self._maintained = False  # the engine was down while this connection stood
        self._pinged_ns: int | None = None
        self._heard_ns = 0  # but for answers to our pings: those come even where nothing else does

    def opening(self) -> Iterable[Output]:
        return ()

    def wanted(self, wants: Collection[Want]) -> Iterable[Output]:
        self._wants = frozenset(wants)
        markets = [(stream, self._instruments.venue_symbol(symbol)) for stream, symbol in self._wants]
        subscriptions = {_subscription(stream, market) for stream, market in markets}
        depths = depths_of(self._wants, self._instruments)
        outputs = [*self._subscriptions.change(subscriptions), *self._books.want(depths)]
        self._tickers.keep({one.market for one in subscriptions if one.channel == "ticker"})
        trading = {one.market for one in subscriptions if one.channel == "trade"}
        self._trades.keep(trading)
        self._newest = {market: newest for market, newest in self._newest.items() if market in trading}
        self._candles.keep(candles_of(self._wants, self._instruments))
        return outputs

    def receive(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        try:
            return list(self._read(frame, received_ns))
        except BadFrame as error:
            return [rejected(error)]
        except BROKEN as error:  # not even the shape of a frame, or not that of its channel
            return [rejected(error), *self._books.unread(frame, received_ns)]

    def answered(self, request: Request, body: bytes, received_ns: int) -> Iterable[Output]:
        return [Rejected(f"an answer to {request.path}, which no feed asks for", "answer")]

    def failed(self, request: Request, error: Exception, now_ns: int) -> Iterable[Output]:
        return ()

    def tick(self, now_ns: int) -> Iterable[Output]:
        outputs: list[Output] = [*self._books.tick(now_ns), *self._candles.passed(now_ns)]
        if self._wants is None:
            return outputs
        for overdue in self._subscriptions.overdue(now_ns):
            if isinstance(overdue, Send):
                outputs.append(overdue)
            else:
                outputs += self._refused(overdue, "no answer to the subscription", now_ns)
        if self._pinged_ns is None:
            self._pinged_ns = self._heard_ns = now_ns
        if now_ns - self._pinged_ns >= PING_NS:
            self._pinged_ns = now_ns
            outputs.append(self._subscriptions.ping())
        # Seen in 2026: subscriptions are acknowledged and nothing follows, on a connection that stays open.
        if self._subscriptions.standing and now_ns - self._heard_ns >= SILENT_NS:
            self._heard_ns = now_ns
            outputs.append(Close("nothing was sent for 10 s, no heartbeat either"))
        return outputs

    def book(self, symbol: str, received_ns: int) -> Depth | None:
        return self._books.state(self._instruments.venue_symbol(symbol), received_ns)

    def waiting(self) -> dict[str, int]:
        return {self._instruments.symbol(market): count for market, count in self._books.waiting().items()}

    def _read(self, frame: str | bytes, received_ns: int) -> Iterable[Output]:
        if frame[:1] in ("[", b"["):
            array = legacy.array(frame)
            old = OLD_READERS.get(array.family)
            if old is None:
                raise BadFrame(f"unknown channel {array.family[:60]!r} of v1", f"v1 channel {array.family[:30]}")
            return old(self, array, received_ns)
        found = frames.frame(frame)
        if found.method != "pong":
            self._heard_ns = received_ns
        if found.channel is not None:
            reader = READERS.get(found.channel)
            if reader is None:
                raise BadFrame(f"unknown channel {found.channel[:60]!r}", f"channel {found.channel[:30]}")
            return reader(self, found, received_ns)
        if found.method is not None:
            return self._answer(found, received_ns)
        if found.event is not None:
            return _old_control(found)
        if found.fault is not None:
            # Which of our messages were dropped is not said, so that no subscription is sure.
            return (Close(f"the exchange says: {found.fault[:200]}", after_s=5.0),)
        raise BadFrame("a frame of no known shape", "unknown")

    def _answer(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        """To a request of ours."""
        if frame.error is not None or frame.success is False:
            reason = (frame.error or "no reason given")[:200]
            if frame.method != "subscribe" and frame.method != "unsubscribe":
                raise BadFrame(f"{(frame.method or '')[:30]} was refused: {reason}", "refused")
            return self._not_subscribed(frame, reason, received_ns)
        if frame.method == "subscribe" and bytes(frame.result):
            result = frames.result(frame.result)
            if result.channel == "book":
                self._books.acknowledged(result.symbol, result.depth)
            return self._refusals(self._subscriptions.acknowledged(frame.req_id, result.symbol), received_ns)
        return ()

    def _not_subscribed(self, frame: frames.Frame, reason: str, received_ns: int) -> Iterable[Output]:
        if frame.method == "unsubscribe":
            return ()
        if reason.startswith("Already subscribed"):
            standing = frame.symbol or last_word(reason)
            return self._refusals(self._subscriptions.stands(frame.req_id, standing), received_ns)
        if not self._subscriptions.knows(frame.req_id):
            raise BadFrame(f"a subscription was refused: {reason}", "subscription refused")
        refused = self._subscriptions.refused(frame.req_id, frame.symbol, reason)
        return self._refusals(refused, received_ns)

    def _refusals(self, refused: Iterable[tuple[Subscription, str]], received_ns: int) -> Iterable[Output]:
        return [output for one, reason in refused for output in self._refused(one, reason, received_ns)]

    def _refused(self, subscription: Subscription, reason: str, now_ns: int) -> Iterable[Output]:
        """Each stream that the subscription serves says so."""
        channel, minutes, market = subscription
        if channel == "book":
            streams = self._books.wanted(market)
            self._books.refused(market)
        else:
            streams = [f"candle_{names.interval(minutes)}" if minutes else channel]
        symbol = self._instruments.symbol(market)
        return [
            Status(
                symbol=symbol, venue_symbol=market, received_ns=now_ns, stream=stream, status="not_listed",
                detail=reason,
            )
            for stream in streams
        ]  # fmt: skip

    def _wanted_as(self, stream: str, market: str) -> str | None:
        """Our symbol, or None where the stream is no longer wanted."""
        symbol = self._instruments.symbol(market)
        return symbol if self._wants is None or (stream, symbol) in self._wants else None

    def _nothing(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        return ()

    def _status(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        """Whether subscriptions outlive a restart of the engine is not documented: a new connection has no doubt."""
        for state in frames.systems(frame.data):
            if state.system == LOST_BY_RESTART:
                self._maintained = True
            elif state.system == "online" and self._maintained:
                return (Close("the exchange is back from maintenance", RESTART_PAUSE_S),)
        return ()

    def _match(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        matches = sorted(frames.matches(frame.data), key=lambda match: match.trade_id)
        trades = [self._trade(match, received_ns) for match in matches]
        return [output for trade in trades if trade for output in self._numbered(trade)]

    def _trade(self, match: frames.Match, received_ns: int) -> Trade | None:
        symbol, time_us = self._wanted_as("trade", match.symbol), names.micros(match.timestamp)
        if symbol is None:
            return None
        return Trade(
            symbol=symbol, venue_symbol=match.symbol, received_ns=received_ns, event_us=time_us,
            trade_id=str(match.trade_id), price=names.number(match.price), quantity=names.number(match.qty),
            side=names.side(match.side), trade_us=time_us,
        )  # fmt: skip

    def _numbered(self, trade: Trade) -> Iterable[Output]:
        market, trade_id = trade.venue_symbol, int(trade.trade_id)
        if trade_id < self._newest.get(market, 0) - RENUMBERED:
            self._trades.keep(self._newest.keys() - {market})
            self._newest[market] = trade_id
        self._newest[market] = max(trade_id, self._newest.get(market, 0))
        return self._trades.events(trade)

    def _day(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        for day in frames.days(frame.data):
            yield from self._ticker(day.symbol, received_ns, names.micros(day.timestamp), _figures(day))

    def _ticker(self, market: str, received_ns: int, event_us: int | None, figures: Figures) -> Iterable[Output]:
        symbol = self._wanted_as("ticker", market)
        return () if symbol is None else (self._tickers.event(symbol, market, received_ns, event_us, figures),)

    def _ohlc(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        event_us = names.micros(frame.timestamp)
        found = [self._candle(bucket, received_ns, event_us) for bucket in frames.buckets(frame.data)]
        candles = [candle for candle in found if candle]
        if frame.type != "snapshot":
            return [output for candle in candles for output in self._candles.update(candle)]
        streams: dict[tuple[str, str], list[Candle]] = {}
        for candle in sorted(candles, key=lambda candle: candle.open_ms):
            streams.setdefault((candle.venue_symbol, candle.interval), []).append(candle)
        recent = 0 if self._wants is None else -RECENT
        return [output for stream in streams.values() for output in self._candles.snapshot(stream[recent:])]

    def _candle(self, bucket: frames.Bucket, received_ns: int, event_us: int | None) -> Candle | None:
        interval = names.interval(bucket.interval)
        symbol = self._wanted_as(f"candle_{interval}", bucket.symbol)
        if symbol is None:
            return None
        open_ms = (names.micros(bucket.interval_begin) or 0) // 1000
        return Candle(
            symbol=symbol, venue_symbol=bucket.symbol, received_ns=received_ns, event_us=event_us, interval=interval,
            open_ms=open_ms, close_ms=intervals.close_ms(interval, open_ms), open=names.number(bucket.open),
            high=names.number(bucket.high), low=names.number(bucket.low), close=names.number(bucket.close),
            volume=names.number(bucket.volume), quote_volume=None, trades=bucket.trades, closed=False,
        )  # fmt: skip

    def _book(self, frame: frames.Frame, received_ns: int) -> Iterable[Output]:
        take = self._books.snapshot if frame.type == "snapshot" else self._books.update
        for book in frames.books(frame.data):
            bids, asks = _sent(book.bids), _sent(book.asks)
            yield from take(book.symbol, bids, asks, book.checksum, names.micros(book.timestamp), received_ns)

    def _old_day(self, array: legacy.Array, received_ns: int) -> Iterable[Output]:
        for payload in array.payloads:
            yield from self._ticker(array.market, received_ns, None, legacy.day(payload))

    def _old_spread(self, array: legacy.Array, received_ns: int) -> Iterable[Output]:
        for payload in array.payloads:
            yield from self._ticker(array.market, received_ns, *legacy.spread(payload))

    def _old_trades(self, array: legacy.Array, received_ns: int) -> Iterable[Output]:
        symbol = self._wanted_as("trade", array.market)
        for payload in array.payloads if symbol is not None else ():
            yield from legacy.trades(payload, symbol or "", array.market, received_ns)

    def _old_candle(self, array: legacy.Array, received_ns: int) -> Iterable[Output]:
        symbol = self._instruments.symbol(array.market)
        for payload in array.payloads:
            candle = legacy.candle(payload, array.parameter, symbol, array.market, received_ns)
            if self._wanted_as(candle.stream, array.market) is not None:
                yield from self._candles.update(candle)

    def _old_book(self, array: legacy.Array, received_ns: int) -> Iterable[Output]:
        whole, bids, asks, checksum, event_us = legacy.book(array.payloads)
        if not whole:
            return self._books.update(array.market, bids, asks, checksum, event_us, received_ns)
        digits = array.parameter
        depth = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 5 else None
        return self._books.snapshot(array.market, bids, asks, checksum, event_us, received_ns, depth)


def _subscription(stream: str, market: str) -> Subscription:
    """What of theirs serves our stream."""
    if stream in DEPTHS:
        return Subscription("book", 0, market)
    if stream in CHANNELS:
        return Subscription(CHANNELS[stream], 0, market)
    return Subscription("ohlc", int(names.INTERVALS[stream.removeprefix("candle_")]), market)


def _sent(side: list[frames.Level]) -> list[tuple[str, str]]:
    return [(names.text(level.price), names.text(level.qty)) for level in side]


def _figures(day: frames.Day) -> Figures:
    """They write 0 for what does not exist; a side that does not has no quantity either."""
    last, bid, ask = names.existing(day.last), names.existing(day.bid), names.existing(day.ask)
    return {
        "last_price": last,
        "bid_price": bid, "bid_quantity": _sent_number(day.bid_qty) if bid else None,
        "ask_price": ask, "ask_quantity": _sent_number(day.ask_qty) if ask else None,
        "open_24h": _opened(last, day), "high_24h": names.existing(day.high), "low_24h": names.existing(day.low),
        "volume_24h": _sent_number(day.volume),
    }  # fmt: skip


def _sent_number(raw: Raw) -> Number | None:
    """A figure that may be 0, and may be left out."""
    return None if bytes(raw) in names.MISSING else names.number(raw)


def _opened(last: Number | None, day: frames.Day) -> Number | None:
    """They send the change since 24 hours ago instead of the price then."""
    if last is None or bytes(day.change) in names.MISSING:
        return None
    opened = plain(Decimal(last) - Decimal(plain(names.text(day.change))))
    return None if opened == ZERO or opened.startswith("-") else opened


def _old_control(frame: frames.Frame) -> Iterable[Output]:
    """Control frames of v1."""
    if frame.event not in ("systemStatus", "subscriptionStatus", "heartbeat", "pong"):
        raise BadFrame(f"unknown event {(frame.event or '')[:60]!r} of v1", "v1 event")
    if frame.status == "error":
        raise BadFrame(f"a subscription was refused: {frame.error_message[:200]}", "subscription refused")
    return ()


# theirs, by channel: what reads it
READERS: dict[str, Reader] = {
    "trade": KrakenFeed._match,
    "ticker": KrakenFeed._day,
    "ohlc": KrakenFeed._ohlc,
    "book": KrakenFeed._book,
    "status": KrakenFeed._status,
    "heartbeat": KrakenFeed._nothing,
    "instrument": KrakenFeed._nothing,  # REST serves the same; that a pair's precision changed shows in the digits
}
OLD_READERS: dict[str, OldReader] = {
    "trade": KrakenFeed._old_trades,
    "ticker": KrakenFeed._old_day,
    "ohlc": KrakenFeed._old_candle,
    "book": KrakenFeed._old_book,
    "spread": KrakenFeed._old_spread,
}
