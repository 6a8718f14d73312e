"""OKX's channels: which one a subscription means, and its frames."""

import json
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from exchanges import intervals
from exchanges.invented import Channel, Invented, InventedTrade, Level
from exchanges.okx import names
from exchanges.okx import sandbox_rows as rows
from exchanges.okx.sandbox_listings import Listing

PUBLIC, BUSINESS = "public", "business"
LEVELS = 400
# channel: where it lives, our word for it, how often it is pushed in ms (0: at once)
CHANNELS = {
    "trades": (PUBLIC, "agg_trade", 0),
    "trades-all": (BUSINESS, "trade", 0),
    "tickers": (PUBLIC, "ticker", 100),
    "books": (PUBLIC, "depth", 100),
    "books5": (PUBLIC, "depth_5", 100),
    "bbo-tbt": (PUBLIC, "best", 10),
    **{f"candle{theirs}": (BUSINESS, f"candle_{ours}", 1000) for ours, theirs in names.INTERVALS.items()},
}
Maker = Callable[["Streams", Listing, Channel, int, int], list[str]]
_part = re.compile(r"([^:]+):(.+)").fullmatch


class Turn(NamedTuple):
    """From one picture of the best levels to another; quantity 0 where a level is gone."""

    after_ms: int
    until_ms: int
    before_id: int
    after_id: int
    bids: Sequence[Level]
    asks: Sequence[Level]


class Streams:
    """A channel's name is `<channel>:<instId>`."""

    def __init__(self, market: Invented, listed: dict[str, Listing]) -> None:
        self._market = market
        self._listed = listed
        self._turns: dict[str, Turn] = {}  # the last one of each symbol: several markets lie over it

    def channel(self, door: str, channel: str, name: str) -> Channel | None:
        """None where there is no such channel behind this door, or no such market."""
        home, stream, period_ms = CHANNELS.get(channel, ("", "", 0))
        if home != door or name not in self._listed:
            return None
        return Channel(f"{channel}:{name}", self._listed[name].symbol, stream, period_ms)

    def first(self, channel: Channel, at_ms: int) -> list[str]:
        """The state that a newcomer gets: a snapshot, the ticker, the running candle, the last trade."""
        kind, market = self._of(channel)
        if kind.startswith("trades"):
            last_id = self._market.last_trade_id(market.symbol, at_ms)
            found = self._market.trades(market.symbol, last_id, last_id)
            return self._merged(market, channel, found) if kind == "trades" else self._each(market, channel, found)
        if kind == "tickers":
            return [_frame(channel, [rows.ticker(market, self._market, at_ms)])]
        if kind.startswith("candle"):
            interval = channel.stream.removeprefix("candle_")
            opened_ms = intervals.open_ms(interval, at_ms)
            candle = self._market.candle(market.symbol, interval, opened_ms, at_ms)
            return [_frame(channel, [rows.candle(market, candle)])] if candle else []
        if kind != "books":
            return self._picture(market, channel, at_ms)
        row = rows.book(market, self._market.depth(market.symbol, LEVELS, at_ms))
        return [_frame(channel, [{**row, "checksum": 0, "prevSeqId": -1}], "snapshot")]

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        kind, market = self._of(channel)
        maker = Streams._candles if kind.startswith("candle") else MAKERS[kind]
        return maker(self, market, channel, after_ms, until_ms)

    def _of(self, channel: Channel) -> tuple[str, Listing]:
        found = _part(channel.name)
        assert found is not None
        return found[1], self._listed[found[2]]

    def _matches(self, market: Listing, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        return self._each(market, channel, self._market.trades_between(market.symbol, after_ms, until_ms))

    def _orders(self, market: Listing, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        return self._merged(market, channel, self._market.trades_between(market.symbol, after_ms, until_ms))

    def _each(self, market: Listing, channel: Channel, found: Sequence[InventedTrade]) -> list[str]:
        return [_frame(channel, [rows.trade(market, one)]) for one in found]

    def _merged(self, market: Listing, channel: Channel, found: Sequence[InventedTrade]) -> list[str]:
        """One taker order's fills at one price; the id is that of the last."""
        frames = []
        for _, same in groupby(found, key=lambda one: (one.order_id, one.price)):
            fills = list(same)
            row = rows.trade(market, fills[-1])
            row["sz"] = rows.total(market, fills)
            frames.append(_frame(channel, [{**row, "count": str(len(fills)), "seqId": fills[-1].trade_id}]))
        return frames

    def _tickers(self, market: Listing, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        """When something was traded, which changes the book too."""
        if self._market.last_trade_id(market.symbol, after_ms) == self._market.last_trade_id(market.symbol, until_ms):
            return []
        return [_frame(channel, [rows.ticker(market, self._market, until_ms)])]

    def _changes(self, market: Listing, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        """What changed in the best 400 levels. No market is quiet for the minute after which a word would come."""
        if self._market.depth_changes(market.symbol, after_ms, until_ms) is None:
            return []
        turn = self._turn(market.symbol, after_ms, until_ms)
        asks, bids = rows.changes(market, turn.asks), rows.changes(market, turn.bids)
        numbers = {"prevSeqId": turn.before_id, "seqId": turn.after_id}
        row = {"asks": asks, "bids": bids, "ts": str(until_ms), "checksum": 0, **numbers}
        return [_frame(channel, [row], "update")]

    def _turn(self, symbol: str, after_ms: int, until_ms: int) -> "Turn":
        """What turns the best levels of one moment into those of the other."""
        kept = self._turns.get(symbol)
        if kept is None or (kept.after_ms, kept.until_ms) != (after_ms, until_ms):
            before, after = (self._market.depth(symbol, LEVELS, at_ms) for at_ms in (after_ms, until_ms))
            bids, asks = rows.difference(before.bids, after.bids), rows.difference(before.asks, after.asks)
            kept = self._turns[symbol] = Turn(after_ms, until_ms, before.update_id, after.update_id, bids, asks)
        return kept

    def _five(self, market: Listing, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        """The whole picture, where something changed."""
        changed = self._market.depth_changes(market.symbol, after_ms, until_ms)
        return self._picture(market, channel, until_ms) if changed else []

    def _picture(self, market: Listing, channel: Channel, at_ms: int) -> list[str]:
        levels = 1 if channel.stream == "best" else 5
        row = rows.book(market, self._market.depth(market.symbol, levels, at_ms))
        return [_frame(channel, [{**row, "instId": market.name} if levels == 5 else row])]

    def _candles(self, market: Listing, channel: Channel, after_ms: int, until_ms: int) -> list[str]:
        """The final figures of candles that ended, then those of the running one."""
        interval, found = channel.stream.removeprefix("candle_"), []
        opened_ms = intervals.open_ms(interval, after_ms)
        while opened_ms < until_ms:
            candle = self._market.candle(market.symbol, interval, opened_ms, until_ms)
            if candle:
                found.append(_frame(channel, [rows.candle(market, candle)]))
            opened_ms = intervals.next_open_ms(interval, opened_ms)
        return found


def _frame(channel: Channel, data: list[Any], action: str | None = None) -> str:
    kind, _, name = channel.name.partition(":")
    head: dict[str, Any] = {"arg": {"channel": kind, "instId": name}}
    if action:
        head["action"] = action
    return json.dumps({**head, "data": data}, separators=(",", ":"), ensure_ascii=False)


MAKERS: dict[str, Maker] = {
    "trades": Streams._orders,
    "trades-all": Streams._matches,
    "tickers": Streams._tickers,
    "books": Streams._changes,
    "books5": Streams._five,
    "bbo-tbt": Streams._five,
}
