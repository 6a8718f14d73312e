"""Kraken's WebSocket v2 channels: the snapshot of each, and its frames. Numbers are written with all their zeros."""

import json
import zlib
from collections.abc import Sequence
from decimal import Decimal

from exchanges import intervals
from exchanges.decimals import ZERO
from exchanges.intervals import DAY_MS
from exchanges.invented import Channel, Invented, InventedCandle, InventedTrade, Level
from exchanges.kraken.book import CHECKED, DEEPEST, DEPTHS
from exchanges.kraken.sandbox_markets import LOT_DECIMALS, Markets, Pair, padded, time_text
from exchanges.kraken.sandbox_rest import INTERVALS, average

SNAPSHOT_TRADES, SNAPSHOT_CANDLES = 50, 12
OHLC_MS, TICKER_MS = 500, 100
QUIET = "no snapshot"  # variant of a channel whose newcomers asked for none


def ticker_channel(pair: Pair, trigger: str, snapshot: bool) -> Channel:
    return Channel(f"ticker/{pair.name}/{trigger}", pair.symbol, "ticker", TICKER_MS, "" if snapshot else QUIET)


def trade_channel(pair: Pair, snapshot: bool) -> Channel:
    return Channel(f"trade/{pair.name}", pair.symbol, "trade", 0, "" if snapshot else QUIET)


def book_channel(pair: Pair, depth: int, snapshot: bool) -> Channel:
    return Channel(f"book/{pair.name}/{depth}", pair.symbol, "depth", 0, "" if snapshot else QUIET)


def ohlc_channel(pair: Pair, minutes: int, snapshot: bool) -> Channel:
    stream = f"candle_{INTERVALS[str(minutes)]}"
    return Channel(f"ohlc/{pair.name}/{minutes}", pair.symbol, stream, OHLC_MS, "" if snapshot else QUIET)


class Streams:
    """A channel's name says what it carries: `book/BTC/USDT/1000`."""

    def __init__(self, market: Invented, markets: Markets) -> None:
        self._market = market
        self.markets = markets

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        """What a newcomer gets."""
        pair = self._pair(channel)
        if channel.variant == QUIET:
            return ()
        if channel.stream == "depth":
            return [self._book(pair, _number(channel), at_ms)]
        if channel.stream == "ticker":
            return [self._ticker(pair, "snapshot", at_ms)]
        if channel.stream == "trade":
            last_id = self._market.last_trade_id(pair.symbol, at_ms)
            found = self._market.trades(pair.symbol, max(1, last_id - SNAPSHOT_TRADES + 1), last_id)
            return [_trades(pair, "snapshot", found)]
        return [self._candles(pair, channel, "snapshot", self._recent(pair, channel, at_ms), at_ms)]

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        """What happened after one time and up to the other."""
        pair = self._pair(channel)
        if self._market.last_trade_id(pair.symbol, after_ms) == self._market.last_trade_id(pair.symbol, until_ms):
            return ()  # every change of the book comes with a trade
        if channel.stream == "depth":
            return self._changes(pair, _number(channel), after_ms, until_ms)
        if channel.stream == "ticker":
            return [self._ticker(pair, "update", until_ms)]
        if channel.stream == "trade":
            return [_trades(pair, "update", self._market.trades_between(pair.symbol, after_ms, until_ms))]
        return self._moved(pair, channel, after_ms, until_ms)

    def _pair(self, channel: Channel) -> Pair:
        assert channel.symbol is not None
        return self.markets.by_symbol[channel.symbol]

    def _book(self, pair: Pair, depth: int, at_ms: int) -> str:
        book = self._market.depth(pair.symbol, depth, at_ms)
        checksum = _checksum(pair, book.bids, book.asks)
        return _book_frame(pair, "snapshot", book.bids, book.asks, checksum, at_ms)

    def _changes(self, pair: Pair, depth: int, after_ms: int, until_ms: int) -> list[str]:
        """What is pushed beyond the depth is not told; what comes back into it is told again."""
        if depth == DEEPEST:
            changed = self._market.depth_changes(pair.symbol, after_ms, until_ms)
            if changed is None:
                return []
            bids, asks = changed.bids, changed.asks
            new = self._market.depth(pair.symbol, CHECKED, until_ms)
        else:
            old, new = (self._market.depth(pair.symbol, depth, at_ms) for at_ms in (after_ms, until_ms))
            bids = _difference(old.bids, new.bids, depth, sign=-1)
            asks = _difference(old.asks, new.asks, depth, sign=1)
        if not bids and not asks:
            return []
        return [_book_frame(pair, "update", bids, asks, _checksum(pair, new.bids, new.asks), until_ms)]

    def _ticker(self, pair: Pair, kind: str, until_ms: int) -> str:
        day, places = self._market.window(pair.symbol, DAY_MS, until_ms), pair.decimals
        change = Decimal(day.last) - Decimal(day.open)
        (bid, bid_quantity), (ask, ask_quantity) = day.bid, day.ask
        return (
            f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":{_name(pair)},"bid":{padded(bid, places)},'
            f'"bid_qty":{padded(bid_quantity, LOT_DECIMALS)},"ask":{padded(ask, places)},'
            f'"ask_qty":{padded(ask_quantity, LOT_DECIMALS)},"last":{padded(day.last, places)},'
            f'"volume":{padded(day.volume, LOT_DECIMALS)},'
            f'"vwap":{average(day.quote_volume, day.volume, places, day.last)},"low":{padded(day.low, places)},'
            f'"high":{padded(day.high, places)},"change":{change:.{places}f},'
            f'"change_pct":{change / Decimal(day.open) * 100:.2f},"timestamp":"{time_text(until_ms)}"}}]}}'
        )

    def _recent(self, pair: Pair, channel: Channel, at_ms: int) -> list[InventedCandle]:
        interval = channel.stream.removeprefix("candle_")
        opens = [intervals.open_ms(interval, at_ms)]
        while len(opens) < SNAPSHOT_CANDLES:
            opens.append(intervals.open_ms(interval, opens[-1] - 1))
        found = [self._market.candle(pair.symbol, interval, open_ms, at_ms) for open_ms in reversed(opens)]
        return [candle for candle in found if candle and candle.trades]

    def _moved(self, pair: Pair, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        """The final figures of buckets that ended, then those of the running one; nothing of those without trades."""
        interval = channel.stream.removeprefix("candle_")
        frames = []
        open_ms = intervals.open_ms(interval, after_ms)
        while open_ms <= until_ms:
            candle = self._market.candle(pair.symbol, interval, open_ms, until_ms)
            start_ms, end_ms = max(after_ms, open_ms - 1), min(until_ms, intervals.close_ms(interval, open_ms))
            last_id = self._market.last_trade_id
            if candle and last_id(pair.symbol, start_ms) < last_id(pair.symbol, end_ms):
                frames.append(self._candles(pair, channel, "update", [candle], until_ms))
            open_ms = intervals.next_open_ms(interval, open_ms)
        return frames

    def _candles(self, pair: Pair, channel: Channel, kind: str, candles: list[InventedCandle], now_ms: int) -> str:
        data = ",".join(_bucket(pair, _number(channel), candle) for candle in candles)
        return f'{{"channel":"ohlc","type":"{kind}","timestamp":"{time_text(now_ms, 9)}","data":[{data}]}}'


def depth_offered(depth: object) -> bool:
    return isinstance(depth, int) and not isinstance(depth, bool) and depth in DEPTHS


def _number(channel: Channel) -> int:
    return int(channel.name.rpartition("/")[2])


def _name(pair: Pair) -> str:
    return json.dumps(pair.name, ensure_ascii=False)


def _bucket(pair: Pair, minutes: int, candle: InventedCandle) -> str:
    places = pair.decimals
    return (
        f'{{"symbol":{_name(pair)},"open":{padded(candle.open, places)},"high":{padded(candle.high, places)},'
        f'"low":{padded(candle.low, places)},"close":{padded(candle.close, places)},"trades":{candle.trades},'
        f'"volume":{padded(candle.volume, LOT_DECIMALS)},"vwap":{average(candle.quote_volume, candle.volume, places)},'
        f'"interval_begin":"{time_text(candle.open_ms, 9)}","interval":{minutes},'
        f'"timestamp":"{time_text(candle.close_ms + 1)}"}}'
    )


def _trades(pair: Pair, kind: str, trades: Sequence[InventedTrade]) -> str:
    data = ",".join(
        f'{{"symbol":{_name(pair)},"side":"{"sell" if trade.buyer_is_maker else "buy"}",'
        f'"price":{padded(trade.price, pair.decimals)},"qty":{padded(trade.quantity, LOT_DECIMALS)},'
        f'"ord_type":"market","trade_id":{trade.trade_id},"timestamp":"{time_text(trade.time_ms)}"}}'
        for trade in trades
    )
    return f'{{"channel":"trade","type":"{kind}","data":[{data}]}}'


def _book_frame(
    pair: Pair, kind: str, bids: Sequence[Level], asks: Sequence[Level], checksum: int, time_ms: int
) -> str:
    sides = (
        "[" + ",".join(f'{{"price":{price},"qty":{quantity}}}' for price, quantity in _texts(pair, side)) + "]"
        for side in (bids, asks)
    )
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":{_name(pair)},"bids":{next(sides)},'
        f'"asks":{next(sides)},"checksum":{checksum},"timestamp":"{time_text(time_ms)}"}}]}}'
    )


def _texts(pair: Pair, side: Sequence[Level]) -> list[tuple[str, str]]:
    return [(padded(price, pair.decimals), padded(quantity, LOT_DECIMALS)) for price, quantity in side]


def _checksum(pair: Pair, bids: Sequence[Level], asks: Sequence[Level]) -> int:
    best = _texts(pair, asks[:CHECKED]) + _texts(pair, bids[:CHECKED])
    digits = "".join(text.replace(".", "").lstrip("0") for level in best for text in level)
    return zlib.crc32(digits.encode())


def _difference(old: Sequence[Level], new: Sequence[Level], depth: int, sign: int) -> list[Level]:
    """`sign` is -1 where the highest price is the best."""
    before, after = dict(old), dict(new)
    worst = sign * Decimal(new[-1][0]) if len(new) >= depth else None
    gone: list[Level] = [
        (price, ZERO) for price, _ in old if price not in after and (worst is None or sign * Decimal(price) < worst)
    ]
    return gone + [(price, quantity) for price, quantity in new if before.get(price) != quantity]
