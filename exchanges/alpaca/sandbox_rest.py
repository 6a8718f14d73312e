"""Alpaca's REST answers from its side: assets, clock, bars, trades, latest values and snapshots."""

import base64
from collections.abc import Callable, Mapping
from datetime import date
from re import compile as pattern
from typing import Any

from exchanges import intervals
from exchanges.alpaca import names
from exchanges.alpaca import sandbox_rows as rows
from exchanges.alpaca.sandbox_markets import Market, Markets
from exchanges.errors import BadFrame
from exchanges.invented import Invented

Query = Mapping[str, str]
CRYPTO, STOCKS = "/v1beta3/crypto/", "/v2/stocks/"
MOST = 10_000
LATE_MS = 15 * 60_000
is_pair = pattern(r"[A-Z0-9]+/[A-Z]+").fullmatch
TIMEFRAMES = {
    **{f"{n}{unit}": f"{n}m" for n in (1, 3, 5, 15, 30) for unit in ("min", "t")},
    **{f"{n}{unit}": f"{n}h" for n in (1, 2, 4, 6, 8, 12) for unit in ("hour", "h")},
    "1day": "1d", "1d": "1d", "1week": "1w", "1w": "1w",
}  # fmt: skip


class Wrong(Exception):
    """A refused request: status, words, and Alpaca's own code where it has one."""

    def __init__(self, status: int, words: str, code: int = 0) -> None:
        super().__init__(words)
        self.status, self.code = status, code


class Answers:
    """What each path answers."""

    def __init__(self, invented: Invented, markets: Markets) -> None:
        self._invented, self._markets = invented, markets
        self._lists: dict[str, Callable[[Market, Query], tuple[list[rows.Row], str | None]]] = {
            "bars": self._bars, "trades": self._trades,
        }  # fmt: skip

    def of(self, path: str, query: Query, has_keys: bool) -> Any:
        """The listing is open here, so that a platform without keys finds the markets it can have without them."""
        if path == "/v2/assets":
            return self._markets.assets(query.get("asset_class", "us_equity"), query.get("status", ""))
        if path.startswith(CRYPTO):
            location, _, what = path.removeprefix(CRYPTO).partition("/")
            if location != "us":
                raise Wrong(400, f"invalid location: {location}")
            return self._data(what, query, True)
        if not has_keys:
            raise Wrong(401, "unauthorized")
        if path == "/v2/clock":
            now = names.rfc3339(self._invented.now_ms())
            return {"timestamp": now, "is_open": True, "next_open": now, "next_close": now}
        if path.startswith(STOCKS):
            return self._stocks(path.removeprefix(STOCKS), query)
        raise Wrong(404, "endpoint not found.")

    def _stocks(self, path: str, query: Query) -> Any:
        start, _, rest = path.partition("/")
        feed = query.get("feed", "iex")
        late = "end" in query and _moment(query, "end", 0) <= self._invented.now_ms() - LATE_MS
        if feed == "sip" and not late:
            raise Wrong(403, "subscription does not permit querying recent SIP data", 42210000)
        if feed not in ("iex", "sip"):
            raise Wrong(400, f"invalid feed: {feed}")
        if start not in ("bars", "trades", "quotes", "snapshots"):
            market = self._market(start, False)
            if rest == "snapshot":
                return {"symbol": start, **rows.snapshot(self._invented, market)}
            if rest not in self._lists:
                raise Wrong(404, "endpoint not found.")
            found, token = self._lists[rest](market, query)
            return {"symbol": start, rest: found, "next_page_token": token}
        return self._data(f"latest/{start}" if rest == "latest" else path, query, False)

    def _data(self, what: str, query: Query, crypto: bool) -> Any:
        """Of several markets. A page holds one market at a time, and its token says where to go on."""
        if not query.get("symbols"):
            raise Wrong(400, "symbols parameter is required")
        named = query["symbols"].split(",")
        if what.startswith("latest/") and crypto:  # there a pair that nobody trades is left out
            named = [name for name in named if name in self._markets.by_name or not is_pair(name)]
        markets = [self._market(name, crypto) for name in named]
        if what == "snapshots":
            found = {market.name: rows.snapshot(self._invented, market) for market in markets}
            return {"snapshots": found} if crypto else found
        if what.startswith("latest/"):
            kind = what.removeprefix("latest/")
            return {kind: {market.name: self._latest(kind, market) for market in markets}}
        if what not in self._lists or len(markets) > 1 and "page_token" in query:
            raise Wrong(404, "endpoint not found.")
        pages = {market.name: self._lists[what](market, query) for market in markets}
        token = next((token for _, token in pages.values()), None) if len(pages) == 1 else None
        return {what: {name: page for name, (page, _) in pages.items() if page}, "next_page_token": token}

    def _market(self, name: str, crypto: bool) -> Market:
        market = self._markets.by_name.get(name)
        if market is None or market.crypto != crypto:
            raise Wrong(400, f"invalid symbol: {name[:40]}")
        return market

    def _latest(self, kind: str, market: Market) -> Any:
        now_ms = self._invented.now_ms()
        if kind == "orderbooks" and market.crypto:
            book = self._invented.depth(market.source.symbol, rows.WHOLE)
            return {"t": names.rfc3339(book.time_ms), "b": rows.levels(book.bids), "a": rows.levels(book.asks)}
        whole = rows.snapshot(self._invented, market)
        if kind not in ("bars", "trades", "quotes"):
            raise Wrong(404, "endpoint not found.")
        return rows.quote(self._invented, market, now_ms) if kind == "quotes" else whole[LATEST[kind]]

    def _bars(self, market: Market, query: Query) -> tuple[list[rows.Row], str | None]:
        interval = TIMEFRAMES.get(query.get("timeframe", "").lower())
        if interval is None:
            raise Wrong(400, f"invalid timeframe: {query.get('timeframe', '')[:20]}")
        start_ms, end_ms, limit, down = self._range(query)
        length_ms = intervals.length_ms(interval)
        if not down:
            start_ms = max(start_ms, _token(query, start_ms))
            found = rows.bars(self._invented, market, interval, start_ms, end_ms, limit + 1)
            token = _text(names.micros(found[limit]["t"]) // 1000) if len(found) > limit else None
            return found[:limit], token
        end_ms = min(end_ms, _token(query, end_ms))
        from_ms = max(start_ms, end_ms - (limit + 1) * length_ms)
        found = rows.bars(self._invented, market, interval, from_ms, end_ms, limit + 3)[::-1]
        more = len(found) > limit
        return found[:limit], _text(names.micros(found[limit]["t"]) // 1000) if more else None

    def _trades(self, market: Market, query: Query) -> tuple[list[rows.Row], str | None]:
        start_ms, end_ms, limit, down = self._range(query)
        symbol = market.source.symbol
        first_id = self._invented.last_trade_id(symbol, start_ms - 1) + 1
        last_id = self._invented.last_trade_id(symbol, end_ms)
        if down:
            last_id = _token(query, last_id)
            low = max(first_id, last_id - limit + 1)
            found = self._invented.trades(symbol, low, last_id)[::-1]
            token = _text(low - 1) if low > first_id else None
        else:
            first_id = _token(query, first_id)
            high = min(last_id, first_id + limit - 1)
            found = self._invented.trades(symbol, first_id, high)
            token = _text(high + 1) if high < last_id else None
        return [rows.trade(market, one) for one in found], token

    def _range(self, query: Query) -> tuple[int, int, int, bool]:
        """Start, end, limit, and whether the newest come first."""
        now_ms = self._invented.now_ms()
        start_ms = max(_moment(query, "start", intervals.open_ms("1d", now_ms)), self._invented.first_ms)
        end_ms = min(_moment(query, "end", now_ms), now_ms)
        limit, sort = query.get("limit", "1000"), query.get("sort", "asc")
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST):
            raise Wrong(400, "invalid limit")
        if sort not in ("asc", "desc"):
            raise Wrong(400, "invalid sort")
        return start_ms, end_ms, int(limit), sort == "desc"


LATEST = {"bars": "minuteBar", "trades": "latestTrade"}


def _moment(query: Query, name: str, otherwise_ms: int) -> int:
    text = query.get(name)
    if text is None:
        return otherwise_ms
    try:
        return names.micros(text if len(text) > 10 else f"{date.fromisoformat(text)}T00:00:00Z") // 1000
    except (BadFrame, ValueError) as error:
        raise Wrong(400, f"Invalid format for parameter {name}: error parsing '{text[:40]}'") from error


def _text(at: int) -> str:
    return base64.b64encode(str(at).encode()).decode()


def _token(query: Query, otherwise: int) -> int:
    if "page_token" not in query:
        return otherwise
    try:
        return int(base64.b64decode(query["page_token"], validate=True)[:20])
    except ValueError as error:
        raise Wrong(400, "invalid page_token") from error
