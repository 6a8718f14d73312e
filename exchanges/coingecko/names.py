"""CoinGecko's words and ours: coins by their id, the currency that prices are in, intervals, times. Pure."""

from datetime import UTC, datetime

from exchanges.contract import Keys, Request, Signed
from exchanges.errors import BadFrame
from exchanges.symbols import Instrument

# A coin's id is the only unique name; its symbol is shared by thousands. Markets are coins priced in US dollars.
QUOTE = "USD"
# The length of an ohlc row follows from how many days are asked for; the other lengths are for paid plans, and rows
# of four days, which come for longer spans, are no interval of ours.
INTERVALS = {"30m": "1", "4h": "30"}
KEPT = {"30m": 48, "4h": 180}
KEY = "COINGECKO_DEMO_KEY"
KEY_HEADER = "x-cg-demo-api-key"


def signed(request: Request, keys: Keys) -> Signed:
    """The key is optional and goes into a header, so that no address holds it."""
    key = keys.get(KEY)
    return Signed(request.target, {KEY_HEADER: key} if key else {})


def instrument(coin_id: str, symbol: str) -> Instrument:
    """A coin in US dollars. A few coins have no symbol: their id stands for it."""
    base = (symbol.strip() or coin_id).upper()
    if not coin_id:
        raise BadFrame("a coin without an id", "coin")
    return Instrument(symbol=f"{base}-{QUOTE}", venue_symbol=coin_id, base=base, quote=QUOTE, kind="spot")


def micros(text: str) -> int:
    """Microseconds of an ISO time with its zone; BadFrame where it is none."""
    try:
        time = datetime.fromisoformat(text)
        since = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise BadFrame(f"not a time: {text[:40]!r}", "time") from error
    if time.tzinfo is None:
        raise BadFrame(f"a time without a zone: {text[:40]!r}", "time")
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
