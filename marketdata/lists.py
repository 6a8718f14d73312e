"""Pages of symbols and backfills, and the list of intervals."""

from typing import Any

from django.db.models import Q, QuerySet
from rest_framework.request import Request

from marketdata import cards, markets, pages, rows
from marketdata.filters import BackfillQuery, IntervalQuery, SymbolQuery
from marketdata.models import Backfill, Interval, Symbol


def symbols(request: Request, asked: SymbolQuery) -> dict[str, Any]:
    """In order of exchange and symbol."""
    found = _symbols(asked)
    if asked.cursor is not None:
        exchange, symbol = pages.position(asked.cursor, str, str)
        found = found.filter(Q(exchange_id__gt=exchange) | Q(exchange_id=exchange, symbol__gt=symbol))
    page = list(found.order_by("exchange_id", "symbol")[: asked.limit + 1])
    following = None
    if len(page) > asked.limit:
        last = page[asked.limit - 1]
        following = pages.following(request, last.exchange_id, last.symbol)
    return {"results": [rows.symbol(row) for row in page[: asked.limit]], "next": following}


def intervals(asked: IntervalQuery) -> dict[str, Any]:
    codes = [markets.exchange(asked.exchange).code] if asked.exchange else cards.codes()
    found = Interval.objects.filter(exchange__in=codes).order_by("exchange_id", "length_ms")
    return {"results": [rows.interval(row) for row in found], "next": None}


def backfills(request: Request, asked: BackfillQuery) -> dict[str, Any]:
    """The newest first."""
    found = Backfill.objects.select_related("symbol", "interval").order_by("-id")
    if asked.exchange:
        found = found.filter(symbol__exchange=markets.exchange(asked.exchange).code)
    if asked.state:
        found = found.filter(state=asked.state)
    if asked.cursor is not None:
        found = found.filter(pk__lt=pages.position(asked.cursor, int)[0])
    page = list(found[: asked.limit + 1])
    following = pages.following(request, page[asked.limit - 1].pk) if len(page) > asked.limit else None
    return {"results": [rows.backfill(row) for row in page[: asked.limit]], "next": following}


def _symbols(asked: SymbolQuery) -> QuerySet[Symbol]:
    codes = [markets.exchange(asked.exchange).code] if asked.exchange else cards.codes()
    found = Symbol.objects.filter(exchange__in=codes)
    for name in ("kind", "status"):
        if getattr(asked, name):
            found = found.filter(**{name: getattr(asked, name)})
    for name in ("base", "quote"):
        asset = getattr(asked, name)
        if asset:  # some assets have lower case
            found = found.filter(**{f"{name}__in": {asset, asset.upper()}})
    if asked.search:
        found = found.filter(Q(symbol__icontains=asked.search) | Q(venue_symbol__icontains=asked.search))
    return found
