"""Why a market cannot be subscribed: what the database knows beyond the markets that are listed."""

from channels.db import database_sync_to_async
from django.db import Error

from exchanges.contract import Card
from marketdata import markets
from marketdata.models import Exchange
from streams.messages import Refused


async def explained(card: Card, spelling: str, refused: Refused) -> Refused:
    """The same refusal with the reason where there is one: the market was delisted, or no list could be read."""
    try:
        found = await database_sync_to_async(_reason, thread_sensitive=False)(card, spelling, refused.code)
    except Error:  # the refusal stands, reason or not
        found = ""
    return Refused(refused.code, f"pair: {spelling[:80]!r} came; {found}") if found else refused


async def last_error(code: str) -> str:
    """Why the list of markets could not be read; empty where it could, or was never asked for."""
    try:
        return await database_sync_to_async(_last_error, thread_sensitive=False)(code)
    except Error:
        return ""


def _reason(card: Card, spelling: str, code: str) -> str:
    if code == "unavailable":
        error = _last_error(card.code)
        return f"the markets of {card.code} are not known, as its list could not be read: {error}" if error else ""
    row = markets.delisted(card, spelling) if code == "unknown_pair" else None
    if row is None:
        return ""
    since = f" since {row.delisted_time:%Y-%m-%d %H:%M} UTC" if row.delisted_time else ""
    lists = f"GET /api/v1/symbols/?exchange={card.code}&status=trading lists what would do"
    return f"{card.code} no longer lists {row.symbol}{since}; {lists}"


def _last_error(code: str) -> str:
    return Exchange.objects.filter(code=code).values_list("last_error", flat=True).first() or ""
