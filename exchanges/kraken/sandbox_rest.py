"""Kraken's public REST endpoints: what each answers, and refuses inside HTTP 200."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from email.utils import formatdate
from typing import Any

from exchanges import intervals
from exchanges.intervals import DAY_MS
from exchanges.invented import Invented, InventedCandle, InventedTrade, Level
from exchanges.kraken.sandbox_markets import (
    LOT_DECIMALS,
    REST_DECIMALS,
    Markets,
    Pair,
    altname,
    asset_id,
    described,
    described_asset,
    padded,
    time_text,
)

KEPT = 720  # candles of each interval
MOST_TRADES, MOST_LEVELS = 1000, 500
NS = 1_000_000  # in a millisecond
INTERVALS = {"1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "240": "4h", "1440": "1d"}
Query = Mapping[str, str]
INVALID = "EGeneral:Invalid arguments"


class Wrong(Exception):
    """A refused request, in Kraken's words."""


def written(result: Any) -> bytes:
    return json.dumps({"error": [], "result": result}, separators=(",", ":"), ensure_ascii=False).encode()


def refused(word: str) -> bytes:
    return json.dumps({"error": [word]}, separators=(",", ":")).encode()


class Answers:
    """One method per endpoint."""

    def __init__(self, market: Invented, markets: Markets) -> None:
        self._market = market
        self._markets = markets

    def time(self, query: Query) -> Any:
        now_s = self._market.now_ms() // 1000
        return {"unixtime": now_s, "rfc1123": formatdate(now_s, usegmt=True).replace("GMT", "+0000")}

    def system_status(self, query: Query) -> Any:
        return {"status": "online", "timestamp": time_text(self._market.now_ms())[:19] + "Z"}

    def assets(self, query: Query) -> Any:
        names = {name for pair in self._markets.pairs for name in (pair.instrument.base, pair.instrument.quote)}
        wanted = query.get("asset", "").split(",") if query.get("asset") else None
        if _token(query.get("aclass")):
            return {}
        return {
            asset_id(name): described_asset(name)
            for name in sorted(names)
            if wanted is None or {name, asset_id(name), altname(name)} & set(wanted)
        }

    def asset_pairs(self, query: Query) -> Any:
        """There are no tokenized assets in the invented market."""
        if _token(query.get("aclass_base")):
            return {}
        return {pair.key: described(pair) for pair in self._pairs(query)}

    def ticker(self, query: Query) -> Any:
        if _token(query.get("asset_class")):
            raise Wrong("EQuery:Unknown asset pair")
        return {pair.key: self._day(pair) for pair in self._pairs(query)}

    def ohlc(self, query: Query) -> Any:
        """The newest that are kept and open after `since`; the running one always."""
        pair, interval = self._pair(query), INTERVALS.get(query.get("interval", "1"))
        if interval is None:
            raise Wrong(f"{INVALID}:interval")
        since_s = _whole(query, "since", 0)
        found = self._market.candles(pair.symbol, interval, None, None, KEPT + 1)[-KEPT:]
        rows = [_candle_row(pair, candle) for candle in found]
        last = rows[-2][0] if len(rows) > 1 else 0
        return {pair.key: [row for row in rows if row[0] > since_s or row is rows[-1]], "last": last}

    def trades(self, query: Query) -> Any:
        pair, count = self._pair(query), _whole(query, "count", MOST_TRADES)
        if not 1 <= count <= MOST_TRADES:
            raise Wrong(f"{INVALID}:count")
        last_id = self._market.last_trade_id(pair.symbol)
        since = query.get("since")
        first_id = max(1, last_id - count + 1) if since is None else self._first_after(pair, since)
        found = self._market.trades(pair.symbol, first_id, first_id + count - 1) if first_id <= last_id else ()
        last = str(self._stamp_ns(found[-1])) if found else since or "0"
        return {pair.key: [_trade_row(pair, trade) for trade in found], "last": last}

    def depth(self, query: Query) -> Any:
        pair, count = self._pair(query), _whole(query, "count", 100)
        if not 1 <= count <= MOST_LEVELS:
            raise Wrong(f"{INVALID}:count")
        book = self._market.depth(pair.symbol, count)
        now_s = book.time_ms // 1000
        return {pair.key: {"asks": _levels(pair, book.asks, now_s), "bids": _levels(pair, book.bids, now_s)}}

    def _pairs(self, query: Query) -> list[Pair]:
        """Those of `pair`, or all."""
        names = query.get("pair")
        return [self._named(name) for name in names.split(",")] if names else self._markets.pairs

    def _pair(self, query: Query) -> Pair:
        if not query.get("pair"):
            raise Wrong(INVALID)
        return self._named(query["pair"])

    def _named(self, name: str) -> Pair:
        pair = self._markets.by_spelling.get(name)
        if pair is None:
            raise Wrong("EQuery:Unknown asset pair")
        return pair

    def _day(self, pair: Pair) -> Any:
        now_ms = self._market.now_ms()
        day = self._market.window(pair.symbol, DAY_MS, now_ms)
        today = self._market.window(pair.symbol, max(1, now_ms - intervals.open_ms("1d", now_ms)), now_ms)
        both = (today, day)
        return {
            "a": _side(pair, day.ask), "b": _side(pair, day.bid),
            "c": [_price(pair, day.last), padded(day.last_quantity, LOT_DECIMALS)],
            "v": [padded(one.volume, LOT_DECIMALS) for one in both],
            "p": [average(one.quote_volume, one.volume, pair.decimals, one.last) for one in both],
            "t": [one.trades for one in both],
            "l": [_price(pair, one.low) for one in both],
            "h": [_price(pair, one.high) for one in both],
            "o": _price(pair, today.open),
        }  # fmt: skip

    def _first_after(self, pair: Pair, since: str) -> int:
        """The first trade after a time in seconds or in the nanoseconds of `last`."""
        if not (since.isascii() and since.isdigit() and len(since) < 20):
            raise Wrong(f"{INVALID}:since")
        if len(since) <= 12:
            return self._market.last_trade_id(pair.symbol, int(since) * 1000) + 1
        time_ms, place = divmod(int(since), NS)
        before_id = self._market.last_trade_id(pair.symbol, time_ms - 1)
        return min(before_id + place + 1, self._market.last_trade_id(pair.symbol, time_ms)) + 1

    def _stamp_ns(self, trade: InventedTrade) -> int:
        """Unique: trades of one millisecond are counted by its nanoseconds."""
        return trade.time_ms * NS + trade.trade_id - self._market.last_trade_id(trade.symbol, trade.time_ms - 1) - 1


def average(quote_volume: str, volume: str, places: int, flat: str = "0") -> str:
    """The price weighted by volume."""
    price = Decimal(quote_volume) / Decimal(volume) if Decimal(volume) else Decimal(flat)
    return f"{price:.{places}f}"


def _candle_row(pair: Pair, candle: InventedCandle) -> list[Any]:
    prices = [_price(pair, price) for price in (candle.open, candle.high, candle.low, candle.close)]
    mean = average(candle.quote_volume, candle.volume, pair.decimals) if candle.trades else "0.0"
    return [candle.open_ms // 1000, *prices, mean, padded(candle.volume, LOT_DECIMALS), candle.trades]


def _trade_row(pair: Pair, trade: InventedTrade) -> list[Any]:
    side = "s" if trade.buyer_is_maker else "b"
    return [
        _price(pair, trade.price), padded(trade.quantity, LOT_DECIMALS), trade.time_ms / 1000, side, "m", "",
        trade.trade_id,
    ]  # fmt: skip


def _levels(pair: Pair, side: Sequence[Level], now_s: int) -> list[list[Any]]:
    """Quantities are rounded to three decimals; one that would be nothing stays the least."""
    least = Decimal("0.001")
    return [[_price(pair, price), f"{max(Decimal(quantity), least):.3f}", now_s] for price, quantity in side]


def _side(pair: Pair, best: Level) -> list[str]:
    price, quantity = best
    return [_price(pair, price), str(int(Decimal(quantity))), f"{Decimal(quantity):.3f}"]


def _price(pair: Pair, price: str) -> str:
    return padded(price, max(pair.decimals, REST_DECIMALS))


def _token(kind: str | None) -> bool:
    return kind == "tokenized_asset"


def _whole(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Wrong(f"{INVALID}:{name}")
    return int(text)


ENDPOINTS: dict[str, Callable[[Answers, Query], Any]] = {
    "/0/public/Time": Answers.time,
    "/0/public/SystemStatus": Answers.system_status,
    "/0/public/Assets": Answers.assets,
    "/0/public/AssetPairs": Answers.asset_pairs,
    "/0/public/Ticker": Answers.ticker,
    "/0/public/OHLC": Answers.ohlc,
    "/0/public/Trades": Answers.trades,
    "/0/public/Depth": Answers.depth,
}
