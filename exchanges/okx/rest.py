"""OKX's REST API for market data: builds a request, reads its answer. Pure.

Every answer is {"code", "msg", "data"}, an error too, which may come with HTTP 200. Lists are newest first, and `after`
means older than, `before` newer than, both exclusive.
Source: https://www.okx.com/docs-v5/en/#order-book-trading-market-data, #public-data-rest-api, #error-code.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import MsgspecError, Raw, Struct
from msgspec.json import Decoder

from exchanges import rows
from exchanges.contract import Request
from exchanges.errors import (
    BadFrame,
    Forbidden,
    NotAuthenticated,
    RateLimited,
    Refused,
    ServerFault,
    UnknownMarket,
)
from exchanges.events import Candle, Depth, Rejected, Ticker, Trade
from exchanges.okx import events, frames, names, quantities
from exchanges.okx import instruments as listed
from exchanges.symbols import Instrument, Instruments, distinct

PAGE = 300
NEWEST_TRADES, OLDER_TRADES = 500, 100
LEVELS, FULL_LEVELS = 400, 5000
FAMILIES = ("BTC-USD", "ETH-USD")  # of options, which are listed by family; others are named in an answer
UNDERLYING = "/api/v5/public/underlying"

# The limits count each endpoint by itself, in requests per 2 s; against one budget of 40 they weigh:
PER_40, PER_20, PER_10 = 1, 2, 4
LIMITED_S = 2.0  # the window, where the exchange says nothing else
LIMITED = {"50011", "50061"}
FAULTS = {"50001", "50004", "50013", "50026", "50040"}  # under way to be served: offline, timed out, busy, broken
UNKNOWN = {"51001", "51014"}  # no such instrument, no such family
LOGIN = ("501", "601")  # 50100 to 50119: keys and signatures


class Answer(Struct):
    data: list[Raw]


class Underlyings(Struct):
    data: list[list[str]]


class Error(Struct):
    code: str | int = "0"
    msg: str = ""


_answer = Decoder(Answer).decode
_underlyings = Decoder(Underlyings).decode
_error = Decoder(Error).decode

T = TypeVar("T")


def instruments_requests() -> list[Request]:
    """Swaps come before futures, so that a perpetual that is listed as a future does not take a swap's symbol."""
    kinds = [Request.get("/api/v5/public/instruments", PER_20, instType=kind) for kind in ("SPOT", "SWAP", "FUTURES")]
    named = Request.get(UNDERLYING, PER_20, instType="OPTION")
    return [*kinds, *map(_options, FAMILIES), named]


def named_lists(request: Request, body: bytes) -> list[Request]:
    """The options of the underlyings that are not asked for anyway. That a family bears its underlying's name is so for
    all that are documented; where it is not, the answer is an unknown family, which lists nothing."""
    if request.path != UNDERLYING:
        return []
    try:
        names_of = [name for row in _underlyings(body).data for name in row]
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{error}; it begins with {body[:60]!r}", "body") from error
    return [_options(name) for name in dict.fromkeys(names_of) if name and name not in FAMILIES]


def _options(family: str) -> Request:
    return Request.get("/api/v5/public/instruments", PER_20, instType="OPTION", instFamily=family)


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """Every market whose terms are known; one that is only announced is left out, and so are lists of underlyings."""
    markets = [row for row in _data(body) if not bytes(row).startswith(b"[")]
    found = rows.read(markets, lambda row: listed.instrument(listed.row(row)), rejected)
    return distinct(instrument for instrument in found if instrument is not None)


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """Always of the history, which reaches back for years: the other endpoint answers nothing for what is older than
    1,440 candles, which a reader could not tell from a time without trades."""
    return Request.get(
        "/api/v5/market/history-candles", PER_20, instId=instrument.venue_symbol, bar=names.INTERVALS[interval],
        before=start_ms - 1, after=end_ms, limit=min(limit or PAGE, PAGE),
    )  # fmt: skip


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """Whether a candle is closed is said in its row; the clock is asked for those of old, which did not say so."""
    spot = names.is_spot(instrument, instrument.venue_symbol)
    now = received_ns // 1_000_000 if now_ms is None else now_ms

    def read(row: Raw) -> Candle:
        return events.candle(
            frames.candle(row), instrument.symbol, instrument.venue_symbol, spot, interval, received_ns, now
        )

    return rows.read(_data(body), read, rejected)[::-1]


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    """A lower bound alone would give the newest page, so the upper one goes with it."""
    if from_id is None:
        most = min(limit or NEWEST_TRADES, NEWEST_TRADES)
        return Request.get("/api/v5/market/trades", PER_40, instId=instrument.venue_symbol, limit=most)
    most, first = min(limit or OLDER_TRADES, OLDER_TRADES), names.whole(from_id)
    return Request.get(
        "/api/v5/market/history-trades", PER_20, instId=instrument.venue_symbol, type=1, before=first - 1,
        after=first + most, limit=most,
    )  # fmt: skip


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    """Oldest first."""
    contract = quantities.of(instrument)

    def read(row: Raw) -> Trade:
        trade = frames.trade(row)
        return events.trade(trade, instrument.symbol, instrument.venue_symbol, contract, received_ns, live=False)

    return rows.read(_data(body), read, rejected)[::-1]


def ticker_request(instrument: Instrument) -> Request:
    return Request.get("/api/v5/market/ticker", PER_20, instId=instrument.venue_symbol)


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    row = _only(body, frames.ticker)
    contract = quantities.contract_or_unknown(Instruments((instrument,)), instrument.venue_symbol)
    return events.ticker(row, instrument.symbol, instrument.venue_symbol, contract, received_ns)


def depth_request(instrument: Instrument, limit: int) -> Request:
    """`books` is 50 ms old at most and has a sequence; deeper books are a second old and have none."""
    if limit <= LEVELS:
        return Request.get("/api/v5/market/books", PER_40, instId=instrument.venue_symbol, sz=limit)
    deep = min(limit, FULL_LEVELS)
    return Request.get("/api/v5/market/books-full", PER_10, instId=instrument.venue_symbol, sz=deep)


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    row = _only(body, frames.book)
    return events.picture(row, instrument.symbol, instrument.venue_symbol, quantities.of(instrument), received_ns)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Exception | None:
    if status < 400 and b'"code":"0"' in body[:100]:
        return None
    error = _error_of(body)
    code = str(error.code) if error else ""
    if status < 400 and code in ("", "0"):
        return None
    reason = f"HTTP {status}" + (f": {code} {error.msg[:200]}" if error else "")
    if status == 429 or code in LIMITED:
        return RateLimited(reason, LIMITED_S)
    if status in (403, 451):
        return Forbidden(reason)
    if code in UNKNOWN:
        return UnknownMarket(reason)
    if status == 401 or (code.startswith(LOGIN) and len(code) == 5):
        return NotAuthenticated(reason)
    return ServerFault(reason) if status >= 500 or code in FAULTS else Refused(reason)


def used_weight(headers: Mapping[str, str]) -> int | None:
    """The exchange does not say."""
    return None


def _data(body: bytes) -> list[Raw]:
    try:
        return _answer(body).data
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{error}; it begins with {body[:60]!r}", "body") from error


def _only(body: bytes, decode: Callable[[Raw], T]) -> T:
    """The one row of an answer about one market."""
    found = _data(body)
    if not found:
        raise BadFrame("an answer without a row", "empty")
    return rows.read(found[:1], decode, None)[0]


def _error_of(body: bytes) -> Error | None:
    try:
        return _error(body)
    except (MsgspecError, UnicodeError, RecursionError):
        return None
