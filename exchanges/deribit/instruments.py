"""Markets out of `get_instruments`: spot, perpetuals, futures, options; combos are left out.

Source: https://docs.deribit.com/api-reference/market-data/public-get_instruments
"""

from decimal import Decimal

from exchanges.decimals import ZERO, Number, unsigned
from exchanges.deribit import names
from exchanges.deribit.frames import Listed
from exchanges.errors import BadFrame
from exchanges.symbols import Instrument, Kind

KINDS: dict[str, Kind] = {"spot": "spot", "future": "future", "option": "option"}


def instrument(row: Listed) -> Instrument:
    """BadFrame for a kind that we do not know, or a derivative without what names it."""
    market = _market(row)
    settle = (
        None if market.kind == "spot" else row.settlement_currency or (market.base if market.inverse else market.quote)
    )
    perpetual, least = market.kind == "perpetual", _limit(row.min_trade_amount)
    expires_ms = None if perpetual or market.kind == "spot" else row.expiration_timestamp
    return Instrument(
        symbol=names.symbol(market, settle), venue_symbol=row.instrument_name, base=market.base, quote=market.quote,
        kind=market.kind, status=names.status(row.state, row.is_active), settle=settle,
        price_increment=_limit(row.tick_size),
        # The least amount is the step too: libraries use it so, their documents do not say.
        quantity_increment=None if market.counts_quote else least,
        min_quantity=None if market.counts_quote else least,
        min_notional=least if market.counts_quote else None,
        contract_size=_limit(row.contract_size), expiry_us=None if expires_ms is None else expires_ms * 1000,
        strike=market.strike, option_type=market.option_type,
    )  # fmt: skip


def _market(row: Listed) -> names.Spelled:
    kind = KINDS.get(row.kind)
    if kind is None:
        raise BadFrame(f"unknown kind {row.kind[:30]!r}", "kind")
    if kind == "future" and row.settlement_period == "perpetual":
        kind = "perpetual"
    inverse, quote = kind != "spot" and _inverse(row), row.counter_currency or row.quote_currency
    if inverse and quote == row.base_currency:  # an inverse option's price; older rows do not name the counter
        quote = names.DOLLAR
    if kind in ("future", "option") and row.expiration_timestamp is None:
        raise BadFrame(f"{row.instrument_name} has no expiry", "expiry")
    if kind == "option" and (row.strike is None or row.option_type not in ("call", "put")):
        raise BadFrame(f"{row.instrument_name} has no strike or type", "option")
    dated = kind in ("future", "option") and row.expiration_timestamp is not None
    return names.Spelled(
        row.base_currency, quote, kind, inverse,
        expiry=names.expiry(row.expiration_timestamp or 0) if dated else None,
        strike=unsigned(row.strike) if kind == "option" and row.strike is not None else None,
        option_type=("call" if row.option_type == "call" else "put") if kind == "option" else None,
    )  # fmt: skip


def _inverse(row: Listed) -> bool:
    """Older rows name neither a type nor what the market settles in."""
    if row.instrument_type is not None:
        return row.instrument_type == "reversed"
    if row.settlement_currency is not None:
        return row.settlement_currency == row.base_currency
    spelled = names.spelled(row.instrument_name)
    return spelled is not None and spelled.inverse


def _limit(value: Decimal | None) -> Number | None:
    number = ZERO if value is None else unsigned(value)
    return None if number == ZERO else number
