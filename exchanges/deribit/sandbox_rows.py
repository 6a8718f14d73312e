"""What Deribit says of a market, from the exchange's side: trades, tickers, books, candles as rows to be written."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from exchanges.decimals import ZERO, Number, plain
from exchanges.deribit.sandbox_markets import NEVER_MS, Market, raw
from exchanges.intervals import DAY_MS
from exchanges.invented import Invented, InventedCandle, InventedTrade, Level

Row = dict[str, Any]


def trade(market: Market, one: InventedTrade) -> Row:
    price, amount = market.price(one.price), market.amount(one.quantity, one.price)
    return {
        "trade_seq": one.trade_id, "trade_id": market.trade_id(one.trade_id), "timestamp": one.time_ms,
        "tick_direction": 0 if not one.buyer_is_maker else 2, "price": raw(price), "mark_price": raw(price),
        "instrument_name": market.name, "index_price": raw(one.price),
        "direction": "sell" if one.buyer_is_maker else "buy",
        "contracts": raw(market.contracts(amount)), "amount": raw(amount),
        **({"iv": raw(plain("55.5"))} if market.kind == "option" else {}),
    }  # fmt: skip


def best(market: Market, bid: Level, ask: Level) -> Row:
    """Best prices and amounts."""
    return {
        "best_bid_price": raw(market.price(bid[0])), "best_bid_amount": raw(market.amount(bid[1], bid[0])),
        "best_ask_price": raw(market.price(ask[0])), "best_ask_amount": raw(market.amount(ask[1], ask[0])),
    }  # fmt: skip


def ticker(invented: Invented, market: Market, until_ms: int) -> Row:
    window = invented.window(market.source.symbol, DAY_MS, until_ms)
    last, index = market.price(window.last), raw(window.last)
    row: Row = {
        "timestamp": window.close_ms, "state": "open", "instrument_name": market.name, "last_price": raw(last),
        "mark_price": raw(last), "index_price": index, "estimated_delivery_price": index,
        **best(market, window.bid, window.ask), "settlement_price": raw(last), "open_interest": raw(plain("1000")),
        "min_price": raw(_moved(last, "0.98")), "max_price": raw(_moved(last, "1.02")),
        "stats": {
            "high": raw(market.price(window.high)), "low": raw(market.price(window.low)),
            "price_change": raw(_moved(window.last, "100", window.open)), "volume": raw(window.volume),
            "volume_usd": raw(window.quote_volume),
        },
    }  # fmt: skip
    if market.kind != "option":
        row["stats"]["volume_notional"] = raw(window.quote_volume)
    if market.kind == "option":
        row |= {"mark_iv": raw(plain("55.5")), "underlying_price": index, "underlying_index": "index_price"}
    elif market.kind == "future" and market.expires_ms == NEVER_MS:
        row |= {"current_funding": raw(ZERO), "funding_8h": raw(plain("0.00001742"))}
    return row


def levels(market: Market, side: Iterable[Level]) -> list[list[Any]]:
    return [[raw(market.price(price)), raw(market.amount(quantity, price))] for price, quantity in side]


def actions(market: Market, side: Iterable[Level], action: str) -> list[list[Any]]:
    """Levels of the book channel; one that is left with nothing is deleted."""
    return [
        ["delete" if quantity == ZERO else action, price, amount]
        for (_, quantity), (price, amount) in zip(side, levels(market, side), strict=True)
    ]


def sample(market: Market, candle: InventedCandle) -> Row:
    """Of the chart channel."""
    return {
        "tick": candle.open_ms,
        **{name: raw(market.price(getattr(candle, name))) for name in ("open", "high", "low", "close")},
        "volume": raw(candle.volume),
        "cost": raw(market.price(candle.quote_volume)),
    }


def chart(market: Market, candles: Sequence[InventedCandle]) -> Row:
    """Of get_tradingview_chart_data."""
    rows = [sample(market, candle) for candle in candles]
    columns = {name: [row[name] for row in rows] for name in ("open", "high", "low", "close", "volume", "cost")}
    return {"status": "ok" if rows else "no_data", "ticks": [row["tick"] for row in rows], **columns}


def _moved(price: Number, factor: str, base: Number | None = None) -> Number:
    """A price times a factor; with a base, the change since then in percent."""
    if base is None:
        return plain(round(Decimal(price) * Decimal(factor), 8))
    return plain(round((Decimal(price) / Decimal(base) - 1) * Decimal(factor), 4))
