"""Deribit's public methods, the same over HTTP and on a connection: what each answers."""

from collections.abc import Callable
from typing import Any

from exchanges.deribit import sandbox_rows as rows
from exchanges.deribit.names import OUR_INTERVALS
from exchanges.deribit.sandbox_markets import Market, Markets, described, raw
from exchanges.deribit.sandbox_parameters import Parameters, Wrong, invalid
from exchanges.invented import Invented

KINDS = ("future", "option", "spot", "future_combo", "option_combo")
DEPTHS = (1, 5, 10, 20, 50, 100, 1000, 10000)
MOST_CANDLES, MOST_TRADES, USUAL_TRADES = 5000, 1000, 10
VERSION = "1.2.26"


class Answers:
    """One method per call."""

    def __init__(self, invented: Invented, markets: Markets) -> None:
        self._invented = invented
        self._markets = markets

    def get_time(self, given: Parameters) -> Any:
        return self._invented.now_ms()

    def test(self, given: Parameters) -> Any:
        return {"version": VERSION}

    def status(self, given: Parameters) -> Any:
        return {"locked": "false", "locked_indices": []}

    def get_currencies(self, given: Parameters) -> Any:
        names = {name: None for market in self._markets.by_name.values() for name in (market.base, market.counter)}
        return [
            {"currency": name, "currency_long": name, "coin_type": name, "min_confirmations": 1,
             "min_withdrawal_fee": raw(None), "withdrawal_fee": raw(None), "withdrawal_priorities": []}
            for name in names if name != "USD"
        ]  # fmt: skip

    def get_instruments(self, given: Parameters) -> Any:
        """Without a currency it answers with all, which the documents do not promise and clients rely on."""
        currency, kind = given.text("currency", "any"), given.choice("kind", (*KINDS, "any"), "any")
        if given.flag("expired"):
            return []
        return [
            described(market)
            for market in self._markets.by_name.values()
            if currency in ("any", _currency(market)) and kind in ("any", market.kind)
        ]

    def get_instrument(self, given: Parameters) -> Any:
        return described(self._market(given))

    def ticker(self, given: Parameters) -> Any:
        return rows.ticker(self._invented, self._market(given), self._invented.now_ms())

    def get_order_book(self, given: Parameters) -> Any:
        market, depth = self._market(given), given.whole("depth")
        if depth is not None and depth not in DEPTHS:
            raise invalid("depth", "wrong value")
        now_ms = self._invented.now_ms()
        book = self._invented.depth(market.source.symbol, depth or 5, now_ms)
        sides = {"bids": rows.levels(market, book.bids), "asks": rows.levels(market, book.asks)}
        return {**rows.ticker(self._invented, market, now_ms), **sides, "change_id": book.update_id}

    def get_book_summary_by_currency(self, given: Parameters) -> Any:
        currency, kind = given.text("currency"), given.choice("kind", (*KINDS, "any"), "any")
        return [
            self._summary(market)
            for market in self._markets.by_name.values()
            if currency == _currency(market) and kind in ("any", market.kind)
        ]

    def get_book_summary_by_instrument(self, given: Parameters) -> Any:
        return [self._summary(self._market(given))]

    def get_tradingview_chart_data(self, given: Parameters) -> Any:
        """A bucket that opens at the very start is left out, as clients have met it."""
        market, interval = self._market(given), OUR_INTERVALS.get(given.text("resolution"))
        start_ms, end_ms = given.required("start_timestamp"), given.required("end_timestamp")
        if interval is None:
            raise invalid("resolution", "wrong value")
        if start_ms > end_ms:
            raise invalid("start_timestamp", "must not be after end_timestamp")
        found = self._invented.candles(market.source.symbol, interval, start_ms + 1, end_ms, MOST_CANDLES)
        return rows.chart(market, found)

    def get_last_trades_by_instrument(self, given: Parameters) -> Any:
        """From the earliest where a start is given, otherwise the newest."""
        market = self._market(given)
        low, high = self._bounds(given, market)
        count = min(given.whole("count") or USUAL_TRADES, MOST_TRADES)
        starts = "start_seq" in given or "start_timestamp" in given
        more = high - low + 1 > count
        if starts:
            high = min(high, low + count - 1)
        else:
            low = max(low, high - count + 1)
        default = "asc" if starts else "desc"
        found = [rows.trade(market, one) for one in self._invented.trades(market.source.symbol, low, high)]
        order = given.choice("sorting", ("asc", "desc", "default"), "default")
        ascending = (default if order == "default" else order) == "asc"
        return {"trades": found if ascending else found[::-1], "has_more": more}

    def get_last_trades_by_instrument_and_time(self, given: Parameters) -> Any:
        for name in ("start_timestamp", "end_timestamp"):
            given.whole(name)
        return self.get_last_trades_by_instrument(given)

    def get_index_price(self, given: Parameters) -> Any:
        name = given.text("index_name")
        market = next((one for one in self._markets.by_name.values() if _index(one) == name), None)
        if market is None:
            raise invalid("index_name", "wrong value")
        symbol = market.source.symbol
        last_id = self._invented.last_trade_id(symbol)
        price = raw(self._invented.trades(symbol, last_id, last_id)[0].price)
        return {"index_price": price, "estimated_delivery_price": price}

    def _bounds(self, given: Parameters, market: Market) -> tuple[int, int]:
        """The first and last number that a request for trades asks for."""
        symbol, last_id = market.source.symbol, self._invented.last_trade_id
        low, high = given.whole("start_seq") or 1, given.whole("end_seq")
        start_ms, end_ms = given.whole("start_timestamp"), given.whole("end_timestamp")
        if start_ms is not None:
            low = max(low, last_id(symbol, start_ms - 1) + 1)
        newest = last_id(symbol, end_ms if end_ms is None else min(end_ms, self._invented.now_ms()))
        return low, newest if high is None else min(high, newest)

    def _market(self, given: Parameters) -> Market:
        name = given.text("instrument_name")
        if not name or not name.replace("_", "").replace("-", "").isalnum():
            raise invalid("instrument_name", "wrong format")
        if name not in self._markets.by_name:
            raise Wrong(13020, "not_found")
        return self._markets.by_name[name]

    def _summary(self, market: Market) -> Any:
        day = rows.ticker(self._invented, market, self._invented.now_ms())
        stats = day["stats"]
        return {
            "instrument_name": market.name, "base_currency": market.base, "quote_currency": market.counter,
            "creation_timestamp": day["timestamp"], "last": day["last_price"], "mark_price": day["mark_price"],
            "bid_price": day["best_bid_price"], "ask_price": day["best_ask_price"], "high": stats["high"],
            "low": stats["low"], "price_change": stats["price_change"], "volume": stats["volume"],
            "volume_usd": stats["volume_usd"], "open_interest": day["open_interest"],
        }  # fmt: skip


def _currency(market: Market) -> str:
    """What a market is listed under: its coin where it is inverse, otherwise what it is counted in."""
    return market.base if market.inverse else market.counter


def _index(market: Market) -> str:
    return f"{market.base}_{market.counter}".lower()


CALLS: dict[str, Callable[[Answers, Parameters], Any]] = {
    f"public/{call.__name__}": call
    for call in (
        Answers.get_time, Answers.test, Answers.status, Answers.get_currencies, Answers.get_instruments,
        Answers.get_instrument, Answers.ticker, Answers.get_order_book, Answers.get_book_summary_by_currency,
        Answers.get_book_summary_by_instrument, Answers.get_tradingview_chart_data,
        Answers.get_last_trades_by_instrument, Answers.get_last_trades_by_instrument_and_time,
        Answers.get_index_price,
    )
}  # fmt: skip
