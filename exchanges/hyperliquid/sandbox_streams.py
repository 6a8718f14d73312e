"""Hyperliquid's streams: which one a subscription means, and its frames."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from exchanges import intervals
from exchanges.hyperliquid import sandbox_rows as rows
from exchanges.hyperliquid.names import INTERVALS
from exchanges.hyperliquid.sandbox_calls import recent
from exchanges.hyperliquid.sandbox_markets import Market, Markets
from exchanges.invented import Channel, Invented

WHOLE_MS, FAST_MS, BEST_MS, CONTEXT_MS, CANDLE_MS, MIDS_MS = 5000, 500, 100, 1000, 500, 5000
REPEATED = 25  # trades that a newcomer gets
Maker = Callable[["Streams", Market, Channel, int, int], list[Any]]


class Unknown(Exception):
    """A subscription to what is not there: the exchange closes the connection."""


class Streams:
    """A channel's name is the subscription as they acknowledge it, its variant the coin."""

    def __init__(self, invented: Invented, markets: Markets) -> None:
        self._invented = invented
        self._markets = markets

    def channel(self, asked: Mapping[str, Any]) -> Channel:
        """Unknown for a coin or interval that is not there, ValueError for a subscription that cannot be read."""
        kind, coin = asked.get("type"), asked.get("coin")
        if kind == "allMids":
            return Channel(_name({"type": kind}), None, "mids", MIDS_MS)
        if kind not in MAKERS or not isinstance(coin, str):
            raise ValueError
        market = self._markets.by_coin.get(coin)
        interval = asked.get("interval") if kind == "candle" else None
        if market is None or (kind == "candle" and interval not in INTERVALS):
            raise Unknown
        grouped = asked.get("nSigFigs") is not None or asked.get("mantissa") is not None
        if grouped:
            raise Unknown  # not offered here
        stream, period_ms = f"candle_{interval}" if interval else STREAMS[kind][0], STREAMS[kind][1]
        name: dict[str, Any] = {"type": kind, "coin": coin}
        if kind == "l2Book":
            fast = asked.get("fast") is True
            stream, period_ms = ("depth_5", FAST_MS) if fast else (stream, period_ms)
            name |= {"nSigFigs": None, "mantissa": None, "fast": fast}
        elif interval:
            name["interval"] = interval
        return Channel(_name(name), market.source.symbol, stream, period_ms, coin)

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        """The last trades, the book, the state, the running candle."""
        if channel.symbol is None:
            return self._mids(at_ms)
        market, kind = self._markets.by_coin[channel.variant], _kind(channel)
        if kind == "trades":
            return [_text(kind, recent(self._invented, market, REPEATED, at_ms))]
        if kind == "candle":
            interval = channel.stream.removeprefix("candle_")
            found = self._invented.candle(market.source.symbol, interval, intervals.open_ms(interval, at_ms), at_ms)
            return [_text(kind, rows.candle(market, found))] if found else []
        if kind == "bbo":
            return [_text(kind, self._offers(market, at_ms))]
        return self.frames(channel, at_ms - 1, at_ms)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        if channel.symbol is None:
            return self._mids(until_ms)
        market, kind = self._markets.by_coin[channel.variant], _kind(channel)
        said = "activeSpotAssetCtx" if kind == "activeAssetCtx" and market.spot else kind
        return [_text(said, data) for data in MAKERS[kind](self, market, channel, after_ms, until_ms)]

    def _mids(self, at_ms: int) -> list[str]:
        mids = {
            coin: rows.context(self._invented, market, at_ms)["midPx"] for coin, market in self._markets.by_coin.items()
        }
        return [_text("allMids", {"mids": mids})]

    def _trades(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        found = self._invented.trades_between(market.source.symbol, after_ms, until_ms)
        return [[rows.trade(market, one) for one in found]] if found else []

    def _books(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        """The whole book, changed or not."""
        fast = channel.stream == "depth_5"
        book = rows.book(self._invented, market, rows.FAST if fast else rows.WHOLE, until_ms)
        return [{**book, "fast": True} if fast else book]

    def _best(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        """Only where it changed."""
        symbol = market.source.symbol
        before, now = (self._invented.depth(symbol, 1, at_ms) for at_ms in (after_ms, until_ms))
        same = (tuple(before.bids), tuple(before.asks)) == (tuple(now.bids), tuple(now.asks))
        return [] if same else [self._offers(market, until_ms)]

    def _offers(self, market: Market, at_ms: int) -> rows.Row:
        book = rows.book(self._invented, market, 1, at_ms)
        return {"coin": market.coin, "time": at_ms, "bbo": [side[0] if side else None for side in book["levels"]]}

    def _context(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        return [{"coin": market.coin, "ctx": rows.context(self._invented, market, until_ms)}]

    def _candles(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        """Where trades changed it: the last figures of candles that ended, then those of the running one."""
        symbol, interval = market.source.symbol, channel.stream.removeprefix("candle_")
        made: list[Any] = []
        if self._invented.last_trade_id(symbol, after_ms) == self._invented.last_trade_id(symbol, until_ms):
            return made
        open_ms = intervals.open_ms(interval, after_ms)
        while open_ms <= until_ms:
            candle = self._invented.candle(symbol, interval, open_ms, until_ms)
            if candle and candle.trades:
                made.append(rows.candle(market, candle))
            open_ms = intervals.next_open_ms(interval, open_ms)
        return made


def _kind(channel: Channel) -> str:
    return str(msgspec.json.decode(channel.name)["type"])


def _name(subscription: dict[str, Any]) -> str:
    return msgspec.json.encode(subscription).decode()


def _text(channel: str, data: Any) -> str:
    return msgspec.json.encode({"channel": channel, "data": data}).decode()


# by their type: our word, and how often it speaks
STREAMS = {
    "trades": ("trade", 0), "l2Book": ("depth", WHOLE_MS), "bbo": ("ticker", BEST_MS),
    "activeAssetCtx": ("ticker", CONTEXT_MS), "candle": ("candle", CANDLE_MS),
}  # fmt: skip
MAKERS: dict[str, Maker] = {
    "trades": Streams._trades, "l2Book": Streams._books, "bbo": Streams._best, "activeAssetCtx": Streams._context,
    "candle": Streams._candles,
}  # fmt: skip
