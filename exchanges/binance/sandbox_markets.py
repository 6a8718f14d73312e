"""The markets as Binance spells and describes them, from the exchange's side."""

from collections.abc import Iterable
from typing import Any

from exchanges.symbols import Instrument

DECIMALS = 8  # every price and quantity is written with so many
ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
PREVENTION_MODES = ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"]
ALLOWED = {
    "icebergAllowed": True, "ocoAllowed": True, "otoAllowed": True, "opoAllowed": True,
    "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": True, "cancelReplaceAllowed": True,
    "amendAllowed": True, "pegInstructionsAllowed": True, "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
}  # fmt: skip


class Markets:
    """All markets by Binance's spelling: `BTCUSDT`, in stream names `btcusdt`."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.by_name = {f"{instrument.base}{instrument.quote}": instrument for instrument in instruments}
        self.by_stream_name = {name.lower(): name for name in self.by_name}
        self.names = {instrument.symbol: name for name, instrument in self.by_name.items()}


def padded(number: str) -> str:
    """A canonical number with its zeros."""
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction:0<{DECIMALS}}"


def described(name: str, instrument: Instrument) -> dict[str, Any]:
    """One entry of exchangeInfo."""
    return {
        "symbol": name,
        "status": "TRADING" if instrument.status == "trading" else "BREAK",
        "baseAsset": instrument.base,
        "baseAssetPrecision": DECIMALS,
        "quoteAsset": instrument.quote,
        "quotePrecision": DECIMALS,
        "quoteAssetPrecision": DECIMALS,
        "baseCommissionPrecision": DECIMALS,
        "quoteCommissionPrecision": DECIMALS,
        "orderTypes": ORDER_TYPES,
        **ALLOWED,
        "filters": _filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": PREVENTION_MODES,
    }


def _filters(instrument: Instrument) -> list[dict[str, Any]]:
    tick, step = padded(instrument.price_increment or "0"), padded(instrument.quantity_increment or "0")
    least, most = padded(instrument.min_quantity or "0"), padded(instrument.max_quantity or "0")
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": padded("1000000"), "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": most, "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": padded("0"), "maxQty": most, "stepSize": padded("0")},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": padded(instrument.min_notional or "0"),
            "applyMinToMarket": True,
            "maxNotional": padded("9000000"),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]
