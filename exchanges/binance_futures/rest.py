"""The REST API of Binance USD-M Futures for market data: builds a request, reads its answer. Pure.

Source: https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec import MsgspecError, Raw, Struct
from msgspec.json import Decoder

from exchanges import rows
from exchanges.binance import names as spot_names
from exchanges.binance import rest as spot
from exchanges.binance.frames import Market, Time
from exchanges.binance_futures import frames, names
from exchanges.contract import Request, Sight
from exchanges.decimals import Number, unsigned
from exchanges.depths import levels
from exchanges.errors import BadFrame, Refused, UnknownMarket
from exchanges.events import Depth, Rejected, Ticker
from exchanges.symbols import Instrument, distinct

PAGE = 1000  # 1500 are served, at twice the weight
TRADES_PAGE = 1000
DEPTH_STEPS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}  # levels a side: weight; no other number is taken
GONE = {-1122, -4108, -4141}  # the market is not traded (any more)


class ExchangeInfo(Struct):
    symbols: list[Raw]


class Filter(Struct):
    """Each kind of filter has its own fields; those that we read."""

    filterType: str
    tickSize: str | None = None
    stepSize: str | None = None
    minQty: str | None = None
    maxQty: str | None = None
    notional: str | None = None


class SymbolInfo(Struct):
    symbol: Market
    status: str
    baseAsset: Market
    quoteAsset: Market
    contractType: str = ""  # this and the next two are not in lists of before there were dated contracts
    deliveryDate: Time = 0
    marginAsset: str = ""
    filters: list[Filter] = []


class Day(Struct):
    """Of `/ticker/24hr`; it has no best prices"""

    lastPrice: str
    lastQty: str
    openPrice: str
    highPrice: str
    lowPrice: str
    volume: str
    quoteVolume: str
    closeTime: Time


_exchange_info = Decoder(ExchangeInfo)
_symbol_info = Decoder(SymbolInfo)
_day = Decoder(Day)
_snapshot = Decoder(frames.Snapshot)

T = TypeVar("T")

read_candles = spot.read_candles
read_trades = spot.read_trades
used_weight = spot.used_weight


def instruments_requests() -> list[Request]:
    return [Request.get("/fapi/v1/exchangeInfo", 1)]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """Every linear contract. That COIN-M's are not among them is in no document, so they are left out if they are."""
    listed = _decoded(_exchange_info, body).symbols
    found = rows.read(listed, lambda row: _instrument(_symbol_info.decode(row)), rejected)
    return distinct(one for one in found if one)


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """Both ends select on the open time and are included, as on spot; no text says so. With an end that is excluded
    the answer would be the same, since no candle opens in the last millisecond."""
    count = min(limit or PAGE, PAGE)
    weight = next(weight for most, weight in ((99, 1), (499, 2), (PAGE, 5)) if count <= most)
    return Request.get(
        "/fapi/v1/klines", weight, symbol=instrument.venue_symbol, interval=names.INTERVALS[interval],
        startTime=start_ms, endTime=end_ms - 1, limit=count,
    )  # fmt: skip


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    """Aggregates, like the stream: single matches come without a key only as the newest, and by other ids."""
    count = min(limit or TRADES_PAGE, TRADES_PAGE)
    return Request.get("/fapi/v1/aggTrades", 20, symbol=instrument.venue_symbol, fromId=from_id, limit=count)


def ticker_request(instrument: Instrument) -> Request:
    return Request.get("/fapi/v1/ticker/24hr", 1, symbol=instrument.venue_symbol)


def glance_request(instruments: Sequence[Instrument]) -> Request:
    """One market, or all."""
    if len(instruments) == 1:
        return ticker_request(instruments[0])
    return Request.get("/fapi/v1/ticker/24hr", 40)


def read_glance(body: bytes) -> dict[str, Sight]:
    """The ids are of single matches, which our trades are not."""
    return {row.symbol: Sight(str(row.lastId)) for row in spot.newest(body)}


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    """The event time is the end of the window, which is when the exchange made the figures."""
    day = _decoded(_day, body)
    last = spot_names.existing(day.lastPrice)
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=spot_names.micros(day.closeTime), last_price=last,
        last_quantity=unsigned(day.lastQty) if last else None, open_24h=spot_names.existing(day.openPrice),
        high_24h=spot_names.existing(day.highPrice), low_24h=spot_names.existing(day.lowPrice),
        volume_24h=unsigned(day.volume), quote_volume_24h=unsigned(day.quoteVolume),
    )  # fmt: skip


def best_request() -> Request:
    """The best prices of every market."""
    return Request.get("/fapi/v1/ticker/bookTicker", 5)


def depth_request(instrument: Instrument, limit: int) -> Request:
    return snapshot_request(instrument.venue_symbol, limit)


def snapshot_request(venue_symbol: str, limit: int) -> Request:
    """The best `limit` levels a side or the next number that is taken, 1000 at most."""
    count = next((step for step in DEPTH_STEPS if limit <= step), max(DEPTH_STEPS))
    return Request.get("/fapi/v1/depth", DEPTH_STEPS[count], symbol=venue_symbol, limit=count)


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    book = _decoded(_snapshot, body)
    return Depth(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns, type="snapshot",
        event_us=None if book.E is None else spot_names.micros(book.E),
        bids=tuple(levels(book.bids)), asks=tuple(levels(book.asks)), sequence=book.lastUpdateId,
    )  # fmt: skip


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Exception | None:
    """As on spot, and a market that has ended has codes of its own."""
    error = spot.read_error(status, headers, body)
    if isinstance(error, Refused) and spot.code_of(body) in GONE:
        return UnknownMarket(str(error))
    return error


def _instrument(info: SymbolInfo) -> Instrument | None:
    """None for an inverse contract."""
    if info.marginAsset == info.baseAsset:
        return None
    filters = {rule.filterType: rule for rule in info.filters}
    nothing = Filter("")
    price, lot = filters.get("PRICE_FILTER", nothing), filters.get("LOT_SIZE", nothing)
    notional, limit = filters.get("MIN_NOTIONAL", nothing), spot_names.limit
    kind, settle = names.kind(info.contractType, info.symbol), info.marginAsset or info.quoteAsset
    return Instrument(
        symbol=names.symbol(info.baseAsset, info.quoteAsset, settle, kind, info.deliveryDate),
        venue_symbol=info.symbol, base=info.baseAsset, quote=info.quoteAsset, kind=kind,
        status=names.status(info.status), settle=settle,
        price_increment=limit(price.tickSize), quantity_increment=limit(lot.stepSize),
        min_quantity=limit(lot.minQty), max_quantity=limit(lot.maxQty), min_notional=limit(notional.notional),
        contract_size=Number("1"), expiry_us=info.deliveryDate * 1000 if kind == "future" else None,
    )  # fmt: skip


def _decoded(decoder: Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{error}; it begins with {body[:60]!r}", "body") from error
