"""Binance's REST API for market data: builds a request, reads its answer. Pure.

Source: https://developers.binance.com/en/docs/products/spot, REST API, filters, errors.
"""

import json
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from msgspec import UNSET, MsgspecError, Raw, Struct, UnsetType
from msgspec.json import Decoder

from exchanges import rows
from exchanges.binance import names
from exchanges.binance.frames import Id, Market, Snapshot, Time
from exchanges.contract import Request, Sight
from exchanges.decimals import Number, unsigned
from exchanges.depths import levels
from exchanges.errors import BadFrame, Forbidden, RateLimited, Refused, ServerFault, UnknownMarket
from exchanges.events import Candle, Depth, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, distinct

PAGE = 1000
GLANCE = 20  # markets that one look may show for the weight of one
UNKNOWN_MARKET, TOO_MANY = -1121, -1003
TIMED_OUT = 408
PASSING = {-1000, -1001, -1006, -1007, -1008}  # their own failures, timeouts and overload, whatever the HTTP status
LIMITED_S, BANNED_S = 60.0, 120.0  # what to wait where the exchange does not say
LONGEST_BAN_S = 3 * 86400.0  # by their documentation
_banned = re.compile(r"banned until ([0-9]{13})\b").search  # milliseconds; observed, in no document


class ExchangeInfo(Struct):
    symbols: list[Raw]


class Filter(Struct):
    """Each kind of filter has its own fields; those that we read."""

    filterType: str
    tickSize: str | None = None
    stepSize: str | None = None
    minQty: str | None = None
    maxQty: str | None = None
    minNotional: str | None = None
    maxNotional: str | None = None


class SymbolInfo(Struct):
    symbol: Market
    status: str
    baseAsset: Market
    quoteAsset: Market
    filters: list[Filter] = []


class TradeRow(Struct):
    id: Id
    price: str
    qty: str
    time: Time
    isBuyerMaker: bool


class AggregateRow(Struct):
    """Of `/aggTrades`; on the futures `q` holds the fills of retail liquidity too"""

    a: Id
    p: str
    q: str
    T: Time
    m: bool


class Which(Struct):
    """Tells an aggregate from a match."""

    a: Raw | UnsetType = UNSET


class Day(Struct):
    """Of `/ticker/24hr`; of `type=MINI` without the last quantity and the best prices"""

    lastPrice: str
    openPrice: str
    highPrice: str
    lowPrice: str
    volume: str
    quoteVolume: str
    closeTime: Time
    lastQty: str | None = None
    bidPrice: str | None = None
    bidQty: str | None = None
    askPrice: str | None = None
    askQty: str | None = None


class Newest(Struct):
    """Of `/ticker/24hr`: the id of the newest trade"""

    symbol: Market
    lastId: int  # -1 where there was none


class Error(Struct):
    code: int = 0
    msg: str = ""


# open time, open, high, low, close, volume, close time, quote volume, trades, and three that we do not read
CandleRow = tuple[Time, str, str, str, str, str, Time, str, Id, Any, Any, Any]

_exchange_info = Decoder(ExchangeInfo)
_symbol_info = Decoder(SymbolInfo)
_rows: Decoder[list[Raw]] = Decoder(list[Raw])
_match = Decoder(TradeRow)
_aggregate = Decoder(AggregateRow)
_which = Decoder(Which)
_candle = Decoder(CandleRow)
_day = Decoder(Day)
_newest: Decoder[list[Newest] | Newest] = Decoder(list[Newest] | Newest)
_error = Decoder(Error)
_snapshot = Decoder(Snapshot)

T = TypeVar("T")


def instruments_requests() -> list[Request]:
    return [Request.get("/api/v3/exchangeInfo", 20)]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """Every spot market, delisted ones included as long as the exchange lists them."""
    info = _decoded(_exchange_info, body)
    return distinct(rows.read(info.symbols, lambda row: _instrument(_symbol_info.decode(row)), rejected))


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """Both ends select on the open time and are included, so the last millisecond before `end_ms` is asked for."""
    return Request.get(
        "/api/v3/klines", 2, symbol=instrument.venue_symbol, interval=names.INTERVALS[interval],
        startTime=start_ms, endTime=end_ms - 1, limit=min(limit or PAGE, PAGE),
    )  # fmt: skip


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """The last row is the running candle where the range reaches now; nothing in it says so but its close time."""
    now = received_ns // 1_000_000 if now_ms is None else now_ms

    def candle(row: Raw) -> Candle:
        opened, open_, high, low, close, volume, closed, quote_volume, trades, *_ = _candle.decode(row)
        open_ms, close_ms = names.micros(opened) // 1000, names.micros(closed) // 1000
        return Candle(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
            interval=interval, open_ms=open_ms, close_ms=close_ms, closed=close_ms < now, trades=trades,
            open=unsigned(open_), high=unsigned(high), low=unsigned(low), close=unsigned(close),
            volume=unsigned(volume), quote_volume=unsigned(quote_volume),
        )  # fmt: skip

    return rows.read(_rows_of(body), candle, rejected)


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    path = "/api/v3/trades" if from_id is None else "/api/v3/historicalTrades"
    return Request.get(path, 25, symbol=instrument.venue_symbol, fromId=from_id, limit=min(limit or PAGE, PAGE))


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    """Oldest first, single matches or aggregates, each with ids of their own."""

    def trade(raw: Raw) -> Trade:
        trade_id, price, quantity, time, buyer_is_maker = _figures(raw)
        return Trade(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
            trade_id=str(trade_id), price=unsigned(price), quantity=unsigned(quantity),
            side=names.side(buyer_is_maker), trade_us=names.micros(time),
        )  # fmt: skip

    return rows.read(_rows_of(body), trade, rejected)


def ticker_request(instrument: Instrument) -> Request:
    return Request.get("/api/v3/ticker/24hr", 2, symbol=instrument.venue_symbol)


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    """The event time is the end of the window, which is when the exchange made the figures."""
    day = _decoded(_day, body)
    bid, ask, last = names.limit(day.bidPrice), names.limit(day.askPrice), names.existing(day.lastPrice)
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=names.micros(day.closeTime),
        last_price=last, last_quantity=unsigned(day.lastQty) if last and day.lastQty else None,
        bid_price=bid, bid_quantity=unsigned(day.bidQty) if bid and day.bidQty else None,
        ask_price=ask, ask_quantity=unsigned(day.askQty) if ask and day.askQty else None,
        open_24h=names.existing(day.openPrice), high_24h=names.existing(day.highPrice),
        low_24h=names.existing(day.lowPrice),
        volume_24h=unsigned(day.volume), quote_volume_24h=unsigned(day.quoteVolume),
    )  # fmt: skip


def glance_request(instruments: Sequence[Instrument]) -> Request:
    """At most GLANCE markets."""
    markets = [instrument.venue_symbol for instrument in instruments]
    symbols = json.dumps(markets, separators=(",", ":"), ensure_ascii=False)
    return Request.get("/api/v3/ticker/24hr", 2, symbols=symbols, type="MINI")


def read_glance(body: bytes) -> dict[str, Sight]:
    """Trades are counted as in the stream of matches."""
    return {row.symbol: Sight(str(row.lastId), row.lastId) for row in newest(body)}


def newest(body: bytes) -> list[Newest]:
    """Of one market or many."""
    found = _decoded(_newest, body)
    return found if isinstance(found, list) else [found]


def depth_request(instrument: Instrument, limit: int) -> Request:
    return snapshot_request(instrument.venue_symbol, limit)


def snapshot_request(venue_symbol: str, limit: int) -> Request:
    """The best `limit` levels a side, 5000 at most; the more levels, the more weight."""
    steps = {100: 5, 500: 25, 1000: 50}
    weight = next((weight for levels, weight in steps.items() if limit <= levels), 250)
    return Request.get("/api/v3/depth", weight, symbol=venue_symbol, limit=limit)


def best_request() -> Request:
    """The best prices of every market."""
    return Request.get("/api/v3/ticker/bookTicker", 4)


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    """The exchange puts no time on it."""
    book = _decoded(_snapshot, body)
    return Depth(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns, type="snapshot",
        bids=tuple(levels(book.bids)), asks=tuple(levels(book.asks)), sequence=book.lastUpdateId,
    )  # fmt: skip


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Exception | None:
    error = _error_of(body) if status >= 400 or body[:8].startswith(b'{"code"') else None
    if status < 400 and error is None:
        return None
    reason = f"HTTP {status}" + (f": {error.code} {error.msg[:200]}" if error else "")
    if status in (418, 429) or (error and error.code == TOO_MANY):
        default_s = BANNED_S if status == 418 else LIMITED_S
        said = (_retry_after_s(headers), _banned_s(headers, error.msg if error else ""))
        return RateLimited(reason, next((after_s for after_s in said if after_s is not None), default_s))
    if status in (403, 451):
        return Forbidden(reason)
    if status >= 500 or status == TIMED_OUT or (error and error.code in PASSING):
        return ServerFault(reason, _retry_after_s(headers))
    return UnknownMarket(reason) if error and error.code == UNKNOWN_MARKET else Refused(reason)


def code_of(body: bytes) -> int | None:
    """The exchange's own number of an error; None where the body holds none."""
    error = _error_of(body)
    return error.code if error else None


def used_weight(headers: Mapping[str, str]) -> int | None:
    value = _header(headers, "x-mbx-used-weight-1m")
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None


def _instrument(info: SymbolInfo) -> Instrument:
    filters = {rule.filterType: rule for rule in info.filters}
    nothing = Filter("")
    price, lot = filters.get("PRICE_FILTER", nothing), filters.get("LOT_SIZE", nothing)
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or nothing
    return Instrument(
        symbol=names.symbol(info.baseAsset, info.quoteAsset), venue_symbol=info.symbol,
        base=info.baseAsset, quote=info.quoteAsset, kind="spot", status=names.status(info.status),
        price_increment=names.limit(price.tickSize), quantity_increment=names.limit(lot.stepSize),
        min_quantity=names.limit(lot.minQty), max_quantity=names.limit(lot.maxQty),
        min_notional=names.limit(notional.minNotional), max_notional=names.limit(notional.maxNotional),
        contract_size=Number("1"),
    )  # fmt: skip


def _figures(raw: Raw) -> tuple[int, str, str, int, bool]:
    """Id, price, quantity, time, whether the buyer is the maker."""
    if _which.decode(raw).a is not UNSET:
        row = _aggregate.decode(raw)
        return row.a, row.p, row.q, row.T, row.m
    match = _match.decode(raw)
    return match.id, match.price, match.qty, match.time, match.isBuyerMaker


def _decoded(decoder: Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{error}; it begins with {body[:60]!r}", "body") from error


def _rows_of(body: bytes) -> list[Raw]:
    return _decoded(_rows, body)


def _error_of(body: bytes) -> Error | None:
    try:
        return _error.decode(body)
    except (MsgspecError, UnicodeError, RecursionError):
        return None


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted), None)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = (_header(headers, "retry-after") or "").strip()
    return min(float(value), LONGEST_BAN_S) if value.isascii() and value.isdigit() else None


def _banned_s(headers: Mapping[str, str], words: str) -> float | None:
    """From the answer's own date to the moment that its words name; the futures document no `Retry-After`."""
    found, date = _banned(words), _header(headers, "date")
    if not found or not date:
        return None
    try:
        now_s = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    return min(max(int(found[1]) / 1000 - now_s, 1.0), LONGEST_BAN_S)
