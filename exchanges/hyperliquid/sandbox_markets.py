"""The markets as Hyperliquid lists them over the invented ones.

Every invented market against USDT is a perpetual and a spot market, both in USDC, at the same prices; that of Bitcoin
has a second spot market of the same names, as happens there. A perpetual that nobody trades any more stays listed.
Prices are those of the invented market, whose steps are finer than the exchange would allow for an order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from exchanges.decimals import Number
from exchanges.symbols import Instrument

WRAPPED = {"BTC": "Bitcoin", "ETH": "Ethereum", "SOL": "Solana"}  # traded there as UBTC and so on
TWICE = "BTC"
DELISTED = {"szDecimals": 1, "name": "MATIC", "maxLeverage": 20, "marginTableId": 20, "isDelisted": True}
CONTRACT = "0x{:040x}"


@dataclass(frozen=True)
class Market:
    """One market by the name it is asked for."""

    coin: str
    source: Instrument
    spot: bool
    base: str

    @property
    def decimals(self) -> int:
        """Of sizes."""
        exponent = Decimal(self.source.quantity_increment or 1).as_tuple().exponent
        return max(0, -int(exponent))


class Markets:
    """All markets by their coins, perpetuals first, each kind in the order of its listing."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        sources = [one for one in instruments if one.quote == "USDT" and one.base.isascii() and one.base.isalnum()]
        self.perpetuals = [Market(source.base, source, False, source.base) for source in sources]
        twice = [source for source in sources if source.base == TWICE]
        self.spot = [
            Market(f"@{index}", source, True, f"U{source.base}" if source.base in WRAPPED else source.base)
            for index, source in enumerate([*sources, *twice])
        ]
        self.by_coin = {market.coin: market for market in (*self.perpetuals, *self.spot)}

    def meta(self) -> dict[str, Any]:
        """Perpetuals, the delisted one last."""
        universe = [
            {"szDecimals": market.decimals, "name": market.coin, "maxLeverage": 20, "marginTableId": 20}
            for market in self.perpetuals
        ]
        return {"universe": [*universe, DELISTED], "marginTables": [], "collateralToken": 0}

    def spot_meta(self) -> dict[str, Any]:
        """Tokens by their indices, USDC the first; a market's base has a number one above its own."""
        tokens = [_token("USDC", 8, 0, None)]
        for index, market in enumerate(self.spot, 1):
            full_name = f"Unit {WRAPPED[market.source.base]}" if market.source.base in WRAPPED else None
            tokens.append(_token(market.base, market.decimals, index, full_name))
        universe = [
            {"tokens": [index + 1, 0], "name": market.coin, "index": index, "isCanonical": False}
            for index, market in enumerate(self.spot)
        ]
        return {"universe": universe, "tokens": tokens}


def text(number: Number) -> str:
    """A number as the exchange writes it, with a fraction always."""
    return number if "." in number else f"{number}.0"


def _token(name: str, decimals: int, index: int, full_name: str | None) -> dict[str, Any]:
    return {
        "name": name, "szDecimals": decimals, "weiDecimals": decimals + 2, "index": index,
        "tokenId": f"0x{index:032x}", "isCanonical": index == 0, "evmContract": None, "fullName": full_name,
        "deployerTradingFeeShare": "0.0",
    }  # fmt: skip
