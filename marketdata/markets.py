"""Finds what a user named: an exchange, a market in any spelling, an interval; a Problem where there is none."""

from django.db.models import Q

from exchanges.contract import Card
from marketdata import cards, ingest, instruments
from marketdata.models import Exchange, Interval, Symbol
from marketdata.problems import Problem, listed, one_of


def exchange(code: str) -> Card:
    """Its card."""
    if code in cards.codes():
        return cards.card(code)
    would = one_of(cards.codes(), code)
    raise Problem("unknown_exchange", f"exchange: {code!r} came; {would} would do.", "exchange")


def market(of: Card, spelling: str) -> Symbol:
    """The market that the spelling means, ours or the exchange's; a delisted one only by its full name."""
    known = instruments.current(of.code)
    found = known.find(spelling)
    if found:
        return Symbol.objects.get(exchange=of.code, symbol=found.symbol)
    row = delisted(of, spelling)
    if row:
        return row
    if not len(known):
        raise _unread(of)
    near = known.nearest(spelling)
    would = f"{listed(near)} would do" if near else f"symbols/?exchange={of.code} lists what would do"
    raise Problem("unknown_pair", f"symbol: {spelling!r} came, which {of.title} does not list; {would}.", "symbol")


def interval(of: Card, code: str) -> Interval:
    if code in of.intervals:
        found = Interval.objects.filter(exchange=of.code, code=code)
        return found.first() or (ingest.exchange(of) and found.get())  # the card may be newer than the last sync
    if not of.intervals:
        raise Problem("not_supported", f"{of.title} has no candles.", "interval")
    would = listed(of.intervals)
    raise Problem("not_supported", f"interval: {code!r} came; {of.title} offers {would}.", "interval")


def _unread(of: Card) -> Problem:
    """No list of markets was ever read."""
    error = Exchange.objects.filter(code=of.code).values_list("last_error", flat=True).first()
    if not error:
        return Problem("unavailable", f"The markets of {of.title} are not known yet; try again in a minute.", "symbol")
    came = f"exchange: {of.code!r} came, whose list of markets could not be read ({error})"
    return Problem("unavailable", f"{came}; status/ says what would do.", "exchange")


def delisted(of: Card, spelling: str) -> Symbol | None:
    """The market of that full name that the exchange had once."""
    ours = spelling.replace("/", "-").replace("_", "-")
    named = Q(symbol__iexact=ours) | Q(symbol__iexact=spelling) | Q(venue_symbol__iexact=spelling)
    return Symbol.objects.filter(named, exchange=of.code, status="delisted").order_by("-delisted_time").first()
