"""OKX's words and ours: markets, channels, bars, states, assets, times.

Source of every fact: https://www.okx.com/docs-v5/en/ (order book trading, public data, overview).
"""

import re
from datetime import UTC, datetime

from exchanges.errors import BadFrame
from exchanges.pictures import DEPTHS
from exchanges.symbols import Instrument, SymbolStatus

# Ours: theirs. `6H` and longer without `utc` open by Hong Kong's clock and are not offered; nor is `3Dutc`, of which no
# document says on which days it opens.
INTERVALS = {
    "1s": "1s", "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "2h": "2H", "4h": "4H",
    "6h": "6Hutc", "12h": "12Hutc", "1d": "1Dutc", "1w": "1Wutc", "1M": "1Mutc",
}  # fmt: skip
OUR_INTERVALS = {theirs: ours for ours, theirs in INTERVALS.items()}

# our stream: their channel
CHANNELS = {
    "trade": "trades-all",
    "ticker": "tickers",
    **dict.fromkeys(DEPTHS, "books"),
    **{f"candle_{ours}": f"candle{theirs}" for ours, theirs in INTERVALS.items()},
}

STABLE = "USDⓈ"  # what the families `…-USD_UM` settle in
UM = "_UM"

_spelling = re.compile(r"([^-]+)-([^-]+)(?:-(SWAP|([0-9]{6})(?:-([0-9]+(?:\.[0-9]+)?)-([CP]))?))?").fullmatch


def symbol(base: str, quote: str, settle: str | None, rest: str = "") -> str:
    """Our spelling; `rest` is what stands behind the pair: `PERP`, `20261225`, `20261225-90000-C`."""
    pair = f"{base}-{quote}-{rest}" if rest else f"{base}-{quote}"
    return pair if settle in (None, quote) else f"{pair}_{settle}"


def quote(theirs: str) -> str:
    """The asset of a family's second part, behind which may stand how it is margined: `USD_UM`."""
    return theirs.partition("_")[0]


def spelled(venue_symbol: str) -> str | None:
    """Our symbol by the spelling alone: USD families settle in their coin, `USD_UM` ones in USDⓈ, others in the quote.

    None where a name has other parts, as some futures of new families do.
    """
    found = _spelling(venue_symbol)
    if found is None:
        return None
    base, second, kind, day, strike, right = found.groups()
    if kind is None:
        return symbol(base, second, None)
    settle = STABLE if UM in second else base if second == "USD" else second
    rest = "PERP" if day is None else f"20{day}" + (f"-{strike}-{right}" if strike else "")
    return symbol(base, quote(second), settle, rest)


def is_spot(instrument: Instrument | None, venue_symbol: str) -> bool:
    """By the spelling where the market, or more than its name, is not known."""
    known = instrument is not None and instrument.base
    return instrument.kind == "spot" if instrument and known else venue_symbol.count("-") < 2


def status(state: str) -> SymbolStatus:
    """Whether the market trades; a state that is not known yet counts as not tradable."""
    return "trading" if state == "live" else "delisted" if state == "expired" else "halted"


def whole(text: str) -> int:
    """A whole number in text (a time, an id); BadFrame where it is none."""
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise BadFrame(f"not a whole number: {text[:30]!r}", "number")


def millis(text: str) -> int:
    """A time; BadFrame where it is none."""
    time_ms = whole(text)
    if time_ms >= 10**14:
        raise BadFrame(f"no time in milliseconds: {text}", "time")
    return time_ms


def micros(text: str) -> int | None:
    """Their milliseconds as microseconds; they write 0 (or nothing) for a time that does not exist."""
    return millis(text) * 1000 or None if text else None


def day(expiry_ms: int) -> str:
    """The day of an expiry as it stands in our symbols."""
    return f"{datetime.fromtimestamp(expiry_ms // 1000, UTC):%Y%m%d}"


def interval(bar: str) -> str:
    """Our interval; BadFrame where there is none."""
    if ours := OUR_INTERVALS.get(bar):
        return ours
    raise BadFrame(f"unknown or unanchored bar {bar[:20]!r}", "interval")
