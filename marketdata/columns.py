"""The columns of candles, and their form in Arrow and Parquet: no number is ever rounded.

A decimal column is decimal128(38, 18), which every reader knows, where each value of the answer fits it exactly; else
decimal256(76, 38); else text. `numbers=text` gives text at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from exchanges.decimals import plain
from exchanges.encoder import NumbersAs

Kind = Literal["text", "time", "exact", "count", "flag"]

CANDLE: Mapping[str, Kind] = {
    "exchange": "text",
    "symbol": "text",
    "venue_symbol": "text",
    "interval": "text",
    "open_time": "time",
    "close_time": "time",
    "open": "exact",
    "high": "exact",
    "low": "exact",
    "close": "exact",
    "volume": "exact",
    "quote_volume": "exact",
    "trades": "count",
    "closed": "flag",
}
TYPES = {"text": pa.string(), "time": pa.timestamp("us", tz="UTC"), "count": pa.int64(), "flag": pa.bool_()}
DECIMALS = (pa.decimal128(38, 18), pa.decimal256(76, 38))


def table(rows: Sequence[Mapping[str, Any]], numbers: NumbersAs) -> pa.Table:
    """The rows, whose times are milliseconds and whose exact numbers are Decimal."""
    return pa.table({name: _column([row[name] for row in rows], kind, numbers) for name, kind in CANDLE.items()})


def _column(values: Sequence[Any], kind: Kind, numbers: NumbersAs) -> pa.Array:
    if kind == "exact":
        return _exact(values, numbers)
    if kind == "time":
        values = [None if value is None else value * 1000 for value in values]
    return pa.array(values, TYPES[kind])


def _exact(values: Sequence[Decimal | None], numbers: NumbersAs) -> pa.Array:
    widths = () if numbers == "text" else DECIMALS
    for width in widths:
        if fits(values, width.precision, width.scale):
            return pa.array(values, width)
    return pa.array([None if value is None else plain(value) for value in values], pa.string())


def fits(values: Iterable[Decimal | None], precision: int, scale: int) -> bool:
    """Whether each value has no more digits before and behind the point than such a column holds."""
    for value in values:
        if value:
            whole, _, fraction = plain(value.copy_abs()).partition(".")
            if len(whole) > precision - scale or len(fraction) > scale:
                return False
    return True
