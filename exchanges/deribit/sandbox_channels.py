"""Deribit's channels: which stream a channel's name means, and its notifications."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from exchanges import intervals
from exchanges.deribit import sandbox_rows as rows
from exchanges.deribit.names import OUR_INTERVALS
from exchanges.deribit.sandbox_markets import Market, Markets
from exchanges.invented import Channel, Invented

PERIODS_MS = {"raw": 0, "100ms": 100, "agg2": 1000}
CANDLES_MS = 1000  # how often a chart speaks
WHOLE = 1000  # levels a side of an invented book
SILENT = re.compile(r"instrument\.state\.\w+\.\w+|platform_state(\.public_methods_state)?").fullmatch
_paced = re.compile(r"(book|trades|ticker)\.([^.]+)\.(raw|100ms|agg2)").fullmatch
_grouped = re.compile(r"book\.([^.]+)\.none\.(1|10|20)\.(100ms|agg2)").fullmatch
_quote = re.compile(r"quote\.([^.]+)").fullmatch
_chart = re.compile(r"chart\.trades\.([^.]+)\.(\w+)").fullmatch
STREAMS = {"book": "depth", "trades": "trade", "ticker": "ticker"}
Maker = Callable[["Channels", Market, Channel, int, int], list[Any]]


class Channels:
    """A name that means nothing here, or a market that is not listed, has no channel."""

    def __init__(self, invented: Invented, markets: Markets) -> None:
        self._invented = invented
        self._markets = markets

    def channel(self, name: str) -> Channel | None:
        if SILENT(name):
            return Channel(name, None, "state", 60_000)
        found = _kind(name)
        if found is None:
            return None
        market, stream, period_ms = found
        listed = self._markets.by_name.get(market)
        return None if listed is None else Channel(name, listed.source.symbol, stream, period_ms, market)

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        """The whole book, the ticker, the running candle."""
        if channel.symbol is None:
            return ()
        market = self._markets.by_name[channel.variant]
        if channel.stream == "depth":
            book = self._invented.depth(channel.symbol, WHOLE, at_ms)
            sides = {side: rows.actions(market, getattr(book, side), "new") for side in ("bids", "asks")}
            return [_text(channel, {"type": "snapshot", **_head(market, book.time_ms, book.update_id), **sides})]
        if channel.stream == "ticker" and channel.name.startswith("ticker"):
            return [_text(channel, rows.ticker(self._invented, market, at_ms))]
        if channel.stream.startswith("candle_"):
            return [_text(channel, data) for data in self._candles(market, channel, at_ms - 1, at_ms)]
        return ()

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        """The channel's notifications of that time."""
        if channel.symbol is None:
            return ()
        market = self._markets.by_name[channel.variant]
        made = _maker(channel)(self, market, channel, after_ms, until_ms)
        return [_text(channel, data) for data in made]

    def _trades(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        found = self._invented.trades_between(market.source.symbol, after_ms, until_ms)
        return [[rows.trade(market, one) for one in found]] if found else []

    def _ticker(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        return [rows.ticker(self._invented, market, until_ms)] if self._moved(market, after_ms, until_ms) else []

    def _quotes(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        return [
            {"timestamp": top.time_ms, "instrument_name": market.name, **rows.best(market, top.bids[0], top.asks[0])}
            for top in self._invented.tops(market.source.symbol, after_ms, until_ms)
        ]

    def _changes(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        """Which levels are new is not told from which are changed: clients must treat both alike."""
        changed = self._invented.depth_changes(market.source.symbol, after_ms, until_ms)
        if changed is None or changed.first_update_id is None:
            return []
        sides = {side: rows.actions(market, getattr(changed, side), "change") for side in ("bids", "asks")}
        head = _head(market, changed.time_ms, changed.update_id)
        return [{"type": "change", **head, "prev_change_id": changed.first_update_id - 1, **sides}]

    def _pictures(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        if not self._moved(market, after_ms, until_ms):
            return []
        book = self._invented.depth(market.source.symbol, int(channel.stream.rpartition("_")[2]), until_ms)
        sides = {"bids": rows.levels(market, book.bids), "asks": rows.levels(market, book.asks)}
        return [{**_head(market, book.time_ms, book.update_id), **sides}]

    def _candles(self, market: Market, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        """The final figures of candles that ended, then those of the running one."""
        interval, made = channel.stream.removeprefix("candle_"), []
        open_ms = intervals.open_ms(interval, after_ms)
        while open_ms < until_ms:
            if candle := self._invented.candle(market.source.symbol, interval, open_ms, until_ms):
                made.append(rows.sample(market, candle))
            open_ms = intervals.next_open_ms(interval, open_ms)
        return made

    def _moved(self, market: Market, after_ms: int, until_ms: int) -> bool:
        last_id, symbol = self._invented.last_trade_id, market.source.symbol
        return last_id(symbol, after_ms) != last_id(symbol, until_ms)


def _kind(name: str) -> tuple[str, str, int] | None:
    """Market, our word for the stream, and how often it speaks."""
    if found := _paced(name):
        return found[2], STREAMS[found[1]], PERIODS_MS[found[3]]
    if found := _grouped(name):
        return found[1], f"depth_{found[2]}", PERIODS_MS[found[3]]
    if found := _quote(name):
        return found[1], "ticker", 0
    if (found := _chart(name)) and found[2] in OUR_INTERVALS:
        return found[1], f"candle_{OUR_INTERVALS[found[2]]}", CANDLES_MS
    return None


def _maker(channel: Channel) -> Maker:
    if channel.stream.startswith("candle_"):
        return Channels._candles
    if channel.stream.startswith("depth_"):
        return Channels._pictures
    return MAKERS[channel.name.partition(".")[0]]


def _head(market: Market, time_ms: int, change_id: int) -> dict[str, Any]:
    return {"timestamp": time_ms, "instrument_name": market.name, "change_id": change_id}


def _text(channel: Channel, data: Any) -> str:
    said = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel.name, "data": data}}
    return msgspec.json.encode(said).decode()


MAKERS: dict[str, Maker] = {
    "book": Channels._changes, "trades": Channels._trades, "ticker": Channels._ticker, "quote": Channels._quotes,
}  # fmt: skip
