"""CoinGecko's REST API: builds a request, reads its answer. Pure.

Source: https://docs.coingecko.com/reference (coins-markets, coins-id-ohlc, simple-price, coins-list), and
https://docs.coingecko.com/docs/errors-and-rate-limits.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, TypeVar
from urllib.parse import quote

from msgspec import Meta, MsgspecError, Raw, Struct
from msgspec.json import Decoder

from exchanges import intervals, rows
from exchanges.coingecko import names
from exchanges.coingecko.refusals import read_error as read_error
from exchanges.contract import Request
from exchanges.decimals import Number, unsigned
from exchanges.errors import BadFrame, UnknownMarket
from exchanges.events import Candle, Depth, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, distinct

PAGES, PER_PAGE = 2, 250
# Answers are kept for so long; one made before a candle's end may come after it.
CANDLES_CACHED_MS = 15 * 60_000
MARKETS, OHLC = "/coins/markets", "/ohlc"

Time = Annotated[int, Meta(ge=0, lt=10**14)]  # milliseconds


class Coin(Struct):
    """Of `/coins/list` and `/coins/markets`."""

    id: str
    symbol: str


class MarketRow(Struct):
    """Of `/coins/markets`; every number may be null."""

    id: str
    current_price: Decimal | None = None
    high_24h: Decimal | None = None
    low_24h: Decimal | None = None
    total_volume: Decimal | None = None  # in the quote's units
    last_updated: str | None = None


all_rows: Decoder[list[Raw]] = Decoder(list[Raw])
coin_row = Decoder(Coin)
_market = Decoder(MarketRow)
_prices: Decoder[dict[str, dict[str, Decimal | None]]] = Decoder(dict[str, dict[str, Decimal | None]])
_candle = Decoder(tuple[Time, Decimal, Decimal, Decimal, Decimal])
T = TypeVar("T")


def instruments_requests() -> list[Request]:
    """The largest coins first: of those that share a symbol, the largest has it without its id."""
    return [
        Request.get(MARKETS, vs_currency=names.QUOTE.lower(), order="market_cap_desc", per_page=PER_PAGE, page=page)
        for page in range(1, PAGES + 1)
    ]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """Coins of `/coins/markets` or `/coins/list`."""

    def instrument(row: Raw) -> Instrument:
        coin = coin_row.decode(row)
        return names.instrument(coin.id, coin.symbol)

    listed = decoded(all_rows, body)
    return distinct(rows.read(listed, instrument, rejected))


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """The newest that there are: the source takes a number of days, and no range without a paid plan."""
    return Request.get(
        f"/coins/{quote(instrument.venue_symbol, safe='')}{OHLC}", vs_currency=instrument.quote.lower(),
        days=names.INTERVALS[interval], precision="full",
    )  # fmt: skip


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """A row is stamped with its end: the running one with an end to come, or with a moment off the grid.

    The last row is final only when its end lies further back than the source keeps an answer.
    """
    now = received_ns // 1_000_000 if now_ms is None else now_ms
    found = decoded(all_rows, body)

    def candle(indexed: tuple[int, Raw]) -> Candle:
        index, row = indexed
        end_ms, *figures = _candle.decode(row)
        open_ms = intervals.open_ms(interval, max(end_ms - 1, 0))
        close_ms = intervals.close_ms(interval, open_ms)
        open_, high, low, close = map(unsigned, figures)
        final = index < len(found) - 1 or now > close_ms + CANDLES_CACHED_MS
        return Candle(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns, interval=interval,
            open_ms=open_ms, close_ms=close_ms, open=open_, high=high, low=low, close=close, volume=None,
            quote_volume=None, trades=None, closed=final and close_ms < now and end_ms == close_ms + 1,
        )  # fmt: skip

    return _one_of_each(rows.read(enumerate(found), candle, rejected))


def _one_of_each(candles: Sequence[Candle]) -> list[Candle]:
    """Oldest first; of rows for one candle the last, which is the newest."""
    return [candle for _, candle in sorted({candle.open_ms: candle for candle in candles}.items())]


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    raise BadFrame("CoinGecko has no trades", "not offered")


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    raise BadFrame("CoinGecko has no order books", "not offered")


def tickers_request(coin_ids: Sequence[str], currency: str) -> Request:
    """The figures of up to PER_PAGE coins in one currency."""
    return Request.get(
        MARKETS, vs_currency=currency.lower(), ids=",".join(coin_ids), per_page=PER_PAGE, precision="full"
    )


def ticker_request(instrument: Instrument) -> Request:
    return tickers_request([instrument.venue_symbol], instrument.quote)


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    """Of `/coins/markets`, or of `/simple/price`."""
    if body.lstrip()[:1] == b"{":
        return _simple(body, instrument, received_ns)
    for row in decoded(all_rows, body):
        if decoded(coin_row, bytes(row)).id == instrument.venue_symbol:
            return ticker(row, instrument, received_ns)
    raise UnknownMarket(f"CoinGecko left {instrument.venue_symbol} out of its answer")


def ticker(row: Raw, instrument: Instrument, received_ns: int) -> Ticker:
    """What comes is an index over many exchanges, so it has no best bid and no last quantity.

    The volume is in units of the quote. The price a day ago is not sent, only a change that is rounded by itself.
    """
    market = decoded(_market, bytes(row))
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=names.micros(market.last_updated) if market.last_updated else None,
        last_price=_number(market.current_price), high_24h=_number(market.high_24h),
        low_24h=_number(market.low_24h), quote_volume_24h=_number(market.total_volume),
    )  # fmt: skip


def _simple(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    if b'"tickers"' in body[:200]:
        raise BadFrame("the tickers of other exchanges, which are not read", "other exchanges")
    prices = decoded(_prices, body).get(instrument.venue_symbol)
    if not prices:
        raise UnknownMarket(f"CoinGecko left {instrument.venue_symbol} out of its answer")
    # A market that is not among the known ones has no quote: the only currency is meant.
    currencies = [name for name in prices if "_" not in name]
    currency = currencies[0] if len(currencies) == 1 else instrument.quote.lower()
    updated_s = prices.get("last_updated_at")
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=None if updated_s is None else _seconds_us(updated_s), last_price=_number(prices.get(currency)),
        quote_volume_24h=_number(prices.get(f"{currency}_24h_vol")),
    )  # fmt: skip


def _seconds_us(time_s: Decimal) -> int:
    if not 0 <= time_s < 10**11:
        raise BadFrame(f"a time out of bounds: {time_s:.20}", "time")
    return int(time_s * 1_000_000)


def _number(value: Decimal | None) -> Number | None:
    return None if value is None else unsigned(value)


def used_weight(headers: Mapping[str, str]) -> int | None:
    return None


def decoded(decoder: Decoder[T], body: bytes) -> T:
    """BadFrame for what is not in the shape."""
    try:
        return decoder.decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"not in the documented shape: {error}"[:300], "shape") from error
