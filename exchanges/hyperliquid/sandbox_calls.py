"""The calls of Hyperliquid's info endpoint, the same over HTTP and on a connection: what each answers and weighs."""

from collections.abc import Callable, Mapping
from typing import Any

from exchanges import intervals
from exchanges.hyperliquid import sandbox_rows as rows
from exchanges.hyperliquid.names import INTERVALS
from exchanges.hyperliquid.sandbox_markets import Market, Markets
from exchanges.invented import Invented

MOST_CANDLES, TRADES = 5000, 10
USUAL, LIGHT = 20, 2
MOST_MS = 10**14
Given = Mapping[str, Any]


class Malformed(Exception):
    """A body that cannot be read: status 422."""


class Answers:
    """One method a call; an unknown coin is answered with null."""

    def __init__(self, invented: Invented, markets: Markets) -> None:
        self._invented = invented
        self._markets = markets

    def answer(self, given: Any) -> tuple[Any, int]:
        """The answer to a body, and its weight."""
        kind = given.get("type") if isinstance(given, dict) else None
        call = CALLS.get(kind) if isinstance(kind, str) else None
        if call is None:
            raise Malformed
        answer = call(self, given)
        rows_per_weight = {"candleSnapshot": 60, "recentTrades": 20}.get(str(kind))
        surcharge = len(answer) // rows_per_weight if rows_per_weight and answer else 0
        return answer, (LIGHT if kind in ("l2Book", "allMids", "exchangeStatus") else USUAL) + surcharge

    def meta(self, given: Given) -> Any:
        return None if given.get("dex") else self._markets.meta()

    def contexts(self, given: Given) -> Any:
        if given.get("dex"):
            return None
        found = [rows.context(self._invented, market) for market in self._markets.perpetuals]
        return [self._markets.meta(), [*found, rows.delisted()]]

    def spot_meta(self, given: Given) -> Any:
        return self._markets.spot_meta()

    def spot_contexts(self, given: Given) -> Any:
        return [self._markets.spot_meta(), [rows.context(self._invented, market) for market in self._markets.spot]]

    def dexes(self, given: Given) -> Any:
        return [None]

    def mids(self, given: Given) -> Any:
        return {coin: rows.context(self._invented, market)["midPx"] for coin, market in self._markets.by_coin.items()}

    def status(self, given: Given) -> Any:
        return {"time": self._invented.now_ms(), "specialStatuses": None}

    def book(self, given: Given) -> Any:
        market = self._market(given)
        return market and rows.book(self._invented, market, rows.WHOLE, self._invented.now_ms())

    def trades(self, given: Given) -> Any:
        """Newest first."""
        market = self._market(given)
        return market and recent(self._invented, market, TRADES, self._invented.now_ms())[::-1]

    def candles(self, given: Given) -> Any:
        """Those that open within both bounds, of the newest 5000, where trades were."""
        asked = given.get("req")
        if not isinstance(asked, dict) or asked.get("interval") not in INTERVALS:
            raise Malformed
        start_ms, end_ms, market = _time(asked, "startTime"), _time(asked, "endTime"), self._market(asked)
        if market is None:
            return None
        interval, now_ms = asked["interval"], self._invented.now_ms()
        kept_ms = intervals.open_ms(interval, now_ms) - (MOST_CANDLES - 1) * intervals.length_ms(interval)
        found = self._invented.candles(
            market.source.symbol, interval, max(start_ms, kept_ms, 0), min(end_ms, now_ms), MOST_CANDLES
        )
        return [rows.candle(market, candle) for candle in found if candle.trades]

    def _market(self, given: Given) -> Market | None:
        coin = given.get("coin")
        if not isinstance(coin, str):
            raise Malformed
        return self._markets.by_coin.get(coin)


def recent(invented: Invented, market: Market, count: int, at_ms: int) -> list[rows.Row]:
    """The last trades, oldest first."""
    symbol = market.source.symbol
    last_id = invented.last_trade_id(symbol, at_ms)
    return [rows.trade(market, one) for one in invented.trades(symbol, max(1, last_id - count + 1), last_id)]


def _time(given: Given, name: str) -> int:
    value = given.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MOST_MS:
        raise Malformed
    return value


CALLS: dict[str, Callable[[Answers, Given], Any]] = {
    "meta": Answers.meta, "metaAndAssetCtxs": Answers.contexts, "spotMeta": Answers.spot_meta,
    "spotMetaAndAssetCtxs": Answers.spot_contexts, "perpDexs": Answers.dexes, "allMids": Answers.mids,
    "exchangeStatus": Answers.status, "l2Book": Answers.book, "recentTrades": Answers.trades,
    "candleSnapshot": Answers.candles,
}  # fmt: skip
