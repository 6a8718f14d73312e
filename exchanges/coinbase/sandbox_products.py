"""The products as Coinbase spells and describes them, from the exchange's side: spot, its aliases, and two futures."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from exchanges.decimals import Number, plain
from exchanges.invented import Invented
from exchanges.symbols import Instrument

DAY_MS = 86_400_000
_ascii = re.compile(r"[A-Z0-9]+-[A-Z0-9]+").fullmatch
# code, underlying, base units in one contract, expiry; the second pays funding and has no expiry but in name
FUTURES = (
    ("BIT-29DEC28-CDE", "BIT", "BTC", "0.01", "2028-12-29T16:00:00Z", ""),
    ("BIP-20DEC30-CDE", "BIP", "BTC", "0.01", "2030-12-20T16:00:00Z", "0.0000125"),
    ("ETP-20DEC30-CDE", "ETP", "ETH", "0.1", "2030-12-20T16:00:00Z", "0.0000125"),
)


@dataclass(frozen=True)
class Future:
    """What makes a product a contract."""

    code: str
    size: Number
    expiry: str
    funding_rate: str


@dataclass(frozen=True)
class Product:
    """One product over a market of the invented exchange. Quantities of a future are in contracts, also parts of one,
    so that its trades, book and candles agree."""

    id: str
    quote: str
    instrument: Instrument
    alias: str = ""
    alias_to: str = ""
    future: Future | None = None

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    def size(self, quantity: str) -> str:
        """As Coinbase counts it."""
        return plain(Decimal(quantity) / Decimal(self.future.size)) if self.future else quantity


class Products:
    """By id. A market against USDT is listed against USD too, at the same prices, and that as USDC by another name."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.by_id: dict[str, Product] = {}
        listed = [instrument for instrument in instruments if _ascii(instrument.symbol)]
        for instrument in listed:
            self._add(Product(instrument.symbol, instrument.quote, instrument))
        for instrument in listed:
            if instrument.quote == "USDT":
                usd, usdc = f"{instrument.base}-USD", f"{instrument.base}-USDC"
                self._add(Product(usd, "USD", instrument, alias_to=usdc))
                self._add(Product(usdc, "USDC", instrument, alias=usd))
        against_dollar = {instrument.base: instrument for instrument in listed if instrument.quote == "USDT"}
        for id_, code, base, size, expiry, funding in FUTURES:
            if base in against_dollar:
                future = Future(code, Number(size), expiry, funding)
                self._add(Product(id_, "USD", against_dollar[base], future=future))

    def data(self, id_: str) -> Product | None:
        """The product under whose id the data comes."""
        product = self.by_id.get(id_)
        return self.by_id[product.alias] if product and product.alias else product

    def spot(self) -> Sequence[Product]:
        return [product for product in self.by_id.values() if not product.future]

    def futures(self) -> Sequence[Product]:
        return [product for product in self.by_id.values() if product.future]

    def pair(self, id_: str) -> Product | None:
        """A product of the Exchange: spot without aliases."""
        product = self.by_id.get(id_)
        return None if product is None or product.future or product.alias else product

    def pairs(self) -> Sequence[Product]:
        return [product for product in self.spot() if not product.alias]

    def _add(self, product: Product) -> None:
        self.by_id[product.id] = product


def time_text(time_ms: int) -> str:
    """RFC 3339 with microseconds."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}000Z"


def described(product: Product, market: Invented) -> dict[str, Any]:
    """One product of Advanced Trade."""
    instrument, window = product.instrument, market.window(product.symbol, DAY_MS)
    change = (Decimal(window.last) / Decimal(window.open) - 1) * 100
    row: dict[str, Any] = {
        "product_id": product.id, "price": window.last, "price_percentage_change_24h": f"{change:.14f}",
        "volume_24h": product.size(window.volume), "base_increment": product.size(instrument.quantity_increment or "0"),
        "quote_increment": "0.01", "quote_min_size": "0" if product.future else instrument.min_notional or "0",
        "quote_max_size": "100000000", "base_min_size": product.size(instrument.min_quantity or "0"),
        "base_max_size": product.size(instrument.max_quantity or "0"), "base_name": instrument.base,
        "quote_name": product.quote, "watched": False, "is_disabled": False, "new": False,
        "status": "" if product.future else "online", "cancel_only": False, "limit_only": False, "post_only": False,
        "trading_disabled": False, "auction_mode": False, "product_type": "FUTURE" if product.future else "SPOT",
        "quote_currency_id": product.quote, "base_currency_id": "" if product.future else instrument.base,
        "fcm_trading_session_details": {"is_session_open": True} if product.future else None, "mid_market_price": "",
        "alias": product.alias, "alias_to": [product.alias_to] if product.alias_to else [],
        "base_display_symbol": instrument.base, "quote_display_symbol": product.quote, "view_only": False,
        "price_increment": instrument.price_increment or "0", "display_name": product.id,
        "product_venue": "FCM" if product.future else "CBE", "approximate_quote_24h_volume": window.quote_volume,
        "new_at": "2023-01-01T00:00:00Z", "best_bid_price": window.bid[0], "best_ask_price": window.ask[0],
        "high_24h": window.high, "low_24h": window.low,
    }  # fmt: skip
    return row | {"future_product_details": _details(product, product.future)} if product.future else row


def _details(product: Product, future: Future) -> dict[str, Any]:
    return {
        "venue": "cde", "contract_code": future.code, "contract_expiry": future.expiry, "contract_size": future.size,
        "contract_root_unit": product.instrument.base, "group_description": f"{product.instrument.base} Futures",
        "contract_expiry_timezone": "Europe/London", "group_short_description": product.instrument.base,
        "risk_managed_by": "MANAGED_BY_FCM", "contract_expiry_type": "EXPIRING", "contract_display_name": product.id,
        "funding_rate": future.funding_rate, "open_interest": "1000", "perpetual_details": None,
    }  # fmt: skip


def paired(product: Product) -> dict[str, Any]:
    """One product of the Exchange."""
    instrument = product.instrument
    return {
        "id": product.id, "base_currency": instrument.base, "quote_currency": product.quote,
        "quote_increment": instrument.price_increment or "0", "base_increment": instrument.quantity_increment or "0",
        "display_name": f"{instrument.base}-{product.quote}", "min_market_funds": instrument.min_notional or "0",
        "margin_enabled": False, "post_only": False, "limit_only": False, "cancel_only": False, "status": "online",
        "status_message": "", "trading_disabled": False, "fx_stablecoin": False,
        "max_slippage_percentage": "0.02000000", "auction_mode": False, "high_bid_limit_percentage": "",
    }  # fmt: skip
