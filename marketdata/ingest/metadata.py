"""Writes exchanges, intervals and symbols."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F

from exchanges import intervals
from exchanges.contract import Card
from exchanges.symbols import Instrument
from marketdata import times
from marketdata.models import Exchange, Interval, Symbol

TEXTS = ("venue_symbol", "base", "quote", "kind", "status", "settle", "option_type")
NUMBERS = (
    "price_increment",
    "quantity_increment",
    "min_quantity",
    "max_quantity",
    "min_notional",
    "max_notional",
    "contract_size",
    "strike",
)
FACTS = (*TEXTS, *NUMBERS, "expiry_time")


class Counts(NamedTuple):
    """What one sync did to the markets of an exchange."""

    new: int = 0
    changed: int = 0
    delisted: int = 0


@transaction.atomic
def exchange(card: Card) -> Exchange:
    """The row of the card's exchange, with its intervals; made or brought up to date."""
    row, _ = Exchange.objects.update_or_create(code=card.code, defaults={"title": card.title, "kind": card.kind})
    known = dict(Interval.objects.filter(exchange=row).values_list("code", "venue_code"))
    for code, venue_code in card.intervals.items():
        if known.get(code) != venue_code:
            defaults = {"venue_code": venue_code, "length_ms": intervals.length_ms(code)}
            Interval.objects.update_or_create(exchange=row, code=code, defaults=defaults)
    return row


@transaction.atomic
def instruments(exchange: str, listed: Sequence[Instrument], now: datetime, complete: bool = True) -> Counts:
    """All markets that the exchange lists at this moment; those it no longer lists keep their rows as delisted.

    Not `complete`: the list had rows that could not be read, so what is not in it is left as it is.
    ValueError for an empty list: it would delist everything, and no exchange closes so. The exchange's row must exist.
    """
    if not listed:
        raise ValueError(f"{exchange} listed no market at all: nothing was changed")
    # The lock makes two syncs at once follow each other. Ids are spent on new markets only: they are 32 bits wide.
    row = Exchange.objects.select_for_update().get(code=exchange)
    known = {symbol.symbol: symbol for symbol in Symbol.objects.filter(exchange=row)}
    facts = {instrument.symbol: _facts(instrument) for instrument in listed}
    new = [_new(exchange, symbol, given, now) for symbol, given in facts.items() if symbol not in known]
    changed = [known[symbol] for symbol, given in facts.items() if symbol in known and _change(known[symbol], given)]
    unlisted = (symbol for name, symbol in known.items() if name not in facts) if complete else ()
    gone = [symbol for symbol in unlisted if symbol.status != "delisted"]
    for symbol in gone:
        symbol.status = "delisted"
    _save(row, new, [*changed, *gone], now)
    return Counts(len(new), len(changed), len(gone))


def sync_succeeded(exchange: str, now: datetime) -> None:
    Exchange.objects.filter(code=exchange).update(last_sync_time=now, last_error="", last_error_time=None)


def sync_failed(exchange: str, error: str, now: datetime) -> None:
    Exchange.objects.filter(code=exchange).update(last_error=error, last_error_time=now)


def _facts(instrument: Instrument) -> dict[str, Any]:
    facts: dict[str, Any] = {name: getattr(instrument, name) for name in TEXTS}
    facts |= {name: _decimal(getattr(instrument, name)) for name in NUMBERS}
    facts["expiry_time"] = None if instrument.expiry_us is None else times.from_us(instrument.expiry_us)
    return facts


def _decimal(number: str | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def _new(exchange: str, symbol: str, facts: dict[str, Any], now: datetime) -> Symbol:
    return Symbol(exchange_id=exchange, symbol=symbol, listed_time=now, **facts)


def _change(symbol: Symbol, facts: dict[str, Any]) -> bool:
    differing = {name: value for name, value in facts.items() if getattr(symbol, name) != value}
    for name, value in differing.items():
        setattr(symbol, name, value)
    return bool(differing)


def _save(row: Exchange, new: list[Symbol], changed: Iterable[Symbol], now: datetime) -> None:
    changed = list(changed)
    for symbol in (*new, *changed):
        symbol.changed_time = now
        symbol.delisted_time = (symbol.delisted_time or now) if symbol.status == "delisted" else None
    Symbol.objects.bulk_create(new, batch_size=2000)
    Symbol.objects.bulk_update(changed, [*FACTS, "changed_time", "delisted_time"], batch_size=200)
    if new or changed:
        Exchange.objects.filter(pk=row.pk).update(metadata_version=F("metadata_version") + 1)
