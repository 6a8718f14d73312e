"""Kraken's REST API for market data: builds a request, reads its answer. Pure.

Source: https://docs.kraken.com/exchange, Spot REST, market data. The answer is under a key of its own choice
(`pair=BTC/USD` comes back as `XXBTZUSD`), and errors come with HTTP 200.
"""

from collections.abc import Mapping
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TypeVar

from msgspec import MsgspecError, Raw, Struct
from msgspec.json import Decoder

from exchanges import intervals, rows
from exchanges.contract import Request
from exchanges.decimals import ZERO, Number, plain, unsigned
from exchanges.errors import (
    BadFrame,
    ExchangeError,
    Forbidden,
    NotAuthenticated,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)
from exchanges.events import Candle, Depth, Level, Rejected, Ticker, Trade
from exchanges.kraken import names
from exchanges.kraken.frames import Id, Market
from exchanges.symbols import Instrument, distinct

CANDLES = 720  # of each interval, the newest ones; older ones cannot be had whatever is asked for
TRADES = 1000
LEVELS = 500
LIMITED_S, LOCKED_S = 5.0, 60.0  # "back off several seconds"
LONGEST_WAIT_S = 3600.0
TOKENS = "tokenized_asset"


class Envelope(Struct):
    """Of every answer. An entry of `error` that begins with W is a warning beside a result."""

    error: list[str] = []
    result: Raw = Raw()


class Pair(Struct):
    """Of AssetPairs"""

    altname: str
    base: Market
    quote: Market
    pair_decimals: int
    lot_decimals: int
    lot_multiplier: int = 1
    wsname: str | None = None
    tick_size: str | None = None
    ordermin: str | None = None
    costmin: str | None = None
    status: str = "online"


class Day(Struct):
    """Of Ticker: of each pair of figures [today, last 24 hours]; of a side [price, whole lots, lots]. `o` is today's
    open, which is none of the last 24 hours."""

    a: list[str]
    b: list[str]
    c: tuple[str, str]
    v: tuple[str, str]
    l: tuple[str, str]  # noqa: E741
    h: tuple[str, str]


class Book(Struct):
    """Of Depth: [price, quantity, seconds] each; quantities are rounded, and there is no sequence"""

    asks: list[tuple[str, str, Raw]]
    bids: list[tuple[str, str, Raw]]


# opening (s), open, high, low, close, average, volume, trades
CandleRow = tuple[Id, str, str, str, str, str, str, Id]

_envelope = Decoder(Envelope)
_members = Decoder(dict[str, Raw])
_rows: Decoder[list[Raw]] = Decoder(list[Raw])
_pair = Decoder(Pair)
_day = Decoder(Day)
_book = Decoder(Book)
_candle: Decoder[CandleRow] = Decoder(CandleRow)
_text = Decoder(str)
_id = Decoder(Id)
_stamp = Decoder(Id, strict=False)  # `last` is a number or the text of one

T = TypeVar("T")


def instruments_requests() -> list[Request]:
    return [_get("AssetPairs"), _get("AssetPairs", aclass_base=TOKENS)]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """Every spot market, but for the dark pools of old (`.d`), which mirror one."""
    pairs = [row for name, row in _result(body).items() if not name.endswith(".d")]
    return distinct(rows.read(pairs, lambda row: _instrument(_pair.decode(row)), rejected))


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """There is neither an end nor a limit. `since` is said to leave its own second out; one second earlier is right
    either way."""
    since = max(0, start_ms // 1000 - 1)
    return _get("OHLC", instrument, interval=names.INTERVALS[interval], since=since)


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """The last row is the running candle; `last` is the opening of the newest that is committed."""
    now = received_ns // 1_000_000 if now_ms is None else now_ms
    result = _result(body)
    committed_s = _integer(result.get("last"))

    def candle(row: Raw) -> Candle:
        opened_s, open_, high, low, close, _, volume, trades = _candle.decode(row)
        open_ms = opened_s * 1000
        if open_ms > names.LATEST_US // 1000:
            raise BadFrame(f"a candle that opens at {opened_s} s", "time")
        close_ms = intervals.close_ms(interval, open_ms)
        return Candle(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
            interval=interval, open_ms=open_ms, close_ms=close_ms, trades=trades,
            closed=close_ms < now and (committed_s is None or opened_s <= committed_s),
            open=unsigned(open_), high=unsigned(high), low=unsigned(low), close=unsigned(close),
            volume=unsigned(volume), quote_volume=None,
        )  # fmt: skip

    return rows.read(_rows_of(result), candle, rejected)


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    """The newest ones, or those from a time on: from an id they are not served, but the time of the one before is known
    with it. The bound is exclusive, and times are rounded in places, so it is a millisecond earlier."""
    since = None if from_us is None else (from_us - 1_000) * 1_000
    given = {} if since is None else {"since": since}
    return _get("Trades", instrument, count=min(limit or TRADES, TRADES), **given)


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    """Oldest first. Answers of old have no id in their rows; it is empty then."""

    def trade(row: Raw) -> Trade:
        members = _rows.decode(row)
        if len(members) < 6:
            raise BadFrame(f"a trade of {len(members)} members", "shape")
        price, quantity, time, side, _, _, *more = members
        return Trade(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
            trade_id=str(_id.decode(more[0])) if more else "", price=unsigned(_text.decode(price)),
            quantity=unsigned(_text.decode(quantity)), side=names.side(_text.decode(side)),
            trade_us=names.micros_of(names.text(time)),
        )  # fmt: skip

    return rows.read(_rows_of(_result(body)), trade, rejected)


def ticker_request(instrument: Instrument) -> Request:
    return _get("Ticker", instrument)


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    """The exchange puts no time on it."""
    day = _decoded(_day, _only(_result(body)))
    bid, ask, last = names.existing(_first(day.b)), names.existing(_first(day.a)), names.existing(day.c[0])
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        last_price=last, last_quantity=unsigned(day.c[1]) if last else None,
        bid_price=bid, bid_quantity=unsigned(day.b[-1]) if bid else None,
        ask_price=ask, ask_quantity=unsigned(day.a[-1]) if ask else None,
        high_24h=names.existing(day.h[1]), low_24h=names.existing(day.l[1]), volume_24h=unsigned(day.v[1]),
    )  # fmt: skip


def depth_request(instrument: Instrument, limit: int) -> Request:
    return _get("Depth", instrument, count=min(limit, LEVELS))


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    """The exchange puts neither a number nor a time on it."""
    book = _decoded(_book, _only(_result(body)))
    return Depth(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns, type="snapshot",
        bids=_levels(book.bids), asks=_levels(book.asks),
    )  # fmt: skip


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Exception | None:
    if status < 400 and b'"error":[]' in body[:20]:
        return None
    words = _errors(body)
    if words:
        return _error(words[0], headers)
    if status < 400:
        return None
    reason = f"HTTP {status}"
    if status == 429:
        return RateLimited(reason, LIMITED_S)
    if status in (403, 451):
        return Forbidden(reason)
    return ServerFault(reason) if status >= 500 else Refused(reason)


def used_weight(headers: Mapping[str, str]) -> int | None:
    """They do not say."""
    return None


# What an error's text begins with: the error of ours
ERRORS: tuple[tuple[str, type[ExchangeError]], ...] = (
    ("EQuery:Unknown asset", UnknownMarket),
    ("EQuery:Invalid asset", UnknownMarket),  # an older wording
    ("EAPI:Rate limit", RateLimited),
    ("EGeneral:Too many requests", RateLimited),
    ("EGeneral:Temporary lockout", RateLimited),
    ("EService: Throttled", RateLimited),
    ("EService:Throttled", RateLimited),
    ("EService:", ServerFault),
    ("EGeneral:Internal error", ServerFault),
    ("EAPI:", NotAuthenticated),
)


def _error(word: str, headers: Mapping[str, str]) -> ExchangeError:
    reason = word[:200]
    kind = next((kind for start, kind in ERRORS if word.startswith(start)), Refused)
    if kind is RateLimited:
        locked = LOCKED_S if "lockout" in word else LIMITED_S
        return RateLimited(reason, _throttled_s(word, headers) or locked)
    return kind(reason)


def _throttled_s(word: str, headers: Mapping[str, str]) -> float | None:
    """How long until the unix time at the end of `EService: Throttled: <time>`, by the exchange's own clock."""
    until = word.rpartition(":")[2].strip()
    date = next((value for name, value in headers.items() if name.lower() == "date"), "")
    if "Throttled" not in word or not (until.isascii() and until.isdigit() and len(until) < 12):
        return None
    try:
        wait_s = int(until) - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait_s, 1.0), LONGEST_WAIT_S)


def _get(name: str, instrument: Instrument | None = None, **query: object) -> Request:
    pair = {} if instrument is None else {"pair": instrument.venue_symbol}
    token = {"asset_class": TOKENS} if instrument is not None and names.is_token(instrument.venue_symbol) else {}
    return Request.get(f"/0/public/{name}", 1, **pair, **query, **token)


def _instrument(pair: Pair) -> Instrument:
    base, quote = names.asset(pair.base), names.asset(pair.quote)
    venue_symbol = names.pair(pair.wsname) if pair.wsname else f"{base}/{quote}"
    legs = venue_symbol.split("/")
    if len(legs) == 2 and all(legs):
        base, quote = legs
    lot = Decimal(1).scaleb(-_decimals(pair.lot_decimals)) * pair.lot_multiplier
    return Instrument(
        symbol=names.symbol(base, quote), venue_symbol=venue_symbol, base=base, quote=quote, kind="spot",
        status=names.status(pair.status),
        price_increment=_rule(pair.tick_size) or plain(Decimal(1).scaleb(-_decimals(pair.pair_decimals))),
        quantity_increment=plain(lot), min_quantity=_rule(pair.ordermin), min_notional=_rule(pair.costmin),
        contract_size=Number("1"),
    )  # fmt: skip


def _rule(value: str | None) -> Number | None:
    """A rule of a market; 0 or absence means that there is none."""
    return None if not value else names.existing(value)


def _decimals(count: int) -> int:
    if not 0 <= count <= 30:
        raise BadFrame(f"{count} decimals", "decimals")
    return count


def _levels(side: list[tuple[str, str, Raw]]) -> tuple[Level, ...]:
    """Without those whose quantity was rounded to nothing."""
    found = [(unsigned(price), unsigned(quantity)) for price, quantity, _ in side]
    return tuple(level for level in found if level[1] != ZERO)


def _first(side: list[str]) -> str:
    if len(side) < 2:
        raise BadFrame(f"no price and quantity: {str(side)[:60]}", "side of a ticker")
    return side[0]


def _result(body: bytes) -> dict[str, Raw]:
    """The members of `result`; BadFrame where there is an error instead."""
    envelope = _decoded(_envelope, body)
    errors = [word for word in envelope.error if not word.startswith("W")]
    if errors:
        raise BadFrame(f"the answer is an error: {errors[0][:200]}", "error")
    return _decoded(_members, bytes(envelope.result))


def _only(result: dict[str, Raw]) -> bytes:
    """The one member that is not `last`."""
    found = [row for name, row in result.items() if name != "last"]
    if len(found) != 1:
        raise BadFrame(f"{len(found)} markets in an answer about one", "body")
    return bytes(found[0])


def _rows_of(result: dict[str, Raw]) -> list[Raw]:
    return _decoded(_rows, _only(result))


def _integer(raw: Raw | None) -> int | None:
    return None if raw is None else _decoded(_stamp, bytes(raw))


def _decoded(decoder: Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{error}; it begins with {body[:60]!r}", "body") from error


def _errors(body: bytes) -> list[str]:
    try:
        return [word for word in _envelope.decode(body).error if not word.startswith("W")]
    except (MsgspecError, UnicodeError, RecursionError):
        return []
