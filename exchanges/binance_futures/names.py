"""The words of Binance USD-M Futures and ours: markets, streams, status; what spot shares is in binance/names.py.

Source of every fact: https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info.
"""

import re
from datetime import UTC, datetime

from exchanges.binance import names as spot
from exchanges.contract import ALL
from exchanges.errors import BadFrame
from exchanges.symbols import Kind, SymbolStatus

# ours: theirs. `1s` was taken off their list in 2026-07.
INTERVALS = {ours: theirs for ours, theirs in spot.INTERVALS.items() if ours != "1s"}

# our stream: what stands behind the symbol and `@` in theirs
STREAMS = {
    "trade": ("aggTrade",),
    "ticker": ("ticker",),
    **dict.fromkeys(("depth", "depth_5", "depth_10", "depth_20", "depth_50"), ("depth@100ms",)),
    **{f"candle_{ours}": (f"kline_{theirs}",) for ours, theirs in INTERVALS.items()},
}
ALL_STREAMS = {"ticker": ("!ticker@arr",)}  # our stream of every market: theirs
FAMILIES = {**spot.FAMILIES, "bookTicker": "bookTicker"}  # `e` of a payload: the family of its stream

USD_M = 1  # `st` of an event; 2 is COIN-M, which the streams of every market carry since the two were merged
MATCHED = "MARKET"  # `X` of a match; the others are fills of the insurance fund and of forced deleveraging
DELISTED = {"DELIVERED", "CLOSE"}
DATED = ("CURRENT_MONTH", "NEXT_MONTH", "CURRENT_QUARTER", "NEXT_QUARTER")  # each also with `DELIVERING` behind it
_dated_name = re.compile(r".+_[0-9]{6}").fullmatch


def streams(stream: str, venue_symbol: str) -> list[str]:
    """Their streams that our stream of one market, or of every market, is made from."""
    if venue_symbol == ALL:
        return list(ALL_STREAMS[stream])
    return [f"{venue_symbol.lower()}@{suffix}" for suffix in STREAMS[stream]]


def kind(contract_type: str, name: str) -> Kind:
    """A contract without a type is not listed yet (seen, in no document): its name tells."""
    if contract_type.startswith(DATED) or (not contract_type and _dated_name(name)):
        return "future"
    if "PERPETUAL" in contract_type or not contract_type:
        return "perpetual"
    raise BadFrame(f"unknown contract type {contract_type[:30]!r}", "contract type")


def symbol(base: str, quote: str, settle: str, kind: Kind, delivery_ms: int) -> str:
    """Our spelling; the settlement asset is named where it is not the quote."""
    term = "PERP" if kind == "perpetual" else _day(delivery_ms)
    return f"{base}-{quote}-{term}" + ("" if settle == quote else f"_{settle}")


def status(theirs: str) -> SymbolStatus:
    """Whether the market trades; a status that is not known yet counts as not tradable."""
    if theirs in DELISTED:
        return "delisted"
    return "trading" if theirs == "TRADING" else "halted"


def _day(time_ms: int) -> str:
    try:
        return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y%m%d")
    except (ValueError, OverflowError, OSError):
        raise BadFrame(f"a delivery at {time_ms} ms", "delivery") from None
