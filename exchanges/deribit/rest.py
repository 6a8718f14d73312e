"""Deribit's HTTP interface for market data: builds a request, reads its answer. Pure.

Source: https://docs.deribit.com, API reference, errors, rate limits.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from msgspec import UNSET, MsgspecError, Raw
from msgspec.structs import replace

from exchanges import intervals, rows
from exchanges.contract import Request
from exchanges.deribit import candles, errors, frames, instruments, tickers, trades, units
from exchanges.deribit.names import INTERVALS
from exchanges.errors import BadFrame
from exchanges.events import Candle, Depth, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, distinct

PUBLIC = "/api/v2/public/"
# ccxt asks for 1000 candles without being told how many; no document names the most (5000 by ccxt's notes).
PAGE = 1000
MOST_TRADES = 1000
DEPTHS = (1, 5, 10, 20, 50, 100, 1000, 10000)
INSTRUMENTS_WEIGHT = 20  # 10,000 credits, where the others take 500

read_error = errors.read_error

Figure = Decimal | None

T = TypeVar("T")


def instruments_requests() -> list[Request]:
    """One request a kind, so that combos stay out; `any` covers every currency."""
    return [
        Request.get(f"{PUBLIC}get_instruments", INSTRUMENTS_WEIGHT, currency="any", kind=kind)
        for kind in instruments.KINDS
    ]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """Of `get_instruments`, or of `get_instrument`, which names one."""
    result = _result(body, bytes)
    listed = frames.rows(result) if result.startswith(b"[") else [Raw(result)]

    def read(row: Raw) -> Instrument:
        return instruments.instrument(frames.listed(row))

    return distinct(rows.read(listed, read, rejected))


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """Bounds are in no document; a millisecond earlier the first candle is there in either reading."""
    return Request.get(
        f"{PUBLIC}get_tradingview_chart_data", instrument_name=instrument.venue_symbol,
        start_timestamp=max(start_ms - 1, 0), end_timestamp=_end_ms(interval, start_ms, end_ms, limit),
        resolution=INTERVALS[interval],
    )  # fmt: skip


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """A time without trades has a candle without volume; the running one is there where the range reaches now."""
    chart = _result(body, frames.chart)
    now = received_ns // 1_000_000 if now_ms is None else now_ms
    costs: list[Figure] = chart.cost if chart.cost is not None else [None] * len(chart.ticks)
    columns = chart.open, chart.high, chart.low, chart.close, chart.volume, costs
    if {len(column) for column in columns} != {len(chart.ticks)}:
        raise BadFrame("columns of different lengths", "columns")

    def read(row: tuple[int, Figure, Figure, Figure, Figure, Figure, Figure]) -> Candle:
        tick, open_, high, low, close, volume, cost = row
        if open_ is None or high is None or low is None or close is None or volume is None:
            raise BadFrame("a candle with a figure missing", "candle")
        sample = frames.Sample(tick, open_, high, low, close, volume, cost)
        made = candles.candle(instrument.symbol, instrument.venue_symbol, interval, sample, received_ns, closed=False)
        return replace(made, closed=made.close_ms < now)

    return rows.read(zip(chart.ticks, *columns, strict=True), read, rejected)


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    """The newest, or those from a place in the market's own count (`trade_seq`) on."""
    return Request.get(
        f"{PUBLIC}get_last_trades_by_instrument", instrument_name=instrument.venue_symbol, start_seq=from_id,
        count=min(limit or MOST_TRADES, MOST_TRADES), sorting="desc" if from_id is None else "asc",
    )  # fmt: skip


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    """Oldest first, by the market's own count."""
    in_quote = units.counts_quote(instrument, instrument.venue_symbol)

    def read(raw: Raw) -> Trade:
        return trades.trade(instrument.symbol, frames.trade_row(raw), in_quote, received_ns)

    found = rows.read(_result(body, frames.trades).trades, read, rejected)
    return sorted(found, key=lambda trade: trade.number or 0)


def ticker_request(instrument: Instrument) -> Request:
    return Request.get(f"{PUBLIC}ticker", instrument_name=instrument.venue_symbol)


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    day = _result(body, frames.day)
    figures = _read(lambda: tickers.whole(day, units.counts_quote(instrument, instrument.venue_symbol)))
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=day.timestamp * 1000, **figures,
    )  # fmt: skip


def depth_request(instrument: Instrument, limit: int) -> Request:
    """The exchange has a few depths; the next one that is enough."""
    depth = next((depth for depth in DEPTHS if depth >= limit), DEPTHS[-1])
    return Request.get(f"{PUBLIC}get_order_book", instrument_name=instrument.venue_symbol, depth=depth)


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    """Numbered as the channel is."""
    book = _result(body, frames.book)
    in_quote = units.counts_quote(instrument, instrument.venue_symbol)
    return Depth(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=book.timestamp * 1000, type="snapshot", bids=tuple(units.levels(book.bids, in_quote)),
        asks=tuple(units.levels(book.asks, in_quote)), sequence=book.change_id,
    )  # fmt: skip


def used_weight(headers: Mapping[str, str]) -> int | None:
    """No header says."""
    return None


def _end_ms(interval: str, start_ms: int, end_ms: int, limit: int | None) -> int:
    """The last millisecond that is asked for: a page's, or the range's where that is shorter."""
    most = min(limit or PAGE, PAGE) * intervals.length_ms(interval)
    return min(end_ms, intervals.open_ms(interval, start_ms) + most) - 1


def _result(body: bytes, decode: Callable[[Raw], T]) -> T:
    def read() -> T:
        answer = frames.answer(body)
        if answer.result is UNSET:
            raise BadFrame("an answer without a result", "result")
        return decode(answer.result)

    return _read(read)


def _read(read: Callable[[], T]) -> T:
    try:
        return read()
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{type(error).__name__}: {error}"[:300], "body") from error
