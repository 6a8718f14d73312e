"""Bitstamp's channels: which market one means, and its frames."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from exchanges.bitstamp import sandbox_rows as rows
from exchanges.bitstamp.sandbox_markets import Markets
from exchanges.invented import Channel, Invented

TRADES, BOOK, DETAIL, CHANGES = "live_trades", "order_book", "detail_order_book", "diff_order_book"
STREAMS = {TRADES: ("trade", 0), BOOK: ("depth", 100), DETAIL: ("depth", 100), CHANGES: ("depth", 100)}  # period in ms
_channel = re.compile(r"(live_trades|live_orders|order_book|detail_order_book|diff_order_book)_([a-z0-9-]{1,60})")


class Streams:
    """A channel's variant is its kind."""

    def __init__(self, invented: Invented, markets: Markets) -> None:
        self._invented = invented
        self._markets = markets

    def named(self, name: str) -> bool:
        """Whether it has a channel's form: such are acknowledged, also where there is no such market."""
        return _channel.fullmatch(name) is not None

    def channel(self, name: str) -> Channel | None:
        """None for one that stays silent: an unknown market, or single orders, which nobody invents here."""
        found = _channel.fullmatch(name)
        market = self._markets.by_name.get(found[2]) if found else None
        if found is None or market is None or found[1] not in STREAMS:
            return None
        stream, period_ms = STREAMS[found[1]]
        return Channel(name, market.symbol, stream, period_ms, found[1])

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        """A book comes only where it changed, and then whole but for `diff_order_book`."""
        kind, symbol = channel.variant, str(channel.symbol)
        market = self._markets.by_name[channel.name.removeprefix(f"{kind}_")]
        if kind == TRADES:
            found = self._invented.trades_between(symbol, after_ms, until_ms)
            return [text("trade", channel.name, rows.match(market, one)) for one in found]
        changes = self._invented.depth_changes(symbol, after_ms, until_ms)
        if changes is None:
            return ()
        if kind == CHANGES:
            return [text("data", channel.name, rows.book(market, changes, until_ms))]
        whole = self._invented.depth(symbol, rows.SHOWN, until_ms)
        return [text("data", channel.name, rows.book(market, whole, until_ms, orders=kind == DETAIL))]


_encoder = msgspec.json.Encoder(decimal_format="number")


def text(event: str, channel: str, data: Any) -> str:
    return _encoder.encode({"data": data, "channel": channel, "event": event}).decode()
