"""The markets as Bitstamp lists them over the invented ones, and how it writes numbers."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from exchanges.decimals import Number
from exchanges.symbols import Instrument

AMOUNT_DECIMALS = 8


class Markets:
    """All markets by Bitstamp's spelling, `btcusdt`; names that are not of ASCII letters and digits are left out."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        named = [one for one in instruments if f"{one.base}{one.quote}".isascii()]
        self.by_name = {f"{one.base}{one.quote}".lower(): one for one in named}


def padded(number: str, decimals: int) -> str:
    """A canonical number with its zeros."""
    return f"{Decimal(number):.{decimals}f}"


def amount(number: str) -> str:
    return padded(number, AMOUNT_DECIMALS)


def price(number: str, market: Instrument) -> str:
    return padded(number, decimals_of(market.price_increment))


def decimals_of(increment: Number | None) -> int:
    return max(0, -int(Decimal(increment or "1").as_tuple().exponent))


def described(name: str, market: Instrument) -> dict[str, Any]:
    """One row of `/markets/`."""
    return {
        "name": f"{market.base}/{market.quote}", "market_symbol": name, "base_currency": market.base,
        "base_decimals": decimals_of(market.quantity_increment), "counter_currency": market.quote,
        "counter_decimals": decimals_of(market.price_increment),
        "minimum_order_value": market.min_notional or "0", "minimum_order_amount": market.min_quantity or "0",
        "maximum_order_amount": market.max_quantity or "0",
        "trading": "Enabled" if market.status == "trading" else "Disabled", "instant_order_counter_decimals": 2,
        "instant_and_market_orders": "Enabled", "description": f"{market.base} / {market.quote}",
        "market_type": "SPOT",
    }  # fmt: skip
