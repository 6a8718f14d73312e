"""The streams of Binance USD-M Futures: which channel a name means on which route, and the channel's frames."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from exchanges import intervals
from exchanges.binance.sandbox_rest import orders
from exchanges.binance.sandbox_streams import COMBINED
from exchanges.binance_futures.names import INTERVALS
from exchanges.binance_futures.sandbox_contracts import Contract, Contracts
from exchanges.binance_futures.sandbox_rest import aggregate_row, before, candle_row, change, levels, update_id
from exchanges.intervals import DAY_MS
from exchanges.invented import Channel, Invented, InventedDepth, InventedWindow

PUBLIC, MARKET = "public", "market"
USD_M, COIN_M = {"st": 1}, {"st": 2}
SPEEDS_MS = {None: 250, "@500ms": 500, "@100ms": 100}
ALL = {"!ticker@arr": (MARKET, 1000), "!miniTicker@arr": (MARKET, 1000), "!bookTicker": (PUBLIC, 5000)}
# what stands behind `@`: route, our word, how often it is pushed in ms (0: at once)
FIXED = {
    "trade": (PUBLIC, "trade", 0), "bookTicker": (PUBLIC, "ticker", 0), "aggTrade": (MARKET, "trade", 100),
    "ticker": (MARKET, "ticker", 2000), "miniTicker": (MARKET, "ticker", 2000),
}  # fmt: skip
_depth = re.compile(r"depth(5|10|20)?(@500ms|@100ms)?").fullmatch
_kline = re.compile(r"kline_(\w+)").fullmatch
Maker = Callable[["Streams", Contract, Channel, int, int], list[dict[str, Any]]]


class Routed:
    """The names that one route knows; a stream of another one is silent."""

    def __init__(self, streams: "Streams", route: str) -> None:
        self._streams, self._route = streams, route

    def channel(self, name: str, combined: bool) -> Channel | None:
        found = self._streams.found(name, COMBINED if combined else "")
        return found[1] if found and found[0] == self._route else None


class Streams:
    """Stream names are `<contract in lower case>@<what>`, or begin with `!` over all contracts."""

    def __init__(self, market: Invented, contracts: Contracts) -> None:
        self._market = market
        self._contracts = contracts

    def found(self, name: str, variant: str) -> tuple[str, Channel] | None:
        """The route and the channel of a stream; None where no such stream or contract exists."""
        if name in ALL:
            route, period_ms = ALL[name]
            return route, Channel(name, None, "ticker", period_ms, variant)
        lower, _, what = name.partition("@")
        listed, kind = self._contracts.by_stream_name.get(lower), _kind(what)
        if listed is None or kind is None:
            return None
        route, stream, period_ms = kind
        return route, Channel(name, self._contracts.contracts[listed].symbol, stream, period_ms, variant)

    def frames(self, channel: Channel, after_ms: int, until_ms: int) -> Sequence[str]:
        """The channel's frames of that time, in its variant."""
        texts = [_text(data) for data in self._payloads(channel, after_ms, until_ms)]
        return [f'{{"stream":"{channel.name}","data":{one}}}' for one in texts] if channel.variant else texts

    def _payloads(self, channel: Channel, after_ms: int, until_ms: int) -> list[Any]:
        lower, _, what = channel.name.partition("@")
        if channel.symbol is None:
            rows = self._every(channel.name, after_ms, until_ms)
            return rows if channel.name == "!bookTicker" else [rows] if rows else []
        contract = self._contracts.contracts[self._contracts.by_stream_name[lower]]
        return _maker(what)(self, contract, channel, after_ms, until_ms)

    def _every(self, name: str, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        """The contracts that have changed; and one of COIN-M, since the streams of both are one."""
        last_id = self._market.last_trade_id
        changed = [
            contract
            for contract in self._contracts.contracts.values()
            if last_id(contract.symbol, after_ms) != last_id(contract.symbol, until_ms)
        ]
        make = {"!ticker@arr": self._day, "!miniTicker@arr": self._short_day, "!bookTicker": self._top}[name]
        rows = [make(contract, until_ms) for contract in changed]
        return [*rows, {**rows[0], "s": "BTCUSD_PERP", **COIN_M}] if rows else []

    def _trades(self, contract: Contract, channel: Channel, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        return [
            {
                "e": "trade", "E": until_ms, "T": trade.time_ms, "s": contract.name, "t": trade.trade_id,
                "p": contract.price(trade.price), "q": contract.quantity(trade.quantity), "X": "MARKET",
                "m": trade.buyer_is_maker, **USD_M,
            }
            for trade in self._market.trades_between(contract.symbol, after_ms, until_ms)
        ]  # fmt: skip

    def _aggregates(self, contract: Contract, channel: Channel, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        head = {"e": "aggTrade", "E": until_ms, "s": contract.name}
        found = orders(self._market.trades_between(contract.symbol, after_ms, until_ms))
        return [{**head, **aggregate_row(contract, fills), **USD_M} for fills in found]

    def _diffs(self, contract: Contract, channel: Channel, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        changed = self._market.depth_changes(contract.symbol, after_ms, until_ms)
        return [_update(contract, changed, until_ms)] if changed else []

    def _partial(self, contract: Contract, channel: Channel, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        count = int(channel.stream.rpartition("_")[2])
        return [_update(contract, self._market.depth(contract.symbol, count, until_ms), until_ms)]

    def _best(self, contract: Contract, channel: Channel, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        tops = self._market.tops(contract.symbol, after_ms, until_ms)
        return [_best_frame(contract, top, until_ms) for top in tops]

    def _days(self, contract: Contract, channel: Channel, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        return [self._day(contract, until_ms)]

    def _short_days(self, contract: Contract, channel: Channel, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        return [self._short_day(contract, until_ms)]

    def _candles(self, contract: Contract, channel: Channel, after_ms: int, until_ms: int) -> list[dict[str, Any]]:
        """The final figures of candles that ended, then those of the running one."""
        interval, found = channel.stream.removeprefix("candle_"), []
        open_ms = intervals.open_ms(interval, after_ms)
        while open_ms < until_ms:
            if candle := self._market.candle(contract.symbol, interval, open_ms, until_ms):
                row = candle_row(contract, candle)
                names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
                ids = {"s": contract.name, "i": interval, "f": candle.first_id, "L": candle.last_id}
                figures = {**dict(zip(names, row, strict=True)), **ids, "x": candle.closed}
                found.append({"e": "kline", "E": until_ms, "s": contract.name, "k": figures, **USD_M})
            open_ms = intervals.next_open_ms(interval, open_ms)
        return found

    def _day(self, contract: Contract, until_ms: int) -> dict[str, Any]:
        window = self._market.window(contract.symbol, DAY_MS, until_ms)
        by, percent, average = change(window)
        return {
            "e": "24hrTicker", "E": until_ms, "s": contract.name, "ps": contract.pair, "p": by, "P": percent,
            "w": average, "c": contract.price(window.last), "Q": contract.quantity(window.last_quantity),
            **_figures(contract, window), "O": window.open_ms, "C": window.close_ms, "F": window.first_id,
            "L": window.last_id, "n": window.trades, **USD_M,
        }  # fmt: skip

    def _short_day(self, contract: Contract, until_ms: int) -> dict[str, Any]:
        window = self._market.window(contract.symbol, DAY_MS, until_ms)
        head = {"e": "24hrMiniTicker", "E": until_ms, "s": contract.name, "c": contract.price(window.last)}
        return {**head, **_figures(contract, window), **USD_M}

    def _top(self, contract: Contract, until_ms: int) -> dict[str, Any]:
        return _best_frame(contract, self._market.depth(contract.symbol, 1, until_ms), until_ms)


def _kind(what: str) -> tuple[str, str, int] | None:
    if what in FIXED:
        return FIXED[what]
    if found := _depth(what):
        return PUBLIC, f"depth_{found[1]}" if found[1] else "depth", SPEEDS_MS[found[2]]
    found = _kline(what)
    return (MARKET, f"candle_{found[1]}", 250) if found and found[1] in INTERVALS else None


def _maker(what: str) -> Maker:
    if what.startswith("depth"):
        return Streams._partial if what[5:6].isdigit() else Streams._diffs
    return Streams._candles if what.startswith("kline") else MAKERS[what]


def _figures(contract: Contract, window: InventedWindow) -> dict[str, str]:
    return {
        "o": contract.price(window.open), "h": contract.price(window.high), "l": contract.price(window.low),
        "v": contract.quantity(window.volume), "q": window.quote_volume,
    }  # fmt: skip


def _update(contract: Contract, book: InventedDepth, now_ms: int) -> dict[str, Any]:
    """A diff, or the best levels in the same shape."""
    first_id = book.update_id if book.first_update_id is None else book.first_update_id
    return {
        "e": "depthUpdate", "E": now_ms, "T": book.time_ms, "s": contract.name, "ps": contract.pair, **USD_M,
        "U": update_id(first_id), "u": update_id(book.update_id), "pu": before(book),
        "b": levels(contract, book.bids), "a": levels(contract, book.asks),
    }  # fmt: skip


def _best_frame(contract: Contract, top: InventedDepth, now_ms: int) -> dict[str, Any]:
    ((bid, bid_quantity),), ((ask, ask_quantity),) = levels(contract, top.bids), levels(contract, top.asks)
    return {
        "e": "bookTicker", "u": update_id(top.update_id), "E": now_ms, "T": top.time_ms, "s": contract.name,
        "ps": contract.pair, "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity, **USD_M,
    }  # fmt: skip


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


MAKERS: dict[str, Maker] = {
    "trade": Streams._trades, "aggTrade": Streams._aggregates, "bookTicker": Streams._best,
    "ticker": Streams._days, "miniTicker": Streams._short_days,
}  # fmt: skip
