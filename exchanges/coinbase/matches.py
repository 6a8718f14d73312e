"""The conversation on the Exchange's socket: trades and tickers of spot; of a recording also its order book.

Source: https://docs.cdp.coinbase.com/exchange/websocket-feed/channels
"""

import json
import re
from collections.abc import Callable, Iterable

from exchanges.broken import BROKEN
from exchanges.coinbase import frames, names
from exchanges.coinbase.depth_books import DepthBooks
from exchanges.coinbase.subscriptions import Place, Said, Subscriptions
from exchanges.coinbase.wants import Trades, Wants
from exchanges.contract import Output
from exchanges.decimals import unsigned
from exchanges.depths import levels
from exchanges.errors import BadFrame
from exchanges.events import Gap, Level, Rejected, Status, Ticker

MATCHES, TICKER, HEARTBEAT = "matches", "ticker", "heartbeat"
CHANNELS = {"trade": MATCHES, "ticker": TICKER}
STREAMS = {channel: stream for stream, channel in CHANNELS.items()}
# Known, and of no use to us: RFQ prints are not of the order book, and of `full` we read the matches, not each order.
OTHERS = ("status", "rfq_match", "auction", "received", "open", "done", "change", "activate")
MUTE = 3  # heartbeats in a row that tell of a loss, while no trade comes
_named = re.compile(r"([A-Z0-9]+(?:-[A-Z0-9]+)+) is not a valid product", re.IGNORECASE).search


class Matches:
    """One connection. `sequence` of its frames is of another feed and jumps by design, so nobody looks at it."""

    def __init__(self, wants: Wants, trades: Trades) -> None:
        self._wants = wants
        self._trades = trades
        self._subscriptions = Subscriptions(_written)
        self._books = DepthBooks(wants.instruments)  # of recordings
        self._newest: dict[str, int] = {}  # the last trade's id that we have, by market
        self._behind: dict[str, int] = {}  # the id that a heartbeat named and we do not have
        self._lost: dict[str, int] = {}  # how often that was told, since a trade came

    def wanted(self) -> Iterable[Output]:
        """What is wanted changed. Heartbeats keep a quiet connection open, and tell what a quiet market lost."""
        trades, tickers = self._wants.pairs("trade"), self._wants.pairs("ticker")
        channels = {MATCHES: trades, TICKER: tickers, HEARTBEAT: trades or tickers}
        self._trades.keep(self._wants.markets("trade"))
        for known in (self._newest, self._behind, self._lost):
            for market in known.keys() - trades:
                del known[market]
        if self._wants.told:
            list(self._books.want({}))
        return list(self._subscriptions.become({name: markets for name, markets in channels.items() if markets}))

    def receive(self, frame: bytes, kind: str, received_ns: int) -> Iterable[Output]:
        """One frame of a type that is no error."""
        reader = READERS.get(kind)
        if reader is None:
            raise BadFrame(f"unknown type {kind[:40]!r}", f"type {kind[:30]}")
        try:
            return list(reader(self, frame, received_ns))
        except BROKEN:
            if kind in ("snapshot", "l2update"):
                list(self._books.lost(received_ns, None))
            raise

    def refused(self, message: str, reason: str, received_ns: int) -> Iterable[Output]:
        """One wrong market takes the whole message with it: it is told, the others are asked for again."""
        words = f"{message}: {reason}" if reason else message
        said = self._subscriptions.failed()
        yield Rejected(f"refused: {words[:200]}", f"refused: {message[:60]}")
        if said is None or said.verb != "subscribe":
            return
        if "product" not in words.lower():
            self._subscriptions.postpone(said)
            return
        named = found[1].upper() if (found := _named(words)) else said.markets[0] if len(said.markets) == 1 else None
        if named not in said.markets:
            middle = len(said.markets) // 2
            for half in (said.markets[:middle], said.markets[middle:]):
                yield from self._subscriptions.subscribe(said.channel, half)
            return
        yield from self._not_listed([(said.channel, named)], received_ns, words)
        self._subscriptions.refuse(said.channel, named)
        others = [market for market in said.markets if market != named]
        yield from self._subscriptions.subscribe(said.channel, others)

    def tick(self, now_ns: int) -> Iterable[Output]:
        missing = self._subscriptions.tick(now_ns)
        due = self._subscriptions.due(now_ns)
        return [*self._not_listed(missing, now_ns, "left out of the acknowledgement"), *due]

    def match(self, frame: bytes, received_ns: int) -> Iterable[Output]:
        match = frames.match(frame)
        time_us = names.micros(match.time)
        self._lost.pop(match.product_id, None)
        self._newest[match.product_id] = max(match.trade_id, self._newest.get(match.product_id, 0))
        return self._trades.told(
            match.product_id, str(match.trade_id), match.price, match.size, match.side, match.time, received_ns, time_us
        )

    def day(self, frame: bytes, received_ns: int) -> Iterable[Output]:
        day = frames.day(frame)
        symbol = self._wants.symbol("ticker", day.product_id)
        if symbol is None:
            return ()
        last, bid, ask = names.existing(day.price), names.existing(day.best_bid), names.existing(day.best_ask)
        return (
            Ticker(
                symbol=symbol, venue_symbol=day.product_id, received_ns=received_ns,
                event_us=names.micros(day.time) if day.time else None, last_price=last,
                last_quantity=unsigned(day.last_size) if last and day.last_size else None,
                bid_price=bid, bid_quantity=unsigned(day.best_bid_size) if bid and day.best_bid_size else None,
                ask_price=ask, ask_quantity=unsigned(day.best_ask_size) if ask and day.best_ask_size else None,
                open_24h=names.existing(day.open_24h), high_24h=names.existing(day.high_24h),
                low_24h=names.existing(day.low_24h), volume_24h=unsigned(day.volume_24h) if day.volume_24h else None,
            ),
        )  # fmt: skip

    def heartbeat(self, frame: bytes, received_ns: int) -> Iterable[Output]:
        """A trade that it named and that has not come by the next one, a second later, is lost."""
        beat = frames.heartbeat(frame)
        market, newest = beat.product_id, self._newest.get(beat.product_id)
        symbol = self._wants.symbol("trade", market)
        if newest is None or symbol is None:
            return
        behind = self._behind.pop(market, None)
        if behind is not None and newest < behind:
            self._newest[market] = beat.last_trade_id
            self._trades.keep(self._newest.keys() - {market})  # the next id jumps, and the gap is told here
            yield Gap(
                symbol=symbol, venue_symbol=market, received_ns=received_ns, event_us=names.micros(beat.time),
                stream="trade", reason="sequence", from_us=None,
            )  # fmt: skip
            self._lost[market] = self._lost.get(market, 0) + 1
            if self._lost[market] % MUTE == 0:
                yield from self._subscriptions.again(MATCHES, [market])
        elif beat.last_trade_id > newest:
            self._behind[market] = beat.last_trade_id

    def acknowledged(self, frame: bytes, received_ns: int) -> Iterable[Output]:
        everything = {channel.name: channel.product_ids or [] for channel in frames.subscriptions(frame).channels}
        missing = self._subscriptions.acknowledged(everything)
        return self._not_listed(missing, received_ns, "left out of the acknowledgement")

    def snapshot(self, frame: bytes, received_ns: int) -> Iterable[Output]:
        book = frames.snapshot(frame)
        event_us = names.micros(book.time) if book.time else None
        return self._books.snapshot(
            book.product_id, levels(book.bids), levels(book.asks), received_ns, event_us, None
        )  # fmt: skip

    def l2update(self, frame: bytes, received_ns: int) -> Iterable[Output]:
        update = frames.l2update(frame)
        event_us = names.micros(update.time) if update.time else None
        sides: dict[str, list[Level]] = {"buy": [], "sell": []}
        for side, price, quantity in update.changes:
            sides[side].append((unsigned(price), unsigned(quantity)))
        return self._books.update(update.product_id, sides["buy"], sides["sell"], received_ns, event_us, None)

    def nothing(self, frame: bytes, received_ns: int) -> Iterable[Output]:
        return ()

    def _not_listed(self, places: Iterable[Place], now_ns: int, detail: str) -> Iterable[Output]:
        for channel, market in sorted(places):
            if stream := STREAMS.get(channel):
                yield Status(
                    symbol=self._wants.instruments.symbol(market), venue_symbol=market, received_ns=now_ns,
                    stream=stream, status="not_listed", detail=f"{market} on {channel}: {detail}",
                )  # fmt: skip


def _written(said: Said) -> str:
    return json.dumps({"type": said.verb, "product_ids": said.markets, "channels": [said.channel]})


Reader = Callable[[Matches, bytes, int], Iterable[Output]]
READERS: dict[str, Reader] = {
    "match": Matches.match,
    "last_match": Matches.match,
    "ticker": Matches.day,
    "ticker_batch": Matches.day,
    "heartbeat": Matches.heartbeat,
    "subscriptions": Matches.acknowledged,
    "snapshot": Matches.snapshot,
    "l2update": Matches.l2update,
    **dict.fromkeys(OTHERS, Matches.nothing),
}
