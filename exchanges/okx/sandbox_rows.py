"""Trades, candles, tickers and books of the invented market as OKX writes them; all figures are text."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from exchanges.decimals import ZERO, plain
from exchanges.intervals import DAY_MS, HOUR_MS, open_ms
from exchanges.invented import Invented, InventedCandle, InventedDepth, InventedTrade, Level
from exchanges.okx.sandbox_listings import Listing

Row = dict[str, Any]
Lines = list[list[str]]


def trade(market: Listing, one: InventedTrade) -> Row:
    return {
        "instId": market.name, "side": "sell" if one.buyer_is_maker else "buy",
        "sz": market.quantity(one.quantity, one.price), "px": market.price(one.price), "source": "0",
        "tradeId": str(one.trade_id), "ts": str(one.time_ms),
    }  # fmt: skip


def candle(market: Listing, one: InventedCandle) -> list[str]:
    contracts, money = market.contracts(one.volume, one.quote_volume), market.money(one.quote_volume)
    other = money if market.kind == "SPOT" else one.volume
    prices = [market.price(price) for price in (one.open, one.high, one.low, one.close)]
    return [str(one.open_ms), *prices, contracts, other, money, "1" if one.closed else "0"]


def ticker(market: Listing, invented: Invented, until_ms: int) -> Row:
    day = invented.window(market.symbol, DAY_MS, until_ms)
    (bid, bid_quantity), (ask, ask_quantity) = day.bid, day.ask
    contracts, money = market.contracts(day.volume, day.quote_volume), market.money(day.quote_volume)
    return {
        "instType": market.kind, "instId": market.name, "last": market.price(day.last),
        "lastSz": market.quantity(day.last_quantity, day.last),
        "askPx": market.price(ask), "askSz": market.quantity(ask_quantity, ask),
        "bidPx": market.price(bid), "bidSz": market.quantity(bid_quantity, bid),
        "open24h": market.price(day.open), "high24h": market.price(day.high), "low24h": market.price(day.low),
        "volCcy24h": money if market.kind == "SPOT" else day.volume, "vol24h": contracts, "ts": str(until_ms),
        "sodUtc0": _start_of_day(market, invented, until_ms, 0),
        "sodUtc8": _start_of_day(market, invented, until_ms, 8 * HOUR_MS),
    }  # fmt: skip


def lines(market: Listing, side: Iterable[Level], fields: int = 4) -> Lines:
    """Levels as `[price, quantity, "0", orders]`, or with three figures as in the deepest books."""
    rest = ["0", "1"] if fields == 4 else ["1"]
    return [[market.price(price), market.quantity(quantity, price), *rest] for price, quantity in side]


def book(market: Listing, one: InventedDepth) -> Row:
    return {
        "asks": lines(market, one.asks), "bids": lines(market, one.bids), "ts": str(one.time_ms),
        "seqId": one.update_id,
    }  # fmt: skip


def difference(before: Sequence[Level], after: Sequence[Level]) -> list[Level]:
    """What turns one picture of a side into the other; quantity 0 where a level is gone."""
    old, new = dict(before), dict(after)
    return [(price, ZERO) for price in old if price not in new] + [one for one in after if old.get(one[0]) != one[1]]


def changes(market: Listing, side: Iterable[Level]) -> Lines:
    """Levels of a difference."""
    return [
        [market.price(price), market.quantity(quantity, price), "0", "1"]
        if quantity != ZERO
        else [market.price(price), "0", "0", "0"]
        for price, quantity in side
    ]


def _start_of_day(market: Listing, invented: Invented, until_ms: int, ahead_ms: int) -> str:
    """The price at which the day began where the clock is so much ahead."""
    begun_ms = open_ms("1d", until_ms + ahead_ms) - ahead_ms
    first = invented.candle(market.symbol, "1h", begun_ms, until_ms)
    return market.price(first.open) if first else ""


def total(market: Listing, fills: Sequence[InventedTrade]) -> str:
    """The quantity of several fills at one price."""
    base = plain(sum((Decimal(one.quantity) for one in fills), Decimal(0)))
    return market.quantity(base, fills[0].price)
