"""Coinbase's REST APIs for market data, Advanced Trade and Exchange: builds a request, reads its answer. Pure.

Sources: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/public,
https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote

from msgspec import MsgspecError, Raw, Struct
from msgspec.json import Decoder

from exchanges import intervals, rows
from exchanges.coinbase import names, products
from exchanges.coinbase.frames import CandleRow, Figure, Id, MarketTrade
from exchanges.contract import Keys, Request, Signed
from exchanges.decimals import ZERO, Number, unsigned
from exchanges.errors import (
    BadFrame,
    Forbidden,
    NotAuthenticated,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)  # fmt: skip
from exchanges.events import Candle, Depth, Level, Rejected, Ticker, Trade
from exchanges.symbols import Instrument

MARKET = "/api/v3/brokerage/market"
EXCHANGE = "exchange"  # the card's host
PAGE = 300  # 350 by the reference; whether both ends count is not said, and 300 fits in any case
MOST_CANDLES = 350
TRADES = 1000
LEVELS = 1000  # no document names the most; a smaller book is as good
LIMITED_S = 1.0  # the limits are per second


class Rows(Struct):
    """Lists inside an object"""

    candles: list[Raw] | None = None
    trades: list[Raw] | None = None


class ExchangeTrade(Struct):
    trade_id: Id
    price: str
    size: str
    side: str  # the maker's
    time: str


class Quote(Struct):
    """The ticker of the Exchange"""

    price: str
    size: Figure = None
    time: Figure = None
    bid: Figure = None
    ask: Figure = None
    volume: Figure = None


class Product(Struct):
    """A product of Advanced Trade as a ticker"""

    product_id: str
    price: str
    volume_24h: Figure = None
    high_24h: Figure = None
    low_24h: Figure = None
    best_bid_price: Figure = None
    best_ask_price: Figure = None


class PricedLevel(Struct):
    price: str
    size: str


class PriceBook(Struct):
    bids: list[PricedLevel]
    asks: list[PricedLevel]
    time: str | None = None


class Book(Struct):
    pricebook: PriceBook


class PairBook(Struct):
    """Of the Exchange: price, size, and how many orders (levels 1 and 2) or which one (level 3)"""

    bids: list[tuple[str, str, int | str]]
    asks: list[tuple[str, str, int | str]]
    sequence: Id | None = None
    time: Figure = None


# time (s), low, high, open, close, volume: of the Exchange, as numbers
PairCandle = tuple[Id, Decimal, Decimal, Decimal, Decimal, Decimal]


class OneError(Struct):
    id: str = ""
    message: str = ""


class Error(Struct):
    """Advanced Trade has `error`, the Exchange only `message`, the gate before them `errors`."""

    error: str = ""
    message: str = ""
    errors: list[OneError] = []


_rows = Decoder(Rows)
_list: Decoder[list[Raw]] = Decoder(list[Raw])
_candle = Decoder(CandleRow)
_market_trade = Decoder(MarketTrade)
_exchange_trade = Decoder(ExchangeTrade)
_quote = Decoder(Quote)
_product = Decoder(Product)
_book = Decoder(Book)
_pair_book = Decoder(PairBook)
_pair_candle = Decoder(PairCandle)
_error = Decoder(Error)

Figures = str | Decimal
T = TypeVar("T")


def instruments_requests() -> list[Request]:
    """Without a type the list holds spot alone."""
    return [Request.get(f"{MARKET}/products", product_type=kind) for kind in ("SPOT", "FUTURE")]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """Spot, dated futures and perpetuals; also the list of the Exchange."""
    try:
        return products.read(body, rejected)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{error}; it begins with {body[:60]!r}", "body") from error


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """Which ends are included is not said: a second before the first opening and before the end suits every reading.

    An answer is newest first, so a `limit` must end the range: it would cut the oldest otherwise.
    """
    most_ms = start_ms + min(limit or PAGE, PAGE) * intervals.length_ms(interval)
    return Request.get(
        f"{MARKET}/products/{_quoted(instrument)}/candles", start=-(-start_ms // 1000) - 1,
        end=-(-min(end_ms, most_ms) // 1000) - 1, granularity=names.INTERVALS[interval], limit=MOST_CANDLES,
    )  # fmt: skip


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """Of either interface. Intervals without a trade are missing. The volume of a future is taken as contracts, as its
    sizes are."""
    now = received_ns // 1_000_000 if now_ms is None else now_ms
    size = _size(instrument)

    def candle(start: str, open_: Figures, high: Figures, low: Figures, close: Figures, volume: Figures) -> Candle:
        open_ms = names.start_ms(start)
        close_ms = intervals.close_ms(interval, open_ms)
        return Candle(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
            interval=interval, open_ms=open_ms, close_ms=close_ms, closed=close_ms < now, trades=None,
            open=unsigned(open_), high=unsigned(high), low=unsigned(low), close=unsigned(close),
            volume=names.units(volume, size), quote_volume=None,
        )  # fmt: skip

    def of_advanced(raw: Raw) -> Candle:
        row = _candle.decode(raw)
        return candle(row.start, row.open, row.high, row.low, row.close, row.volume)

    def of_exchange(raw: Raw) -> Candle:
        start, low, high, open_, close, volume = _pair_candle.decode(raw)
        return candle(str(start), open_, high, low, close, volume)

    if body.lstrip()[:1] == b"[":
        listed = _decoded(_list, body)
        candles = rows.read(listed, of_exchange, rejected)
    else:
        found = _decoded(_rows, body).candles
        if found is None:
            raise BadFrame(f"no candles; it begins with {body[:60]!r}", "body")
        candles = rows.read(found, of_advanced, rejected)
    return sorted(candles, key=lambda candle: candle.open_ms)


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    """Of spot, by the Exchange: `after` is a trade id, and what comes is below it, newest first. Of a future the
    newest ones alone are served.
    """
    count = min(limit or TRADES, TRADES)
    if instrument.kind != "spot":
        return Request.get(f"{MARKET}/products/{_quoted(instrument)}/ticker", limit=count)
    after = int(from_id) + count if from_id is not None else None
    return _of_exchange(Request.get(f"/products/{_quoted(instrument)}/trades", limit=count, after=after))


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    """Oldest first, of either interface. The newest page may begin before the id that was asked for."""
    size = _size(instrument)

    def trade(trade_id: str, price: str, quantity: str, maker: str, time: str) -> Trade:
        return Trade(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
            trade_id=trade_id, price=unsigned(price), quantity=names.units(quantity, size),
            side=names.taker(maker), trade_us=names.micros(time),
            venue_quantity=unsigned(quantity) if size else None,
        )  # fmt: skip

    def of_exchange(raw: Raw) -> Trade:
        row = _exchange_trade.decode(raw)
        return trade(str(row.trade_id), row.price, row.size, row.side, row.time)

    def of_advanced(raw: Raw) -> Trade:
        row = _market_trade.decode(raw)
        return trade(row.trade_id, row.price, row.size, row.side, row.time)

    if body.lstrip()[:1] == b"[":
        listed = _decoded(_list, body)
        return rows.read(listed, of_exchange, rejected)[::-1]
    found = _decoded(_rows, body).trades
    if found is None:
        raise BadFrame(f"no trades; it begins with {body[:60]!r}", "body")
    return rows.read(found, of_advanced, rejected)[::-1]


def ticker_request(instrument: Instrument) -> Request:
    """Of spot by the Exchange, which has sizes and a time; of a future its product."""
    if instrument.kind == "spot":
        return _of_exchange(Request.get(f"/products/{_quoted(instrument)}/ticker"))
    return Request.get(f"{MARKET}/products/{_quoted(instrument)}")


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    """Of the Exchange's ticker or of Advanced Trade's product; the ticker's time is that of its last trade."""
    figures: dict[str, Number | None]
    event_us = None
    if b'"product_id"' in body:
        product = _decoded(_product, body)
        figures = {
            "last_price": names.existing(product.price),
            "bid_price": names.existing(product.best_bid_price),
            "ask_price": names.existing(product.best_ask_price),
            "high_24h": names.existing(product.high_24h),
            "low_24h": names.existing(product.low_24h),
            "volume_24h": names.units(product.volume_24h, _size(instrument)) if product.volume_24h else None,
        }
    else:
        found = _decoded(_quote, body)
        event_us, last = names.micros(found.time) if found.time else None, names.existing(found.price)
        figures = {
            "last_price": last,
            "last_quantity": unsigned(found.size) if last and found.size else None,
            "bid_price": names.existing(found.bid),
            "ask_price": names.existing(found.ask),
            "volume_24h": unsigned(found.volume) if found.volume else None,
        }
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns, event_us=event_us,
        **figures,
    )  # fmt: skip


def depth_request(instrument: Instrument, limit: int) -> Request:
    return Request.get(f"{MARKET}/product_book", product_id=instrument.venue_symbol, limit=limit)


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    """Of either interface; that of Advanced Trade has no number, and none could join it with the stream."""
    sequence = None
    if b'"pricebook"' in body:
        book, size = _decoded(_book, body).pricebook, _size(instrument)
        time = book.time
        bids, asks = (
            tuple((unsigned(level.price), names.units(level.size, size)) for level in side)
            for side in (book.bids, book.asks)
        )
    else:
        pair = _decoded(_pair_book, body)
        time, sequence = pair.time, pair.sequence
        bids, asks = _levels(pair.bids), _levels(pair.asks)
    return Depth(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns, type="snapshot",
        event_us=names.micros(time) if time else None, bids=bids, asks=asks, sequence=sequence,
    )  # fmt: skip


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Exception | None:
    """Errors come with an HTTP status of 400 and above only."""
    if status < 400:
        return None
    words = _words(body)
    reason = f"HTTP {status}" + (f": {words[:200]}" if words else "")
    if status == 429:
        return RateLimited(reason, LIMITED_S if (after_s := _retry_after_s(headers)) is None else after_s)
    if status == 401:
        return NotAuthenticated(reason)
    if status in (403, 451):
        return Forbidden(reason)
    if status >= 500:
        return ServerFault(reason, _retry_after_s(headers))
    # A wrong product is 404 on the Exchange, and NOT_FOUND or INVALID_ARGUMENT "valid product_id is required" on AT.
    unknown = (status == 404 and words) or "product_id" in words.lower()
    return UnknownMarket(reason) if unknown else Refused(reason)


def used_weight(headers: Mapping[str, str]) -> int | None:
    """Neither interface documents a header that says so."""
    return None


def fresh(request: Request, _: Keys) -> Signed:
    """Both interfaces answer from a cache of a second, which for Advanced Trade this header goes round."""
    return Signed(request.target, {"Cache-Control": "no-cache"})


def _of_exchange(request: Request) -> Request:
    return replace(request, host=EXCHANGE)


def _levels(side: list[tuple[str, str, int | str]]) -> tuple[Level, ...]:
    """On level 3 each order is a row: those at one price are one level."""
    found: dict[Number, Number] = {}
    for price, size, _ in side:
        at = unsigned(price)
        found[at] = names.plus(found.get(at, ZERO), unsigned(size))
    return tuple(found.items())


def _quoted(instrument: Instrument) -> str:
    return quote(instrument.venue_symbol, safe="")


def _size(instrument: Instrument) -> Number | None:
    return None if instrument.kind == "spot" else instrument.contract_size


def _decoded(decoder: Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{error}; it begins with {body[:60]!r}", "body") from error


def _words(body: bytes) -> str:
    """What an error says, whichever interface it is of."""
    try:
        error = _error.decode(body)
    except (MsgspecError, UnicodeError, RecursionError):
        return ""
    first = error.errors[0] if error.errors else OneError()
    return " ".join(word for word in (error.error, error.message, first.id, first.message) if word)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return min(float(value), 3600.0) if value.isascii() and value.isdigit() else None
