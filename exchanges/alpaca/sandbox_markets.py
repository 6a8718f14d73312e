"""The markets as Alpaca lists them over the invented ones: pairs against US dollars, and a few shares.

A share has the prices of an invented market, whose sizes are no whole numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from exchanges.symbols import Instrument

PRICED_IN = "USDT"  # one of these is one dollar here
SHARES = ("AAPL", "BRK.B", "MSFT", "SPY")
OVER_THE_COUNTER = "BAYRY"  # listed, and without data


@dataclass(frozen=True)
class Market:
    """One market by the name it is asked for."""

    name: str
    source: Instrument
    crypto: bool

    def asset(self) -> dict[str, Any]:
        """As `/v2/assets` tells it."""
        row = _asset(self.name, "crypto" if self.crypto else "us_equity", "CRYPTO" if self.crypto else "NASDAQ")
        if self.crypto:
            row |= {
                "min_order_size": self.source.min_quantity or "0.00001",
                "min_trade_increment": self.source.quantity_increment or "0.000000001",
                "price_increment": self.source.price_increment or "0.000000001",
            }
        return row


class Markets:
    """By name, pairs first."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        sources = [one for one in instruments if one.quote == PRICED_IN and one.base.isascii() and one.base.isalnum()]
        pairs = [Market(f"{one.base}/USD", one, True) for one in sources]
        shares = [Market(name, source, False) for name, source in zip(SHARES, sources, strict=False)]
        self.by_name = {market.name: market for market in (*pairs, *shares)}

    def assets(self, asset_class: str, status: str) -> list[dict[str, Any]]:
        listed = [market.asset() for market in self.by_name.values()]
        listed.append(_asset(OVER_THE_COUNTER, "us_equity", "OTC"))
        active = sorted((row for row in listed if row["class"] == asset_class), key=lambda row: row["symbol"])
        return active if status in ("", "active") else []


def _asset(name: str, asset_class: str, exchange: str) -> dict[str, Any]:
    return {
        "id": str(uuid5(NAMESPACE_URL, name)), "class": asset_class, "exchange": exchange, "symbol": name,
        "name": name, "status": "active", "tradable": exchange != "OTC", "marginable": asset_class != "crypto",
        "shortable": False, "fractionable": True, "attributes": [],
    }  # fmt: skip
