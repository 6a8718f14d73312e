"""Kraken's words and ours: assets, pairs, intervals, status, side, numbers and times.

Source of every fact: https://docs.kraken.com/exchange (spot REST, WebSocket v1 and v2).
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import Raw

from exchanges.decimals import ZERO, Number, unsigned
from exchanges.errors import BadFrame
from exchanges.events import Side
from exchanges.symbols import SymbolStatus

# ours: theirs, in minutes. Their weeks (10080) are not documented to open on Monday, and 21600 is none of ours.
INTERVALS = {"1m": "1", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "4h": "240", "1d": "1440"}
OUR_INTERVALS = {int(theirs): ours for ours, theirs in INTERVALS.items()}

# The names of REST and of WebSocket v1; WebSocket v2 says what everybody says.
RENAMED = {"XBT": "BTC", "XDG": "DOGE"}
# Asset ids with a letter for their class in front. No newer asset has one, and XTZ or ZRX only look like it.
CLASSED = {
    "XDAO", "XETC", "XETH", "XICN", "XLTC", "XMLN", "XNMC", "XREP", "XXBT", "XXDG", "XXLM", "XXMR", "XXRP", "XXVN",
    "XZEC", "ZAUD", "ZCAD", "ZEUR", "ZGBP", "ZJPY", "ZKRW", "ZUSD",
}  # fmt: skip

# Orders are matched in these states; in the others (post_only, cancel_only, maintenance …) nothing can trade.
TRADING = {"online", "limit_only", "reduce_only"}

SIDES: dict[str, Side] = {"b": "buy", "s": "sell", "buy": "buy", "sell": "sell"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATEST_US = 10**17
MISSING = (b"", b"null")


def asset(theirs: str) -> str:
    """Our name of an asset id, an altname or a leg of a pair."""
    name = theirs[1:] if theirs in CLASSED else theirs
    return RENAMED.get(name, name)


def pair(theirs: str) -> str:
    """A pair with a slash as WebSocket v2 spells it, which is our venue symbol: `XBT/USD` -> `BTC/USD`."""
    return "/".join(RENAMED.get(leg, leg) for leg in theirs.split("/"))


def symbol(base: str, quote: str) -> str:
    """Our spelling of a spot market."""
    return f"{base}-{quote}"


def spelled(venue_symbol: str) -> str | None:
    """Our symbol from a pair with a slash, of either WebSocket version."""
    legs = pair(venue_symbol).split("/")
    return symbol(*legs) if len(legs) == 2 and all(legs) else None


def is_token(venue_symbol: str) -> bool:
    """Whether the base is a tokenized stock (`AAPLx/USD`), which REST serves as another class of asset."""
    base = venue_symbol.partition("/")[0]
    return len(base) > 1 and base.endswith("x") and base[:-1].upper() == base[:-1]


def status(theirs: str) -> SymbolStatus:
    """Whether the market trades; a status that is not known yet counts as not tradable."""
    if theirs == "delisted":
        return "delisted"
    return "trading" if theirs in TRADING else "halted"


def side(theirs: str) -> Side:
    """The taker's. Documented for both WebSocket versions; REST names the same field without saying whose it is."""
    if ours := SIDES.get(theirs):
        return ours
    raise BadFrame(f"unknown side {theirs[:20]!r}", "side")


def interval(minutes: int) -> str:
    """Our interval; BadFrame where there is none."""
    if ours := OUR_INTERVALS.get(minutes):
        return ours
    raise BadFrame(f"an interval of {minutes} minutes is none of ours", "interval")


def text(raw: Raw) -> str:
    """A JSON number as it was written."""
    return bytes(raw).decode()


def number(raw: Raw) -> Number:
    """A JSON number, exact; BadFrame for anything else."""
    return unsigned(text(raw))


def existing(price: str | Raw | None) -> Number | None:
    """A price or figure; they write 0 for what does not exist, or leave it out."""
    if price is None or (isinstance(price, Raw) and bytes(price) in MISSING):
        return None
    found = number(price) if isinstance(price, Raw) else unsigned(price)
    return None if found == ZERO else found


def micros(time: datetime | None) -> int | None:
    """Their time as microseconds; they write the epoch where they have none."""
    return None if time is None or time <= EPOCH else (time - EPOCH) // MICROSECOND


def micros_of(seconds: str) -> int:
    """A time in seconds with a fraction, as text; exact, which a float would not be."""
    time_us = int(Decimal(unsigned(seconds)) * 1_000_000)
    if time_us >= LATEST_US:
        raise BadFrame(f"a time of {seconds[:40]} s", "time")
    return time_us
