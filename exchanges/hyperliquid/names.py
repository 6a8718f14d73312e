"""Hyperliquid's words and ours: coins, intervals, collateral.

Source: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api (info endpoint, asset ids, notation).
"""

import re

from exchanges import intervals
from exchanges.errors import BadFrame
from exchanges.events import Side
from exchanges.symbols import Instrument

# ours: theirs, the same words. No document says where 3d, 1w and 1M open: what is not anchored in UTC is rejected.
INTERVALS = {
    name: name
    for name in ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w", "1M")
}  # fmt: skip
SIDES: dict[str, Side] = {"B": "buy", "A": "sell"}  # the aggressor's
USDC = "USDC"
COLLATERAL = {0: USDC, 235: "USDE", 360: "USDH"}  # token indices on the main network
_perpetual = re.compile(r"[A-Za-z0-9]{1,40}").fullmatch
_pair = re.compile(r"([A-Za-z0-9]{1,40})/([A-Za-z0-9]{1,40})").fullmatch


def symbol_of(coin: str) -> str | None:
    """Our symbol of `BTC` and `PURR/USDC`; None for `@107` and `xyz:TSLA`, whose quote the spelling does not tell."""
    if _perpetual(coin):
        return perpetual(coin, USDC)
    pair = _pair(coin)
    return f"{pair[1]}-{pair[2]}" if pair else None


def perpetual(base: str, quote: str) -> str:
    """Our spelling of a perpetual; `kPEPE` keeps its lower case."""
    return f"{base}-{quote}-PERP"


def own_id(instrument: Instrument) -> str:
    """What tells markets of one symbol apart: `142` of the spot market `@142`."""
    return instrument.venue_symbol.removeprefix("@")


def opened(interval: str, open_ms: int) -> int:
    """When a candle opened; BadFrame where it is not anchored in UTC, or the interval is none of theirs."""
    if interval not in INTERVALS:
        raise BadFrame(f"unknown interval {interval[:20]!r}", "interval")
    if intervals.open_ms(interval, open_ms) != open_ms:
        raise BadFrame(f"a candle of {interval} opens at {open_ms}, not at a multiple of its interval", "alignment")
    return open_ms
