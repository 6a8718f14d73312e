"""Products as instruments: spot and US futures of Advanced Trade, spot of the Exchange.

Sources: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/public/list-public-products,
https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-all-known-trading-pairs
"""

from datetime import UTC, datetime
from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

from exchanges import rows
from exchanges.coinbase import names
from exchanges.coinbase.frames import Figure, Market
from exchanges.decimals import Number
from exchanges.errors import BadFrame
from exchanges.events import Rejected
from exchanges.symbols import Instrument, SymbolStatus, distinct


class Future(Struct):
    """`future_product_details`"""

    contract_expiry: str | None = None
    contract_size: Figure = None
    contract_root_unit: Figure = None
    contract_expiry_type: Figure = None
    funding_rate: str | None = None


class Product(Struct):
    """Of Advanced Trade"""

    product_id: Market
    product_type: str
    quote_currency_id: Market
    base_currency_id: Figure = None
    status: str = ""
    is_disabled: bool = False
    trading_disabled: bool = False
    cancel_only: bool = False
    alias: Figure = None
    price_increment: Figure = None
    base_increment: Figure = None
    base_min_size: Figure = None
    base_max_size: Figure = None
    quote_min_size: Figure = None
    quote_max_size: Figure = None
    future_product_details: Future | None = None


class Pair(Struct):
    """Of the Exchange"""

    id: Market
    base_currency: Market
    quote_currency: Market
    status: str
    quote_increment: Figure = None  # the price's
    base_increment: Figure = None
    base_min_size: Figure = None
    base_max_size: Figure = None
    min_market_funds: Figure = None
    trading_disabled: bool = False
    cancel_only: bool = False


class Listed(Struct):
    products: list[Raw]


_products = Decoder(Listed)
_one = Decoder(dict[str, Raw])
_rows: Decoder[list[Raw]] = Decoder(list[Raw])
_product = Decoder(Product)
_pair = Decoder(Pair)


def read(body: bytes, rejected: list[Rejected] | None) -> list[Instrument]:
    """A list of either interface, or one product of Advanced Trade. MsgspecError where it is neither.

    A product that is only another name of one (BTC-USDC of BTC-USD) is left out: its data comes under the other's id.
    """
    if body.lstrip()[:1] == b"[":
        return distinct(rows.read(_rows.decode(body), lambda row: _spot_pair(_pair.decode(row)), rejected))
    listed = _products.decode(body).products if "products" in _one.decode(body) else [Raw(body)]
    found = rows.read(listed, lambda row: _instrument(_product.decode(row)), rejected)
    return distinct(instrument for instrument in found if instrument)


def _instrument(product: Product) -> Instrument | None:
    if product.alias:
        return None
    if product.product_type == "SPOT":
        return _spot(product)
    if product.product_type == "FUTURE" and product.future_product_details:
        return _future(product, product.future_product_details)
    raise BadFrame(f"product type {product.product_type[:20]!r}", "product type")


def _spot(product: Product) -> Instrument:
    if not product.base_currency_id:
        raise BadFrame(f"{product.product_id} has no base", "base")
    return Instrument(
        symbol=f"{product.base_currency_id}-{product.quote_currency_id}", venue_symbol=product.product_id,
        base=product.base_currency_id, quote=product.quote_currency_id, kind="spot", status=_status(product),
        price_increment=names.existing(product.price_increment),
        quantity_increment=names.existing(product.base_increment),
        min_quantity=names.existing(product.base_min_size), max_quantity=names.existing(product.base_max_size),
        min_notional=names.existing(product.quote_min_size), max_notional=names.existing(product.quote_max_size),
        contract_size=Number("1"),
    )  # fmt: skip


def _future(product: Product, future: Future) -> Instrument:
    """Increments and bounds are in contracts."""
    size, base, quote = names.existing(future.contract_size), future.contract_root_unit, product.quote_currency_id
    if not size or not base:
        raise BadFrame(f"{product.product_id} has no contract size or no underlying", "contract")
    kind, ending, expiry_us = _term(product, future)

    def units(contracts: Figure) -> Number | None:
        number = names.existing(contracts)
        return number and names.times(number, size)

    return Instrument(
        symbol=f"{base}-{quote}-{ending}", venue_symbol=product.product_id, base=base, quote=quote, kind=kind,
        status=_status(product), settle=quote, price_increment=names.existing(product.price_increment),
        quantity_increment=units(product.base_increment), min_quantity=units(product.base_min_size),
        max_quantity=units(product.base_max_size), min_notional=names.existing(product.quote_min_size),
        max_notional=names.existing(product.quote_max_size), contract_size=size, expiry_us=expiry_us,
    )  # fmt: skip


def _term(product: Product, future: Future) -> tuple[Literal["perpetual", "future"], str, int | None]:
    """One that pays funding is a perpetual, also where it is called EXPIRING and has a far expiry."""
    if future.contract_expiry_type == "PERPETUAL" or future.funding_rate:
        return "perpetual", "PERP", None
    expiry_us = names.micros(future.contract_expiry) if future.contract_expiry else None
    if expiry_us is None:
        raise BadFrame(f"{product.product_id} has no expiry", "expiry")
    return "future", datetime.fromtimestamp(expiry_us // 1_000_000, UTC).strftime("%Y%m%d"), expiry_us


def _status(product: Product) -> SymbolStatus:
    """Futures have an empty `status`; a closed session is no halt, it opens again within the day."""
    if product.is_disabled or product.trading_disabled or product.cancel_only:
        return "halted"
    return "trading" if product.status in ("", "online") else _worded(product.status)


def _worded(status: str) -> SymbolStatus:
    return "delisted" if status == "delisted" else "halted"


def _spot_pair(pair: Pair) -> Instrument:
    online = pair.status == "online" and not (pair.trading_disabled or pair.cancel_only)
    return Instrument(
        symbol=f"{pair.base_currency}-{pair.quote_currency}", venue_symbol=pair.id, base=pair.base_currency,
        quote=pair.quote_currency, kind="spot", status="trading" if online else _worded(pair.status),
        price_increment=names.existing(pair.quote_increment), quantity_increment=names.existing(pair.base_increment),
        min_quantity=names.existing(pair.base_min_size), max_quantity=names.existing(pair.base_max_size),
        min_notional=names.existing(pair.min_market_funds), contract_size=Number("1"),
    )  # fmt: skip
