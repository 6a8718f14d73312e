"""What `ticker` and `quote` say, as figures of ours. Null and 0 both mean that a side does not exist."""

from decimal import Decimal

from msgspec import Raw
from msgspec.json import encode

from exchanges.decimals import ZERO, Number, unsigned
from exchanges.deribit import frames, names, units
from exchanges.deribit.frames import Day, Quote, Stats
from exchanges.tickers import Figures


def best(quote: Quote, in_quote: bool) -> Figures:
    """The best prices; a side that does not exist has no quantity either."""
    bid, ask = _existing(quote.best_bid_price), _existing(quote.best_ask_price)
    return {
        "bid_price": bid,
        "bid_quantity": _quantity(quote.best_bid_amount, bid, in_quote),
        "ask_price": ask,
        "ask_quantity": _quantity(quote.best_ask_amount, ask, in_quote),
    }


def whole(day: Day, in_quote: bool) -> Figures:
    """They send neither the last quantity nor the price of 24 hours ago."""
    return {
        **best(day, in_quote),
        "last_price": _existing(day.last_price),
        "high_24h": _existing(day.stats.high),
        "low_24h": _existing(day.stats.low),
        "volume_24h": None if day.stats.volume is None else unsigned(day.stats.volume),
        "quote_volume_24h": _quote_volume(day.stats, day.instrument_name),
    }


NONE = b"null"


class Increments:
    """`incremental_ticker` of one connection, by channel: what is not sent is as it was."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[dict[str, Raw], dict[str, Raw]]] = {}

    def whole(self, channel: str, data: bytes) -> Day:
        """As the `ticker` channel would say it."""
        changed = frames.members(data)
        day, stats = self._said.get(channel, ({}, {}))
        if (part := bytes(changed.pop("stats", NONE))) != NONE:
            stats = {**stats, **frames.members(part)}
        day = {**day, **changed}
        whole = frames.day(encode({**day, "stats": stats}))
        self._said[channel] = day, stats
        return whole


def _quote_volume(stats: Stats, venue_symbol: str) -> Number | None:
    """US dollars are taken for the quote only where it is the US dollar."""
    spelled = names.spelled(venue_symbol)
    dollars = stats.volume_usd if spelled and spelled.quote == "USD" else None
    volume = dollars if stats.volume_notional is None or (spelled and _coin_priced(spelled)) else stats.volume_notional
    return None if volume is None else unsigned(volume)


def _coin_priced(spelled: names.Spelled) -> bool:
    """The price of an inverse option is in its base, so a volume in terms of the price is none in the quote."""
    return spelled.inverse and spelled.kind == "option"


def _existing(price: Decimal | None) -> Number | None:
    number = ZERO if price is None else unsigned(price)
    return None if number == ZERO else number


def _quantity(amount: Decimal | None, price: Number | None, in_quote: bool) -> Number | None:
    return None if amount is None or price is None else units.base(amount, price, in_quote)
