"""Why a market cannot be subscribed: what the database knows beyond the markets that are listed."""

from asgiref.sync import sync_to_async

from exchanges.contract import Card
from marketdata import cards, markets, refusals
from marketdata import sync as metadata
from marketdata.models import Exchange
from streams.database import DatabaseAway, database
from streams.messages import Refused


async def explained(card: Card, spelling: str, refused: Refused) -> Refused:
    """The same refusal with the reason where there is one: the market was delisted, or no list could be read."""
    try:
        found = await database.ask(_reason, card, spelling, refused.code)
    except DatabaseAway:  # the refusal stands, reason or not
        found = ""
    return Refused(refused.code, f"pair: {spelling[:80]!r} came; {found}") if found else refused


async def failed(code: str) -> bool:
    """Whether the list of markets was asked for lately, with the keys that we have now, and in vain."""
    known = sync_to_async(refusals.known, thread_sensitive=False)
    return await known(cards.card(code), metadata.NAME) is not None


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
