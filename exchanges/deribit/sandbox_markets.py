"""The markets as Deribit spells, counts and describes them, from the exchange's side.

Every invented market against USDT is a spot market and a linear perpetual; Bitcoin and Ether have inverse perpetuals,
futures and options too. All of one asset follow the same price. An option's price is that price moved by a few
decimal places: no model stands behind it, but its book, trades and candles agree with one another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Raw

from exchanges.decimals import ZERO, Number, plain
from exchanges.deribit.names import MONTHS
from exchanges.symbols import Instrument

INVERSE = {"BTC": "10", "ETH": "1"}  # dollars in one contract
STRIKES = {"BTC": ("60000", "100000"), "ETH": ("3000", "5000")}
NEVER_MS = 32503708800000  # when a perpetual expires
CREATED_MS = 1704067200000
EXPIRY_HOUR = 8
INVERSE_OPTION, LINEAR_OPTION = -6, -1  # decimal places that the price of an option is moved by
IDS_PER_TRADE = 1000  # so that markets of one currency have ids of their own


@dataclass(frozen=True)
class Market:
    """One market over an invented one."""

    name: str
    source: Instrument
    kind: str
    counter: str
    size: Number  # a contract's, in the unit of amounts
    number: int = 0
    inverse: bool = False
    period: str | None = None
    expires_ms: int = NEVER_MS
    strike: Number | None = None
    option_type: str | None = None
    shift: int = 0

    @property
    def base(self) -> str:
        return self.source.base

    @property
    def prefix(self) -> str:
        """What stands before the digits of a trade's id: nothing for inverse Bitcoin."""
        currency = self.base if self.inverse else f"{self.base}_{self.counter}"
        return "" if currency == "BTC" else f"{currency}-"

    def trade_id(self, number: int) -> str:
        return f"{self.prefix}{number * IDS_PER_TRADE + self.number}"

    def price(self, price: Number) -> Number:
        """An invented price or sum of money as this market has it."""
        return plain(Decimal(price).scaleb(self.shift)) if self.shift else price

    def amount(self, quantity: Number, price: Number) -> Number:
        """An invented quantity in this market's unit; of an inverse future whole contracts, at least one."""
        if not self.inverse or self.kind == "option" or quantity == ZERO:
            return quantity
        contracts = int(Decimal(quantity) * Decimal(price) / Decimal(self.size))
        return plain(max(1, contracts) * Decimal(self.size))

    def contracts(self, amount: Number) -> Number:
        return plain(Decimal(amount) / Decimal(self.size))


class Markets:
    """All markets by Deribit's names, as of the moment when the sandbox began."""

    def __init__(self, instruments: Iterable[Instrument], now_ms: int) -> None:
        made = (market for source in instruments if source.symbol.isascii() for market in _markets(source, now_ms))
        self.by_name = {market.name: _numbered(market, number) for number, market in enumerate(made)}


def raw(number: Number | None) -> Raw:
    """A JSON number as the exchange writes it, with a fraction always; null for None."""
    if number is None:
        return Raw(b"null")
    return Raw((number if "." in number else f"{number}.0").encode())


def described(market: Market) -> dict[str, Any]:
    """One row of get_instruments."""
    least = market.size if market.inverse or market.kind == "option" else market.source.min_quantity
    tick = market.source.price_increment
    row: dict[str, Any] = {
        "instrument_name": market.name, "instrument_id": 100_000 + market.number,
        "kind": market.kind, "instrument_type": "reversed" if market.inverse else "linear",
        "base_currency": market.base, "counter_currency": market.counter,
        "quote_currency": market.base if market.inverse and market.kind == "option" else market.counter,
        "price_index": f"{market.base}_{market.counter}".lower(),
        "tick_size": raw(market.price(tick) if tick else None), "tick_size_steps": [],
        "contract_size": raw(market.size), "min_trade_amount": raw(least),
        "maker_commission": raw(plain("0.0")), "taker_commission": raw(plain("0.0005")),
        "creation_timestamp": CREATED_MS, "expiration_timestamp": market.expires_ms,
        "is_active": True, "state": "open",
    }  # fmt: skip
    if market.kind != "spot":
        row |= {"settlement_period": market.period, "max_leverage": 50}
        row["settlement_currency"] = market.base if market.inverse else market.counter
    if market.kind == "option":
        row |= {"strike": raw(market.strike), "option_type": market.option_type}
    return row


def _numbered(market: Market, number: int) -> Market:
    return Market(**{**vars(market), "number": number})


def _markets(source: Instrument, now_ms: int) -> Iterator[Market]:
    base, least = source.base, source.min_quantity or plain(1)
    yield Market(f"{base}_{source.quote}", source, "spot", source.quote, least)
    if source.quote != "USDT":
        return
    yield Market(f"{base}_USDC-PERPETUAL", source, "future", "USDC", least, period="perpetual")
    soon, late = expiries_ms(now_ms)
    if base in INVERSE:
        size = plain(INVERSE[base])
        yield Market(f"{base}-PERPETUAL", source, "future", "USD", size, inverse=True, period="perpetual")
        for expires_ms, period in ((soon, "week"), (late, "month")):
            name = f"{base}-{_day(expires_ms)}"
            yield Market(name, source, "future", "USD", size, inverse=True, period=period, expires_ms=expires_ms)
        yield Market(f"{base}_USDC-{_day(late)}", source, "future", "USDC", least, period="month", expires_ms=late)
        yield from (_option(source, late, strike, side) for strike in STRIKES[base] for side in ("call", "put"))
    if base == "XRP":
        yield _option(source, late, "0.525", "call")


def _option(source: Instrument, expires_ms: int, strike: str, option_type: str) -> Market:
    inverse = source.base in INVERSE
    name = f"{source.base}{'' if inverse else '_USDC'}-{_day(expires_ms)}-{strike.replace('.', 'd')}"
    return Market(
        f"{name}-{option_type[0].upper()}", source, "option", "USD" if inverse else "USDC",
        plain("1") if inverse else plain("1000"), inverse=inverse, period="month", expires_ms=expires_ms,
        strike=plain(strike), option_type=option_type, shift=INVERSE_OPTION if inverse else LINEAR_OPTION,
    )  # fmt: skip


def expiries_ms(now_ms: int) -> tuple[int, int]:
    """The next Friday, and the last one of a quarter that is at least a month ahead, at 08:00 UTC."""
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    day = now.replace(hour=EXPIRY_HOUR, minute=0, second=0, microsecond=0)
    friday = day + timedelta(days=(4 - day.weekday()) % 7)
    soon = friday if friday > now else friday + timedelta(days=7)
    late = soon + timedelta(days=28)
    while late.month % 3 or (late + timedelta(days=7)).month == late.month:
        late += timedelta(days=7)
    return int(soon.timestamp()) * 1000, int(late.timestamp()) * 1000


def _day(expires_ms: int) -> str:
    """`5AUG23`: no zero before the day."""
    day = datetime.fromtimestamp(expires_ms // 1000, UTC)
    return f"{day.day}{MONTHS[day.month - 1]}{day.year % 100:02}"
