"""Coinbase's channels from its side: which there are on either socket, and their frames.

A frame of Advanced Trade is `<first>:<last>`, what stands before its number and what behind it, a line each: each
connection numbers its own, and where `first` is not what follows on the last frame's `last` it leaves a number out.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from exchanges import intervals
from exchanges.coinbase.sandbox_products import Product, Products, time_text
from exchanges.coinbase.sandbox_rest import MAKERS, candle_row, trade_row
from exchanges.intervals import DAY_MS
from exchanges.invented import Channel, Invented, InventedTrade, InventedWindow

ADVANCED, EXCHANGE = "advanced", "exchange"
FIVE_MINUTES = "5m"
# channel: our word, period in ms
CHANNELS = {
    ADVANCED: {
        "level2": ("depth", 50), "market_trades": ("trade", 250), "ticker": ("ticker", 250),
        "ticker_batch": ("ticker", 5000), "candles": ("candle_5m", 1000),
    },
    EXCHANGE: {
        "matches": ("trade", 0), "ticker": ("ticker", 0), "ticker_batch": ("ticker", 5000),
        "heartbeat": ("heartbeat", 1000), "level2_batch": ("depth", 50),
    },
}  # fmt: skip
SNAPSHOT_TRADES, SNAPSHOT_CANDLES, LEVELS = 100, 20, 1000


class Streams:
    """A channel's name is `<theirs>:<product>`, its variant the socket it is of."""

    def __init__(self, market: Invented, products: Products) -> None:
        self._market, self.products = market, products

    def channel(self, socket: str, name: str, id_: str) -> Channel | None:
        """None where the product does not exist there."""
        product = self.products.data(id_) if socket == ADVANCED else self.products.pair(id_)
        if product is None:
            return None
        return Channel(f"{name}:{product.id}", product.symbol, *CHANNELS[socket][name], socket)

    def first(self, channel: Channel, at_ms: int) -> Sequence[str]:
        return self._made(FIRST, channel, at_ms, at_ms)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._made(NEXT, channel, after_ms, until_ms)

    def _made(self, makers: "Makers", channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        name, _, id_ = channel.name.partition(":")
        maker = makers.get((channel.variant, name))
        return maker(self, self.products.by_id[id_], after_ms, until_ms) if maker else ()

    def book(self, product: Product, _: int, at_ms: int) -> Sequence[str]:
        book = self._market.depth(product.symbol, LEVELS, at_ms)
        event = {"type": "snapshot", "product_id": product.id, "updates": _updates(product, book.bids, book.asks)}
        return [_numbered("l2_data", at_ms, [event], 0, book.update_id)]

    def book_changes(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        changed = self._market.depth_changes(product.symbol, after_ms, until_ms)
        if changed is None:
            return ()
        event = {"type": "update", "product_id": product.id, "updates": _updates(product, changed.bids, changed.asks)}
        return [_numbered("l2_data", until_ms, [event], changed.first_update_id or 0, changed.update_id)]

    def market_trades(self, product: Product, _: int, at_ms: int) -> Sequence[str]:
        last_id = self._market.last_trade_id(product.symbol, at_ms)
        trades = self._market.trades(product.symbol, max(1, last_id - SNAPSHOT_TRADES + 1), last_id)
        return [_trades("snapshot", product, trades, at_ms, 0)]

    def more_market_trades(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        trades = self._market.trades_between(product.symbol, after_ms, until_ms)
        return [_trades("update", product, trades, until_ms, trades[0].trade_id)] if trades else ()

    def short_ticker(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._short_ticker("ticker", product, after_ms, until_ms)

    def batched_ticker(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        return self._short_ticker("ticker_batch", product, after_ms, until_ms)

    def candles(self, product: Product, _: int, at_ms: int) -> Sequence[str]:
        found = self._market.candles(product.symbol, FIVE_MINUTES, None, at_ms, SNAPSHOT_CANDLES)
        return [_candles("snapshot", [_candle(product, candle) for candle in reversed(found) if candle.trades], at_ms)]

    def more_candles(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        """The final figures of one that ended, then those of the running one; a second without a trade is silent."""
        rows, open_ms = [], intervals.open_ms(FIVE_MINUTES, after_ms)
        if not self._market.trades_between(product.symbol, after_ms, until_ms):
            return ()
        while open_ms < until_ms:
            candle = self._market.candle(product.symbol, FIVE_MINUTES, open_ms, until_ms)
            if candle and candle.trades:
                rows.append(_candle(product, candle))
            open_ms = intervals.next_open_ms(FIVE_MINUTES, open_ms)
        return [_candles("update", [row], until_ms) for row in rows]

    def last_match(self, product: Product, _: int, at_ms: int) -> Sequence[str]:
        last_id = self._market.last_trade_id(product.symbol, at_ms)
        return [_match("last_match", product, trade) for trade in self._market.trades(product.symbol, last_id, last_id)]

    def matches(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        return [
            _match("match", product, one) for one in self._market.trades_between(product.symbol, after_ms, until_ms)
        ]

    def ticker(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        """After each match; those of one moment are one frame."""
        trades = self._market.trades_between(product.symbol, after_ms, until_ms)
        if not trades and after_ms != until_ms:
            return ()
        window = self._market.window(product.symbol, DAY_MS, until_ms)
        [trade] = self._market.trades(product.symbol, window.last_id, window.last_id)
        return [_day(product, window, trade)]

    def heartbeat(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        last_id = self._market.last_trade_id(product.symbol, until_ms)
        beat = {"sequence": last_id, "last_trade_id": last_id, "product_id": product.id, "time": time_text(until_ms)}
        return [_text({"type": "heartbeat", **beat})]

    def pair_book(self, product: Product, _: int, at_ms: int) -> Sequence[str]:
        book = self._market.depth(product.symbol, LEVELS, at_ms)
        bids, asks = [list(level) for level in book.bids], [list(level) for level in book.asks]
        named = {"type": "snapshot", "product_id": product.id, "time": time_text(at_ms)}
        return [_text({**named, "bids": bids, "asks": asks})]

    def pair_book_changes(self, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        changed = self._market.depth_changes(product.symbol, after_ms, until_ms)
        if changed is None:
            return ()
        changes = [["buy", *level] for level in changed.bids] + [["sell", *level] for level in changed.asks]
        named = {"type": "l2update", "product_id": product.id, "time": time_text(until_ms)}
        return [_text({**named, "changes": changes})]

    def _short_ticker(self, channel: str, product: Product, after_ms: int, until_ms: int) -> Sequence[str]:
        if after_ms != until_ms and not self._market.trades_between(product.symbol, after_ms, until_ms):
            return ()
        window = self._market.window(product.symbol, DAY_MS, until_ms)
        row = _short(product, window)
        if channel == "ticker_batch":
            row = {name: figure for name, figure in row.items() if not name.startswith("best_")}
        kind = "snapshot" if after_ms == until_ms else "update"
        return [_numbered(channel, until_ms, [{"type": kind, "tickers": [row]}])]


Makers = dict[tuple[str, str], Callable[[Streams, Product, int, int], Sequence[str]]]
NEXT: Makers = {
    (ADVANCED, "level2"): Streams.book_changes,
    (ADVANCED, "market_trades"): Streams.more_market_trades,
    (ADVANCED, "ticker"): Streams.short_ticker,
    (ADVANCED, "ticker_batch"): Streams.batched_ticker,
    (ADVANCED, "candles"): Streams.more_candles,
    (EXCHANGE, "matches"): Streams.matches,
    (EXCHANGE, "ticker"): Streams.ticker,
    (EXCHANGE, "ticker_batch"): Streams.ticker,
    (EXCHANGE, "heartbeat"): Streams.heartbeat,
    (EXCHANGE, "level2_batch"): Streams.pair_book_changes,
}
FIRST: Makers = {
    **NEXT,
    (ADVANCED, "level2"): Streams.book,
    (ADVANCED, "market_trades"): Streams.market_trades,
    (ADVANCED, "candles"): Streams.candles,
    (EXCHANGE, "matches"): Streams.last_match,
    (EXCHANGE, "level2_batch"): Streams.pair_book,
}


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _numbered(channel: str, at_ms: int, events: list[Any], first: int = 0, last: int = 0) -> str:
    head = f'{{"channel":"{channel}","timestamp":"{time_text(at_ms)}","sequence_num":'
    return f'{first}:{last}\n{head}\n,"events":{_text(events)}}}'


def _updates(product: Product, bids: Sequence[Any], asks: Sequence[Any]) -> list[Any]:
    return [
        {"side": side, "event_time": "1970-01-01T00:00:00Z", "price_level": price, "new_quantity": product.size(amount)}
        for side, levels in (("bid", bids), ("offer", asks))
        for price, amount in levels
    ]


def _trades(kind: str, product: Product, trades: Sequence[InventedTrade], at_ms: int, first: int) -> str:
    rows = [trade_row(product, trade) for trade in reversed(trades)]
    return _numbered("market_trades", at_ms, [{"type": kind, "trades": rows}], first, trades[-1].trade_id)


def _candle(product: Product, candle: Any) -> Any:
    return {**candle_row(product, candle), "product_id": product.id}


def _candles(kind: str, rows: list[Any], at_ms: int) -> str:
    return _numbered("candles", at_ms, [{"type": kind, "candles": rows}])


def _short(product: Product, window: InventedWindow) -> dict[str, str]:
    return {
        "type": "ticker", "product_id": product.id, "price": window.last, "volume_24_h": product.size(window.volume),
        "low_24_h": window.low, "high_24_h": window.high, "low_52_w": window.low, "high_52_w": window.high,
        "price_percent_chg_24_h": "0", "best_bid": window.bid[0], "best_bid_quantity": product.size(window.bid[1]),
        "best_ask": window.ask[0], "best_ask_quantity": product.size(window.ask[1]),
    }  # fmt: skip


def _match(kind: str, product: Product, trade: InventedTrade) -> str:
    return (
        f'{{"type":"{kind}","trade_id":{trade.trade_id},"sequence":{trade.trade_id},'
        f'"maker_order_id":"ac928c66-0000-4000-8000-{trade.trade_id:012d}",'
        f'"taker_order_id":"132fb6ae-0000-4000-8000-{trade.order_id:012d}","time":"{time_text(trade.time_ms)}",'
        f'"product_id":"{product.id}","size":"{trade.quantity}","price":"{trade.price}",'
        f'"side":"{MAKERS[trade.buyer_is_maker]}"}}'
    )


def _day(product: Product, window: InventedWindow, trade: InventedTrade) -> str:
    return _text({
        "type": "ticker", "sequence": trade.trade_id, "product_id": product.id, "price": window.last,
        "open_24h": window.open, "volume_24h": window.volume, "low_24h": window.low, "high_24h": window.high,
        "volume_30d": window.volume, "best_bid": window.bid[0], "best_bid_size": window.bid[1],
        "best_ask": window.ask[0], "best_ask_size": window.ask[1], "side": "sell" if trade.buyer_is_maker else "buy",
        "time": time_text(trade.time_ms), "trade_id": trade.trade_id, "last_size": trade.quantity,
    })  # fmt: skip
