"""Binance's streams: which channel a stream's name means, and the channel's frames."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from exchanges import intervals
from exchanges.binance.sandbox_markets import Markets, padded
from exchanges.binance.sandbox_rest import aggregate_row, average, change, orders
from exchanges.intervals import DAY_MS, HOUR_MS
from exchanges.invented import Channel, Invented, InventedCandle, InventedDepth, InventedWindow, Level

COMBINED = "combined"
ROLLING_MS = {"ticker": DAY_MS, "ticker_1h": HOUR_MS, "ticker_4h": 4 * HOUR_MS, "ticker_1d": DAY_MS}
_depth = re.compile(r"depth(5|10|20)?(@100ms)?").fullmatch
_kline = re.compile(r"kline_(\w+)").fullmatch
Maker = Callable[["Streams", Channel, int, int], list[str]]


class Streams:
    """Stream names are `<symbol in lower case>@<what>`, or `!<what>@arr` over all symbols."""

    def __init__(self, market: Invented, markets: Markets) -> None:
        self._market = market
        self._markets = markets

    def channel(self, name: str, combined: bool) -> Channel | None:
        """The channel of a stream; None where no such stream or symbol exists."""
        variant = COMBINED if combined else ""
        if name == "!miniTicker@arr":
            return Channel(name, None, "ticker", 1000, variant)
        lower, _, what = name.partition("@")
        listed = self._markets.by_stream_name.get(lower)
        kind = _kind(what)
        if listed is None or kind is None:
            return None
        return Channel(name, self._markets.by_name[listed].symbol, *kind, variant)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        """The channel's frames of that time, in its variant."""
        if channel.symbol is None:
            data = self._all_mini_tickers(after_ms, until_ms)
        else:
            what = channel.name.partition("@")[2]
            data = _maker(what)(self, channel, after_ms, until_ms)
        return [f'{{"stream":"{channel.name}","data":{one}}}' for one in data] if channel.variant == COMBINED else data

    def _trades(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        symbol = _known(channel)
        head = f'{{"e":"trade","E":{until_ms},"s":"{self._markets.names[symbol]}","t":'
        return [
            f'{head}{trade.trade_id},"p":"{padded(trade.price)}","q":"{padded(trade.quantity)}","T":{trade.time_ms},'
            f'"m":{"true" if trade.buyer_is_maker else "false"},"M":true}}'
            for trade in self._market.trades_between(symbol, after_ms, until_ms)
        ]

    def _aggregates(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        symbol = _known(channel)
        head = {"e": "aggTrade", "E": until_ms, "s": self._markets.names[symbol]}
        found = orders(self._market.trades_between(symbol, after_ms, until_ms))
        return [_text({**head, **aggregate_row(trades)}) for trades in found]

    def _depth_changes(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        symbol = _known(channel)
        changed = self._market.depth_changes(symbol, after_ms, until_ms)
        if changed is None:
            return []
        head = f'{{"e":"depthUpdate","E":{until_ms},"s":"{self._markets.names[symbol]}"'
        ids = f'"U":{changed.first_update_id},"u":{changed.update_id}'
        return [f'{head},{ids},"b":{_levels(changed.bids)},"a":{_levels(changed.asks)}}}']

    def _depth_top(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        symbol, limit = _known(channel), int(channel.stream.rpartition("_")[2])
        book = self._market.depth(symbol, limit, until_ms)
        return [f'{{"lastUpdateId":{book.update_id},"bids":{_levels(book.bids)},"asks":{_levels(book.asks)}}}']

    def _best(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        symbol = _known(channel)
        name = self._markets.names[symbol]
        return [_best_frame(name, top) for top in self._market.tops(symbol, after_ms, until_ms)]

    def _ticker(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        symbol, what = _known(channel), channel.name.partition("@")[2]
        window = self._market.window(symbol, ROLLING_MS[what], until_ms)
        return [_ticker_frame(self._markets.names[symbol], what, window)]

    def _mini_ticker(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        symbol = _known(channel)
        return [_text(_mini(self._markets.names[symbol], self._market.window(symbol, DAY_MS, until_ms)))]

    def _all_mini_tickers(self, after_ms: int, until_ms: int) -> list[str]:
        """Those that have changed, in one frame."""
        last_id = self._market.last_trade_id
        changed = [
            _mini(name, self._market.window(symbol, DAY_MS, until_ms))
            for symbol, name in self._markets.names.items()
            if last_id(symbol, after_ms) != last_id(symbol, until_ms)
        ]
        return [_text(changed)] if changed else []

    def _average(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        symbol = _known(channel)
        window = self._market.window(symbol, 5 * intervals.MINUTE_MS, until_ms)
        head = {"e": "avgPrice", "E": until_ms, "s": self._markets.names[symbol], "i": "5m"}
        return [_text({**head, "w": average(window), "T": until_ms})]

    def _candles(self, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        """The final figures of candles that ended, then those of the running one."""
        symbol, interval = _known(channel), channel.stream.removeprefix("candle_")
        frames: list[str] = []
        open_ms = intervals.open_ms(interval, after_ms)
        while open_ms < until_ms:
            candle = self._market.candle(symbol, interval, open_ms, until_ms)
            if candle:
                frames.append(_candle_frame(self._markets.names[symbol], candle, until_ms))
            open_ms = intervals.next_open_ms(interval, open_ms)
        return frames


def _kind(what: str) -> tuple[str, int] | None:
    """Our word for a stream, and how often it is pushed in ms (0: at once)."""
    fixed = {
        "trade": ("trade", 0), "aggTrade": ("agg_trade", 0), "bookTicker": ("ticker", 0),
        "miniTicker": ("ticker", 1000), "avgPrice": ("average_price", 1000),
        **dict.fromkeys(ROLLING_MS, ("ticker", 1000)),
    }  # fmt: skip
    if what in fixed:
        return fixed[what]
    if found := _depth(what):
        return f"depth_{found[1]}" if found[1] else "depth", 100 if found[2] else 1000
    found = _kline(what)
    if found and found[1] in intervals.INTERVALS:
        return f"candle_{found[1]}", 1000 if found[1] == "1s" else 2000
    return None


def _maker(what: str) -> Maker:
    if what.startswith("depth"):
        return Streams._depth_top if what[5:6].isdigit() else Streams._depth_changes
    if what.startswith("kline"):
        return Streams._candles
    return MAKERS.get(what, Streams._ticker)


def _known(channel: Channel) -> str:
    assert channel.symbol is not None
    return channel.symbol


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _levels(levels: Sequence[Level]) -> str:
    return "[" + ",".join([f'["{padded(price)}","{padded(quantity)}"]' for price, quantity in levels]) + "]"


def _best_frame(name: str, top: InventedDepth) -> str:
    (bid, bid_quantity), (ask, ask_quantity) = top.bids[0], top.asks[0]
    return (
        f'{{"u":{top.update_id},"s":"{name}","b":"{padded(bid)}","B":"{padded(bid_quantity)}",'
        f'"a":"{padded(ask)}","A":"{padded(ask_quantity)}"}}'
    )


def _mini(name: str, window: InventedWindow) -> dict[str, Any]:
    return {
        "e": "24hrMiniTicker", "E": window.close_ms, "s": name, "c": padded(window.last), "o": padded(window.open),
        "h": padded(window.high), "l": padded(window.low), "v": padded(window.volume), "q": padded(window.quote_volume),
    }  # fmt: skip


def _ticker_frame(name: str, what: str, window: InventedWindow) -> str:
    changed, percent = change(window)
    head = {"s": name, "p": changed, "P": percent, "w": average(window)}
    figures = {
        "o": padded(window.open), "h": padded(window.high), "l": padded(window.low), "v": padded(window.volume),
        "q": padded(window.quote_volume), "O": window.open_ms, "C": window.close_ms, "F": window.first_id,
        "L": window.last_id, "n": window.trades,
    }  # fmt: skip
    if what != "ticker":
        event = what.replace("ticker_", "") + "Ticker"
        return _text({"e": event, "E": window.close_ms, **head, "c": padded(window.last), **figures})
    (bid, bid_quantity), (ask, ask_quantity) = window.bid, window.ask
    book = {
        "x": padded(window.previous_close), "c": padded(window.last), "Q": padded(window.last_quantity),
        "b": padded(bid), "B": padded(bid_quantity), "a": padded(ask), "A": padded(ask_quantity),
    }  # fmt: skip
    return _text({"e": "24hrTicker", "E": window.close_ms, **head, **book, **figures})


def _candle_frame(name: str, candle: InventedCandle, now_ms: int) -> str:
    figures = {
        "t": candle.open_ms, "T": candle.close_ms, "s": name, "i": candle.interval, "f": candle.first_id,
        "L": candle.last_id, "o": padded(candle.open), "c": padded(candle.close), "h": padded(candle.high),
        "l": padded(candle.low), "v": padded(candle.volume), "n": candle.trades, "x": candle.closed,
        "q": padded(candle.quote_volume), "V": padded(candle.taker_buy_volume),
        "Q": padded(candle.taker_buy_quote_volume), "B": "0",
    }  # fmt: skip
    return _text({"e": "kline", "E": now_ms, "s": name, "k": figures})


MAKERS: dict[str, Maker] = {
    "trade": Streams._trades, "aggTrade": Streams._aggregates, "bookTicker": Streams._best,
    "miniTicker": Streams._mini_ticker, "avgPrice": Streams._average,
}  # fmt: skip
