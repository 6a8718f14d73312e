"""Alpaca's rows of the invented market, the same over HTTP and on a connection."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any

from exchanges import intervals
from exchanges.alpaca import names
from exchanges.alpaca.sandbox_markets import Market
from exchanges.invented import Invented, InventedCandle, InventedTrade, Level

Row = dict[str, Any]
WHOLE = 1000  # levels a side
HOURS = 26  # no day is longer


def trade(market: Market, one: InventedTrade) -> Row:
    row: Row = {"t": names.rfc3339(one.time_ms), "p": Decimal(one.price), "s": Decimal(one.quantity), "i": one.trade_id}
    if market.crypto:
        return row | {"tks": "S" if one.buyer_is_maker else "B"}
    return row | {"x": "V", "c": ["@"], "z": "C"}


def quote(invented: Invented, market: Market, at_ms: int) -> Row:
    """The best offers; a side without one is 0."""
    top = invented.depth(market.source.symbol, 1, at_ms)
    (bid, bid_size), (ask, ask_size) = (_best(top.bids), _best(top.asks))
    row: Row = {"t": names.rfc3339(top.time_ms), "bp": bid, "bs": bid_size, "ap": ask, "as": ask_size}
    return row if market.crypto else row | {"bx": "V", "ax": "V", "c": ["R"], "z": "C"}


def levels(side: Sequence[Level]) -> list[Row]:
    return [{"p": Decimal(price), "s": Decimal(size)} for price, size in side]


def bar(one: InventedCandle) -> Row:
    volume = Decimal(one.volume)
    average = (Decimal(one.quote_volume) / volume).quantize(Decimal("1e-10")) if volume else Decimal(0)
    return {
        "t": names.rfc3339(one.open_ms), "o": Decimal(one.open), "h": Decimal(one.high), "l": Decimal(one.low),
        "c": Decimal(one.close), "v": volume, "n": one.trades, "vw": average,
    }  # fmt: skip


def bars(invented: Invented, market: Market, interval: str, start_ms: int, end_ms: int, most: int) -> list[Row]:
    """Oldest first, those that open in [start_ms, end_ms], the running one included."""
    end_ms = min(end_ms, invented.now_ms())
    if interval == "1d" and not market.crypto:
        return _days(invented, market, max(start_ms, invented.first_ms), end_ms, most)
    return [bar(one) for one in invented.candles(market.source.symbol, interval, start_ms, end_ms, most)]


def _days(invented: Invented, market: Market, start_ms: int, end_ms: int, most: int) -> list[Row]:
    """Days of New York, put together from hours."""
    day = datetime.fromtimestamp(start_ms / 1000, names.NEW_YORK).date()
    found: list[Row] = []
    while len(found) < most:
        open_ms, next_ms = (_midnight_ms(day + timedelta(days=count)) for count in (0, 1))
        if open_ms > end_ms:
            break
        hours = invented.candles(market.source.symbol, "1h", open_ms, next_ms - 1, HOURS) if open_ms >= start_ms else ()
        if hours:
            found.append(_together(open_ms, hours))
        day += timedelta(days=1)
    return found


def _midnight_ms(day: Any) -> int:
    return int(datetime.combine(day, time_of_day(), names.NEW_YORK).timestamp()) * 1000


def _together(open_ms: int, hours: Sequence[InventedCandle]) -> Row:
    volume = sum((Decimal(one.volume) for one in hours), Decimal(0))
    return {
        "t": names.rfc3339(open_ms), "o": Decimal(hours[0].open), "h": max(Decimal(one.high) for one in hours),
        "l": min(Decimal(one.low) for one in hours), "c": Decimal(hours[-1].close), "v": volume,
        "n": sum(one.trades for one in hours), "vw": Decimal(hours[-1].close),
    }  # fmt: skip


def snapshot(invented: Invented, market: Market) -> Row:
    now_ms, symbol = invented.now_ms(), market.source.symbol
    last_id = invented.last_trade_id(symbol, now_ms)
    today_ms = intervals.open_ms("1d", now_ms)
    days = bars(invented, market, "1d", today_ms - 2 * intervals.DAY_MS, now_ms, 3)
    minutes = bars(invented, market, "1m", intervals.open_ms("1m", now_ms), now_ms, 1)
    return {
        "latestTrade": trade(market, invented.trades(symbol, last_id, last_id)[0]) if last_id else None,
        "latestQuote": quote(invented, market, now_ms), "minuteBar": minutes[-1] if minutes else None,
        "dailyBar": days[-1] if days else None, "prevDailyBar": days[-2] if len(days) > 1 else None,
    }  # fmt: skip


def _best(side: Sequence[Level]) -> tuple[Decimal, Decimal]:
    return (Decimal(side[0][0]), Decimal(side[0][1])) if side else (Decimal(0), Decimal(0))
