"""Binance's words and ours: markets, streams, intervals, status, side, numbers that mean absence.

Source of every fact: https://developers.binance.com/en/docs/products/spot (REST API, WebSocket streams, enums).
"""

from functools import lru_cache

from exchanges.contract import ALL
from exchanges.decimals import ZERO, Number, unsigned
from exchanges.errors import BadFrame
from exchanges.events import Side
from exchanges.symbols import SymbolStatus

# ours: theirs
INTERVALS = {
    "1s": "1s", "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "2h": "2h", "4h": "4h",
    "6h": "6h", "8h": "8h", "12h": "12h", "1d": "1d", "3d": "3d", "1w": "1w", "1M": "1M",
}  # fmt: skip
OUR_INTERVALS = {theirs: ours for ours, theirs in INTERVALS.items()}

# our stream: what stands behind the symbol and `@` in theirs
STREAMS = {
    "trade": ("trade",),
    "ticker": ("ticker", "bookTicker"),
    "depth": ("depth@100ms",),
    "depth_5": ("depth@100ms",),
    "depth_10": ("depth@100ms",),
    "depth_20": ("depth@100ms",),
    "depth_50": ("depth@100ms",),
    **{f"candle_{ours}": (f"kline_{theirs}",) for ours, theirs in INTERVALS.items()},
}

# our stream of every market: theirs
ALL_STREAMS = {"ticker": ("!miniTicker@arr",)}

# `e` of a payload: the family of its stream
FAMILIES = {
    "trade": "trade",
    "aggTrade": "aggTrade",
    "24hrTicker": "ticker",
    "24hrMiniTicker": "miniTicker",
    "kline": "kline",
    "depthUpdate": "depth",
    "serverShutdown": "serverShutdown",
}
SPEEDS = ("@100ms", "@1000ms", "@500ms", "@250ms")


def symbol(base: str, quote: str) -> str:
    """Our spelling of a spot market; asset names are theirs, also where they are not ASCII."""
    return f"{base}-{quote}"


def status(theirs: str) -> SymbolStatus:
    """Whether the market trades; a status that is not known yet counts as not tradable."""
    return "trading" if theirs == "TRADING" else "halted"


def side(buyer_is_maker: bool) -> Side:
    """The aggressor: a resting buyer means that somebody sold."""
    return "sell" if buyer_is_maker else "buy"


def streams(stream: str, venue_symbol: str) -> list[str]:
    """Their streams that our stream of one market, or of every market, is made from."""
    if venue_symbol == ALL:
        return list(ALL_STREAMS[stream])
    return [f"{venue_symbol.lower()}@{suffix}" for suffix in STREAMS[stream]]


@lru_cache(maxsize=8192)
def family(stream: str) -> tuple[str, str]:
    """What a stream of theirs carries, and of which market: `btcusdt@depth5@100ms` -> (`depth5`, `BTCUSDT`)."""
    market, _, rest = stream.partition("@")
    if market.startswith("!"):
        return stream[1:], ""
    for speed in SPEEDS:
        rest = rest.removesuffix(speed)
    # A candle stream with a time zone behind it does not open where ours do, and is none of ours.
    return ("kline" if rest.startswith("kline_") and "@" not in rest else rest), market.upper()


def interval(theirs: str) -> str:
    """Our interval; BadFrame where there is none."""
    if ours := OUR_INTERVALS.get(theirs):
        return ours
    raise BadFrame(f"unknown interval {theirs[:20]!r}", "interval")


def existing(price: str) -> Number | None:
    """A price; they write 0 for one that does not exist (an empty side of the book, no trade yet)."""
    number = unsigned(price)
    return None if number == ZERO else number


def limit(value: str | None) -> Number | None:
    """A rule of a market, or a price that may be left out; 0 or absence means that there is none."""
    return None if value is None else existing(value)


def micros(time: int) -> int:
    """Their time as microseconds: milliseconds, or microseconds where a connection asked for them."""
    return time if time >= 10**14 else time * 1000
