"""The markets as OKX lists them over the invented ones: spot, swaps, futures and options, and how they count."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from exchanges.decimals import Number, plain
from exchanges.symbols import Instrument

EXACT = Context(prec=100)
EXPIRY_MS, EXPIRY_DAY = 1_924_588_800_000, "301227"  # 2030-12-27 08:00 UTC
LISTED_MS = "1704067200000"
SIZES = {"BTC": "0.01", "ETH": "0.1"}  # base units in a linear contract; 1 of every other coin
FAMILIES = ("BTC", "ETH")  # these have inverse contracts and futures
STRIKES = {"BTC": ("60000", "70000"), "ETH": ("3000", "3500"), "SOL": ("150", "200")}  # of options
INVERSE_SIZES = {"BTC": "100", "ETH": "10"}  # quote units in a contract
OPTION_SIZES = {"BTC": "0.01", "ETH": "0.1", "SOL": "1"}  # base units
OPTION_SHIFT = -6  # an option costs a part of a coin: the same prices, by so many digits smaller
STABLE = "USDⓈ"


@dataclass(frozen=True)
class Listing:
    """One market of OKX over a market of the invented exchange."""

    name: str  # instId
    kind: str  # instType
    over: Instrument
    quote: str
    settle: str = ""
    family: str = ""
    size: str = ""  # of a contract; empty for spot
    inverse: bool = False
    strike: str = ""
    right: str = ""

    @property
    def symbol(self) -> str:
        """The invented market's."""
        return self.over.symbol

    def price(self, price: Number) -> str:
        return plain(Decimal(price).scaleb(OPTION_SHIFT)) if self.kind == "OPTION" else price

    def quantity(self, quantity: Number, price: Number) -> str:
        """Base units of the invented market, at its price, as this market counts; never rounded."""
        if not self.size:
            return quantity
        amount = EXACT.multiply(Decimal(quantity), Decimal(price)) if self.inverse else Decimal(quantity)
        return plain(EXACT.divide(amount, Decimal(self.size)))

    def contracts(self, volume: Number, quote_volume: Number) -> str:
        """A volume as this market counts."""
        if not self.size:
            return volume
        return plain(EXACT.divide(Decimal(quote_volume if self.inverse else volume), Decimal(self.size)))

    def money(self, quote_volume: Number) -> str:
        """A quote volume; that of options follows their prices."""
        return plain(Decimal(quote_volume).scaleb(OPTION_SHIFT)) if self.kind == "OPTION" else quote_volume

    def described(self) -> dict[str, Any]:
        """One row of `/public/instruments`."""
        spot = self.kind == "SPOT"
        dated = self.kind in ("FUTURES", "OPTION")
        option = self.kind == "OPTION"
        kind = "" if spot or option else "inverse" if self.inverse else "linear"
        counted_in = self.quote if self.inverse else self.over.base
        return {
            "alias": "", "auctionEndTime": "", "baseCcy": self.over.base if spot else "", "category": "1",
            "contTdSwTime": LISTED_MS, "ctMult": "" if spot else self.size if option else "1", "ctType": kind,
            "ctVal": "1" if option else self.size, "ctValCcy": "" if spot else counted_in,
            "expTime": str(EXPIRY_MS) if dated else "", "futureSettlement": False, "instCategory": "1",
            "instFamily": self.family, "instId": self.name, "instIdCode": None, "instType": self.kind,
            "lever": "10" if spot else "100", "listTime": LISTED_MS, "lotSz": self._lot(),
            "maxIcebergSz": "9000000", "maxLmtAmt": "20000000", "maxLmtSz": "9000000", "maxMktAmt": "1000000",
            "maxMktSz": "1000000", "maxStopSz": "1000000", "maxTriggerSz": "9000000", "maxTwapSz": "9000000",
            "minSz": self._lot(), "maxPlatOILmt": "", "openType": "", "posLmtAmt": "", "posLmtPct": "",
            "optType": self.right, "preMktSwTime": "",
            "quoteCcy": self.quote if spot else "", "ruleType": "normal", "settleCcy": self.settle, "state": "live",
            "stk": self.strike, "tickSz": self.price(self.over.price_increment or Number("1")),
            "tradeQuoteCcyList": [self.quote] if spot else [], "uly": self.family.removesuffix("_UM"), "upcChg": [],
        }  # fmt: skip

    def _lot(self) -> str:
        """The smallest quantity; that of inverse contracts is fine enough to hold any amount exactly."""
        step = self.over.quantity_increment or Number("1")
        return self.quantity(step, (self.over.price_increment or Number("1")) if self.inverse else Number("1"))


def listings(instruments: Iterable[Instrument]) -> list[Listing]:
    """Every market of OKX over these."""
    found = []
    for one in instruments:
        found.append(Listing(one.symbol, "SPOT", one, one.quote))
        if one.quote == "USDT":
            found += _derivatives(one)
    return found


def _derivatives(over: Instrument) -> list[Listing]:
    base, size = over.base, SIZES.get(over.base, "1")
    linear = f"{base}-USDT"
    found = [Listing(f"{linear}-SWAP", "SWAP", over, "USDT", "USDT", linear, size)]
    return found + (_of_family(over, size) if base in FAMILIES else []) + _options(over)


def _of_family(over: Instrument, size: str) -> list[Listing]:
    base, linear = over.base, f"{over.base}-USDT"
    coin, stable, inverse = f"{base}-USD", f"{base}-USD_UM", INVERSE_SIZES[base]
    return [
        Listing(f"{coin}-SWAP", "SWAP", over, "USD", base, coin, inverse, inverse=True),
        Listing(f"{stable}-SWAP", "SWAP", over, "USD", STABLE, stable, size),
        Listing(f"{linear}-{EXPIRY_DAY}", "FUTURES", over, "USDT", "USDT", linear, size),
        Listing(f"{coin}-{EXPIRY_DAY}", "FUTURES", over, "USD", base, coin, inverse, inverse=True),
    ]


def _options(over: Instrument) -> list[Listing]:
    base, coin = over.base, f"{over.base}-USD"
    return [
        Listing(
            f"{coin}-{EXPIRY_DAY}-{strike}-{right}", "OPTION", over, "USD", base, coin, OPTION_SIZES[base],
            strike=strike, right=right,
        )
        for strike in STRIKES.get(base, ())
        for right in ("C", "P")
    ]  # fmt: skip
