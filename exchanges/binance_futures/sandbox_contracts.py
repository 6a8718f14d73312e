"""The contracts as Binance spells and describes them, from the exchange's side: perpetuals and quarters over spot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from exchanges.binance.sandbox_markets import Markets
from exchanges.decimals import Number
from exchanges.symbols import Instrument

NEVER_MS = 4_133_404_800_000  # the delivery of a perpetual: the year 2100
QUARTERLY = 2  # of so many first markets
DELIVERY_HOUR = 8
QUARTER_MONTHS = (3, 6, 9, 12)
ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]


@dataclass(frozen=True)
class Contract:
    """One contract over an invented spot market, whose prices and quantities it shares."""

    name: str
    pair: str
    type: str
    spot: Instrument
    delivery_ms: int

    @property
    def symbol(self) -> str:
        """The invented market."""
        return self.spot.symbol

    def price(self, number: str) -> str:
        """As many decimals as the tick has."""
        return padded(number, decimals(self.spot.price_increment))

    def quantity(self, number: str) -> str:
        return padded(number, decimals(self.spot.quantity_increment))


class Contracts(Markets):
    """All contracts by name. Of a market, `names` has the perpetual."""

    def __init__(self, instruments: Sequence[Instrument], first_ms: int, now_ms: int) -> None:
        super().__init__(instruments)
        self.first_ms = first_ms
        self.contracts = {
            name: Contract(name, name, "PERPETUAL", spot, NEVER_MS) for name, spot in list(self.by_name.items())
        }
        for name, spot in list(self.by_name.items())[:QUARTERLY]:
            for kind, day in zip(("CURRENT_QUARTER", "NEXT_QUARTER"), _deliveries(now_ms), strict=True):
                dated = f"{name}_{day:%y%m%d}"
                self.contracts[dated] = Contract(dated, name, kind, spot, int(day.timestamp()) * 1000)
        self.by_name = {name: contract.spot for name, contract in self.contracts.items()}
        self.by_stream_name = {name.lower(): name for name in self.contracts}

    def described(self, contract: Contract) -> dict[str, Any]:
        """One entry of exchangeInfo."""
        spot = contract.spot
        return {
            "symbol": contract.name, "pair": contract.pair, "contractType": contract.type,
            "deliveryDate": contract.delivery_ms, "onboardDate": self.first_ms,
            "status": "TRADING" if spot.status == "trading" else "SETTLING",
            "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000",
            "baseAsset": spot.base, "quoteAsset": spot.quote, "marginAsset": spot.quote,
            "pricePrecision": decimals(spot.price_increment), "quantityPrecision": decimals(spot.quantity_increment),
            "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": [],
            "settlePlan": 0, "triggerProtect": "0.0500", "liquidationFee": "0.012000", "marketTakeBound": "0.30",
            "filters": _filters(spot), "orderTypes": ORDER_TYPES, "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }  # fmt: skip


def decimals(increment: Number | None) -> int:
    return len((increment or "").partition(".")[2])


def padded(number: str, count: int) -> str:
    """A canonical number with its zeros."""
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction:0<{count}}" if count or fraction else whole


def _filters(spot: Instrument) -> list[dict[str, Any]]:
    tick, step = spot.price_increment or "0", spot.quantity_increment or "0"
    lot = {"minQty": spot.min_quantity or step, "maxQty": spot.max_quantity or "1000000", "stepSize": step}
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "MARKET_LOT_SIZE", **lot},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": spot.min_notional or "5"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierDown": "0.9000",
            "multiplierUp": "1.1000",
            "multiplierDecimal": "4",
        },
    ]


def _deliveries(now_ms: int) -> list[datetime]:
    """The last Fridays of the two next quarters, at eight."""
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    fridays = [_last_friday(year, month) for year in (now.year, now.year + 1) for month in QUARTER_MONTHS]
    return [day for day in fridays if day > now][:2]


def _last_friday(year: int, month: int) -> datetime:
    after = datetime(year + month // 12, month % 12 + 1, 1, DELIVERY_HOUR, tzinfo=UTC)
    last = after - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - 4) % 7)
