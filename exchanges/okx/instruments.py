"""The rows of `/public/instruments` as our instruments.

Source: https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.json import Decoder

from exchanges.decimals import Number, plain, unsigned
from exchanges.okx import names
from exchanges.okx.quantities import EXACT
from exchanges.symbols import Instrument, Kind

FULL_NAMES: dict[str, Literal["call", "put"]] = {"C": "call", "P": "put"}


class Row(Struct):
    """Announced markets have most fields empty, `instId` among them."""

    instType: str
    instId: str = ""
    state: str = ""
    baseCcy: str = ""
    quoteCcy: str = ""
    settleCcy: str = ""
    uly: str = ""
    instFamily: str = ""
    ctVal: str = ""
    ctMult: str = ""
    tickSz: str = ""
    lotSz: str = ""
    minSz: str = ""
    maxLmtSz: str = ""
    expTime: str = ""
    stk: str = ""
    optType: str = ""


row = Decoder(Row).decode


def instrument(row: Row) -> Instrument | None:
    """None for a market that is only announced: what it will be is not told yet."""
    spot = row.instType == "SPOT"
    if not (row.instId and row.tickSz and row.lotSz and (spot or row.ctVal)):
        return None
    if row.instType == "OPTION" and not (row.expTime and row.stk and row.optType):
        return None
    return _spot(row) if spot else _derivative(row)


def _spot(row: Row) -> Instrument:
    return Instrument(
        symbol=names.symbol(row.baseCcy, row.quoteCcy, None), venue_symbol=row.instId, base=row.baseCcy,
        quote=row.quoteCcy, kind="spot", status=names.status(row.state), contract_size=Number("1"),
        price_increment=unsigned(row.tickSz), quantity_increment=unsigned(row.lotSz),
        min_quantity=_times(row.minSz, None), max_quantity=_times(row.maxLmtSz, None),
    )  # fmt: skip


def _derivative(row: Row) -> Instrument:
    """The family names the pair; what settles in the coin and is no option counts in the quote."""
    base, _, quote = (row.instFamily or row.uly or row.instId).partition("-")
    quote = names.quote(quote.partition("-")[0])
    size = _times(row.ctVal, unsigned(row.ctMult or "1"))
    kind, rest = _kind(row)
    settle = row.settleCcy or None
    # The base units of an inverse contract depend on its price, so it has no increments in them.
    per_lot = None if settle == base and kind != "option" else size
    return Instrument(
        symbol=names.symbol(base, quote, settle, rest), venue_symbol=row.instId, base=base, quote=quote, kind=kind,
        status=names.status(row.state), settle=settle, contract_size=size, price_increment=unsigned(row.tickSz),
        quantity_increment=_times(row.lotSz, per_lot) if per_lot else None,
        min_quantity=_times(row.minSz, per_lot) if per_lot else None,
        max_quantity=_times(row.maxLmtSz, per_lot) if per_lot else None,
        expiry_us=None if kind == "perpetual" else names.micros(row.expTime),
        strike=unsigned(row.stk) if kind == "option" else None,
        option_type=FULL_NAMES.get(row.optType) if kind == "option" else None,
    )  # fmt: skip


def _kind(row: Row) -> tuple[Kind, str]:
    """Our kind, and what stands behind the pair in our symbol.

    An X-Perp is listed under FUTURES: where it has an expiry it is spelled and told as the future it is listed as. A
    swap has one only when it is about to be delisted.
    """
    expiry_ms = names.millis(row.expTime) if row.expTime else 0
    if row.instType == "SWAP" or not expiry_ms:
        return "perpetual", "PERP"
    if row.instType == "OPTION":
        return "option", f"{names.day(expiry_ms)}-{unsigned(row.stk)}-{row.optType}"
    return "future", names.day(expiry_ms)


def _times(number: str, factor: Number | None) -> Number | None:
    """Exactly; None where they send none."""
    if not number:
        return None
    own = unsigned(number)
    return own if factor is None else plain(EXACT.multiply(Decimal(own), Decimal(factor)))
