"""Alpaca's streams: which channel a subscription means, and its frames; each frame is an array."""

from collections.abc import Callable, Sequence

from exchanges import intervals
from exchanges.alpaca import names
from exchanges.alpaca import sandbox_rows as rows
from exchanges.alpaca.sandbox_markets import Market, Markets
from exchanges.encoder import rows as written
from exchanges.invented import Channel, Invented

MINUTE_MS = intervals.MINUTE_MS
# by their channel: our word, and how often it speaks
CHANNELS = {
    "trades": ("trade", 0), "quotes": ("ticker", 100), "bars": ("candle_1m", 1000),
    "updatedBars": ("candle_1m", MINUTE_MS), "dailyBars": ("candle_1d", MINUTE_MS), "orderbooks": ("depth", 100),
}  # fmt: skip
Maker = Callable[["Streams", Market, int, int], list[rows.Row]]


class Streams:
    """A channel's name is `<their channel>:<market>`."""

    def __init__(self, invented: Invented, markets: Markets) -> None:
        self._invented, self._markets = invented, markets

    def names(self, crypto: bool) -> list[str]:
        return [market.name for market in self._markets.by_name.values() if market.crypto == crypto]

    def channel(self, kind: str, name: str) -> Channel:
        stream, period_ms = CHANNELS[kind]
        return Channel(f"{kind}:{name}", self._markets.by_name[name].source.symbol, stream, period_ms)

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        """Of a book the whole of it; of all else nothing."""
        kind, _, name = channel.name.partition(":")
        if kind != "orderbooks":
            return ()
        book = self._invented.depth(self._markets.by_name[name].source.symbol, rows.WHOLE, at_ms)
        whole = {"T": "o", "S": name, "t": names.rfc3339(at_ms), "b": rows.levels(book.bids)}
        return (text({**whole, "a": rows.levels(book.asks), "r": True}),)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        kind, _, name = channel.name.partition(":")
        letter, maker = MAKERS[kind]
        made = maker(self, self._markets.by_name[name], after_ms, until_ms)
        return [text({"T": letter, "S": name, **row}) for row in made]

    def _trades(self, market: Market, after_ms: int, until_ms: int) -> list[rows.Row]:
        found = self._invented.trades_between(market.source.symbol, after_ms, until_ms)
        return [rows.trade(market, one) for one in found]

    def _quotes(self, market: Market, after_ms: int, until_ms: int) -> list[rows.Row]:
        """Only where they changed."""
        before, now = (self._invented.depth(market.source.symbol, 1, at_ms) for at_ms in (after_ms, until_ms))
        same = (tuple(before.bids), tuple(before.asks)) == (tuple(now.bids), tuple(now.asks))
        return [] if same else [rows.quote(self._invented, market, until_ms)]

    def _bars(self, market: Market, after_ms: int, until_ms: int) -> list[rows.Row]:
        """Those of minutes that ended."""
        ended_ms = intervals.open_ms("1m", until_ms)
        opens = range(intervals.open_ms("1m", after_ms), ended_ms, MINUTE_MS)
        found = [self._invented.candle(market.source.symbol, "1m", open_ms, until_ms) for open_ms in opens]
        return [rows.bar(one) for one in found if one]

    def _updates(self, market: Market, after_ms: int, until_ms: int) -> list[rows.Row]:
        """No trade comes late here."""
        return []

    def _days(self, market: Market, after_ms: int, until_ms: int) -> list[rows.Row]:
        return rows.bars(self._invented, market, "1d", until_ms - intervals.DAY_MS, until_ms, 2)[-1:]

    def _books(self, market: Market, after_ms: int, until_ms: int) -> list[rows.Row]:
        found = self._invented.depth_changes(market.source.symbol, after_ms, until_ms)
        if found is None:
            return []
        return [{"t": names.rfc3339(until_ms), "b": rows.levels(found.bids), "a": rows.levels(found.asks)}]


MAKERS: dict[str, tuple[str, Maker]] = {
    "trades": ("t", Streams._trades), "quotes": ("q", Streams._quotes), "bars": ("b", Streams._bars),
    "updatedBars": ("u", Streams._updates), "dailyBars": ("d", Streams._days), "orderbooks": ("o", Streams._books),
}  # fmt: skip


def text(row: rows.Row) -> str:
    """An array of one."""
    return written([row]).decode()
