"""How REST answers are written: JSON for everything, and for candles also CSV, an Arrow stream and Parquet.

All formats hold the same values. Numbers are exact in each: JSON and CSV have their plain text; Arrow and Parquet have
decimal columns wide enough for every value of the answer, or text (`columns.py`).
"""

import csv
import io
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rest_framework.renderers import BaseRenderer

from exchanges.decimals import plain
from exchanges.encoder import NumbersAs, rows
from marketdata.columns import CANDLE, Kind, table


class Json(BaseRenderer):
    """Exact numbers as JSON numbers, or as text with `numbers=text`."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None) -> bytes:
        return b"" if data is None else rows(data, _numbers(context))


class CandlesCsv(BaseRenderer):
    """A header line and a line per candle; what is absent is empty. Times are milliseconds."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(CANDLE)
        writer.writerows([_cell(row[name], kind) for name, kind in CANDLE.items()] for row in data["results"])
        return text.getvalue()


class CandlesArrow(BaseRenderer):
    """Arrow's IPC stream; times are timestamp[us, UTC]."""

    media_type = "application/vnd.apache.arrow.stream"
    format = "arrow"
    charset = None
    render_style = "binary"

    def render(self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None) -> bytes:
        made = table(data["results"], _numbers(context))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, made.schema) as writer:
            writer.write_table(made)
        return sink.getvalue().to_pybytes()


class CandlesParquet(BaseRenderer):
    """One Parquet file, with the same columns as the Arrow stream."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"
    charset = None
    render_style = "binary"

    def render(self, data: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None) -> bytes:
        sink = pa.BufferOutputStream()
        pq.write_table(table(data["results"], _numbers(context)), sink, compression="zstd")
        return sink.getvalue().to_pybytes()


def _numbers(context: Mapping[str, Any] | None) -> NumbersAs:
    request = (context or {}).get("request")
    return "text" if request is not None and request.query_params.get("numbers") == "text" else "number"


def _cell(value: Any, kind: Kind) -> Any:
    if value is None:
        return ""
    if kind == "flag":
        return "true" if value else "false"
    return plain(value) if kind == "exact" else value
