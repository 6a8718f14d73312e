"""Bitstamp's words and ours: channels, intervals, status, side, increments, numbers that mean absence.

Source: https://www.bitstamp.net/api/ and https://www.bitstamp.net/websocket/v2/
"""

from exchanges.decimals import ZERO, Number, plain, unsigned
from exchanges.errors import BadFrame
from exchanges.events import Side
from exchanges.pictures import DEPTHS
from exchanges.symbols import SymbolStatus

# ours: theirs, in seconds
INTERVALS = {
    "1m": "60", "3m": "180", "5m": "300", "15m": "900", "30m": "1800", "1h": "3600", "2h": "7200", "4h": "14400",
    "6h": "21600", "12h": "43200", "1d": "86400",
}  # fmt: skip
OUR_INTERVALS = {theirs: ours for ours, theirs in INTERVALS.items()}

TRADES, BOOK = "live_trades_", "order_book_"
# our stream: what stands before the market in the name of their channel
CHANNELS = {"trade": TRADES, **dict.fromkeys(DEPTHS, BOOK)}

# It is the taker's: of the two orders of a trade the younger one, by its number, is always on this side.
SIDES: dict[str, Side] = {"0": "buy", "1": "sell"}
SPOT = "SPOT"
MOST_DECIMALS = 18


def symbol(base: str, quote: str) -> str:
    """Our spelling of a spot market."""
    return f"{base}-{quote}"


def status(trading: str) -> SymbolStatus:
    """Whether the market trades; a word that is not known counts as not tradable."""
    return "trading" if trading == "Enabled" else "halted"


def side(kind: str) -> Side:
    """The taker's side; BadFrame where it is neither."""
    if found := SIDES.get(kind):
        return found
    raise BadFrame(f"a trade of type {kind[:20]!r}", "side")


def increment(decimals: int) -> Number:
    """The step of a number that is written with so many decimals."""
    if not 0 <= decimals <= MOST_DECIMALS:
        raise BadFrame(f"{decimals} decimals", "decimals")
    return plain(f"1e-{decimals}")


def existing(price: str | None) -> Number | None:
    """A price; absent, empty or 0 where there is none (an empty side of the book, no trade yet)."""
    number = unsigned(price) if price else ZERO
    return None if number == ZERO else number
