"""Bitstamp's REST API for market data: builds a request, reads its answer. Pure.

Source: https://www.bitstamp.net/api/ (market info, tickers, order book, public transactions, response codes)
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from msgspec import MsgspecError, Raw, Struct
from msgspec.json import Decoder

from exchanges import intervals, rows
from exchanges.bitstamp import frames, names, readings
from exchanges.contract import Request
from exchanges.decimals import Number, unsigned
from exchanges.errors import (
    BadFrame,
    ExchangeError,
    Forbidden,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)
from exchanges.events import Candle, Depth, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, distinct

API = "/api/v2"
PAGE = 1000
TICKERS = f"{API}/ticker/"
CANDLES = f"{API}/ohlc/"
RECENT = "hour"  # the trades of a minute, an hour or a day; a day of a busy market is some megabytes
SHOWN = 1000  # levels a side; a book comes whole
LIMITED = ("400.002", "400.067", "400.068")  # too many requests: of this address, of a client, of a market
LIMITED_S, LONGEST_S = 60.0, 3600.0  # what to wait where they do not say, and at most

T = TypeVar("T")


class Error(Struct):
    """The several shapes of one."""

    status: str | None = None
    error: Any = None
    reason: Any = None
    code: Any = None
    response_code: str | None = None
    response_explanation: str | None = None


_error = Decoder(Error).decode


def instruments_requests() -> list[Request]:
    return [Request.get(f"{API}/markets/")]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """The spot markets of the list."""
    found = rows.read(read(body, frames.rows), frames.market_row, rejected)
    return distinct(rows.read([row for row in found if row.market_type == names.SPOT], _instrument, rejected))


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """Where both ends are given they count from the end, so the limit is what lies between them."""
    length_ms = intervals.length_ms(interval)
    end_ms = min(end_ms, start_ms + min(limit or PAGE, PAGE) * length_ms)
    count = max(1, -(-(end_ms - start_ms) // length_ms))
    return Request.get(
        _of(CANDLES, instrument), step=names.INTERVALS[interval], limit=count, start=start_ms // 1000,
        end=(end_ms - 1) // 1000,
    )  # fmt: skip


def newest_candles_request(instrument: Instrument, interval: str, limit: int) -> Request:
    """The running one is the last of them."""
    return Request.get(_of(CANDLES, instrument), step=names.INTERVALS[interval], limit=limit)


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """Oldest first. One without trades is flat and has no volume."""
    now = received_ns // 1_000_000 if now_ms is None else now_ms

    def candle(raw: Raw) -> Candle:
        row = frames.candle_row(raw)
        open_ms = int(row.timestamp) * 1000
        if open_ms != intervals.open_ms(interval, open_ms):
            raise BadFrame(f"a candle of {interval} that opens at {open_ms}", "alignment")
        close_ms = intervals.close_ms(interval, open_ms)
        return Candle(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
            interval=interval, open_ms=open_ms, close_ms=close_ms, closed=close_ms < now, trades=None,
            open=unsigned(row.open), high=unsigned(row.high), low=unsigned(row.low), close=unsigned(row.close),
            volume=unsigned(row.volume), quote_volume=None,
        )  # fmt: skip

    return rows.read(read(body, frames.candles).data.ohlc, candle, rejected)


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    """Those of the last hour: neither an id nor a number of them can be asked for."""
    return Request.get(_of(f"{API}/transactions/", instrument), time=RECENT)


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    """Oldest first, though they are sent newest first; times are in whole seconds."""

    def trade(raw: Raw) -> Trade:
        row = frames.trade_row(raw)
        return Trade(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
            trade_id=str(row.tid), price=unsigned(row.price), quantity=unsigned(row.amount),
            side=names.side(row.type), trade_us=int(row.date) * 1_000_000,
        )  # fmt: skip

    return rows.read(read(body, frames.rows)[::-1], trade, rejected)


def ticker_request(instrument: Instrument) -> Request:
    return Request.get(_of(TICKERS, instrument))


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    return readings.ticker(instrument.symbol, instrument.venue_symbol, read(body, frames.day), received_ns)


def tickers_request() -> Request:
    """Of every market."""
    return Request.get(TICKERS)


def depth_request(instrument: Instrument, limit: int) -> Request:
    """The whole book: a number of levels cannot be asked for."""
    return Request.get(_of(f"{API}/order_book/", instrument))


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    book = read(body, frames.book)
    bids, asks = readings.sides(book)
    return Depth(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns, type="snapshot",
        event_us=int(book.microtimestamp), bids=bids[:SHOWN], asks=asks[:SHOWN],
    )  # fmt: skip


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError | None:
    """By the status, and by the response code where the body has one."""
    said = _error_of(body)
    code = (said.response_code or str(said.code or "")) if said else ""
    words = f"Bitstamp: HTTP {status} {_words(said)}".rstrip()
    if status == 429 or code in LIMITED:
        after_s = _retry_after_s(headers)
        return RateLimited(words, LIMITED_S if after_s is None else after_s)
    if status in (403, 451):
        return Forbidden(words)
    if status == 404:
        return UnknownMarket(words)
    if status >= 500:
        return ServerFault(words, _retry_after_s(headers))
    return Refused(words) if status >= 400 or said else None


def used_weight(headers: Mapping[str, str]) -> int | None:
    return None


def read(body: bytes, decode: Callable[[bytes], T]) -> T:
    """BadFrame where the body is not of that shape."""
    try:
        return decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{error}; it begins with {body[:60]!r}", "body") from error


def _of(path: str, instrument: Instrument) -> str:
    return f"{path}{quote(instrument.venue_symbol, safe='')}/"


def _instrument(row: frames.MarketRow) -> Instrument:
    return Instrument(
        symbol=names.symbol(row.base_currency, row.counter_currency), venue_symbol=row.market_symbol,
        base=row.base_currency, quote=row.counter_currency, kind="spot", status=names.status(row.trading),
        price_increment=names.increment(row.counter_decimals), quantity_increment=names.increment(row.base_decimals),
        min_quantity=names.existing(row.minimum_order_amount), max_quantity=names.existing(row.maximum_order_amount),
        min_notional=names.existing(row.minimum_order_value), max_notional=names.existing(row.maximum_order_value),
        contract_size=Number("1"),
    )  # fmt: skip


def _error_of(body: bytes) -> Error | None:
    """None where the body tells of none; a list tells of none."""
    if body[:1] != b"{":
        return None
    try:
        said = _error(body)
    except (MsgspecError, UnicodeError, RecursionError):
        return None
    return said if said.status == "error" or said.error is not None or said.response_code is not None else None


def _words(said: Error | None) -> str:
    told = (said.response_code, said.code, said.response_explanation, said.reason, said.error) if said else ()
    return " ".join(str(one)[:200] for one in told if one)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return min(float(value), LONGEST_S) if value.isascii() and value.isdigit() else None
