"""The markets out of `meta` (perpetuals) and `spotMeta`.

A price has at most five significant digits and no more decimals than the market's size leaves room for, and whole
prices are always valid: the step depends on the price, so there is no increment to tell.
"""

from msgspec import UNSET, MsgspecError, Raw

from exchanges import rows
from exchanges.decimals import Number, plain
from exchanges.errors import BadFrame
from exchanges.events import Rejected
from exchanges.hyperliquid import frames, names
from exchanges.symbols import Instrument, distinct

LEAST_ORDER = plain(10)  # quote units


def instruments(listing: frames.Listing, rejected: list[Rejected] | None) -> list[Instrument]:
    if listing.tokens is UNSET:
        return distinct(rows.read(listing.universe, lambda row: _perpetual(row, listing.collateralToken), rejected))
    tokens = {token.index: token for token in rows.read(listing.tokens, frames.token, rejected)}
    return distinct(rows.read(listing.universe, lambda row: _spot(row, tokens), rejected), names.own_id)


def _perpetual(row: Raw, collateral: int) -> Instrument:
    """Delisted ones stay in their list, because its order numbers the assets."""
    one, quote = frames.listed(row), names.COLLATERAL.get(collateral)
    if quote is None:
        raise BadFrame(f"collateral in an unknown token: {collateral}", "collateral")
    base = one.name.rpartition(":")[2]
    if not base:
        raise BadFrame(f"no name of a market: {one.name!r}", "name")
    step = _step(one.szDecimals)
    return Instrument(
        symbol=names.perpetual(base, quote), venue_symbol=one.name, base=base, quote=quote, kind="perpetual",
        status="delisted" if one.isDelisted else "trading", settle=quote, quantity_increment=step, min_quantity=step,
        min_notional=LEAST_ORDER, contract_size=plain(1),
    )  # fmt: skip


def _spot(row: Raw, tokens: dict[int, frames.Token]) -> Instrument:
    """`tokens` names indices, which are no places in the list."""
    try:
        pair = frames.pair(row)
        base, quote = (tokens[index] for index in pair.tokens)
    except KeyError as error:
        raise BadFrame(f"a market of an unknown token: {error}", "token") from error
    except MsgspecError as error:
        raise BadFrame(str(error), "shape") from error
    step = _step(base.szDecimals)
    return Instrument(
        symbol=f"{base.name}-{quote.name}", venue_symbol=pair.name, base=base.name, quote=quote.name, kind="spot",
        quantity_increment=step, min_quantity=step, min_notional=LEAST_ORDER,
    )  # fmt: skip


def _step(decimals: int) -> Number:
    return plain(f"1e-{decimals}")
