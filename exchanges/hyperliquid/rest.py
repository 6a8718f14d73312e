"""Hyperliquid's info endpoint for market data: builds a request, reads its answer. Pure.

Source: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint and rate-limits-and-user-limits
"""

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import MsgspecError, Raw
from msgspec.structs import replace

from exchanges import intervals, rows
from exchanges.contract import Request
from exchanges.errors import BadFrame, ExchangeError, Forbidden, RateLimited, Refused, ServerFault, UnknownMarket
from exchanges.events import Candle, Depth, Rejected, Ticker, Trade
from exchanges.hyperliquid import frames, instruments, readings
from exchanges.symbols import Instrument

INFO = "/info"
# Calls over a range of time are said to give 500 rows at most, candles to give 5000: so many are there either way.
PAGE = 500
KEPT = 5000  # candles of each interval, the newest
LEVELS = 20
LIGHT, USUAL = 2, 20  # weights
ROWS, CANDLES = 20, 60  # so many rows of an answer weigh one more
TRADES = 100  # more than recentTrades was ever seen to give
MINUTE_S = 60.0  # the budget is of a minute; no header says when it is full again

T = TypeVar("T")


def info(kind: str, weight: int = USUAL, **fields: object) -> Request:
    """One call of the endpoint."""
    return Request(INFO, weight, "POST", json.dumps({"type": kind, **fields}, ensure_ascii=False))


def instruments_requests() -> list[Request]:
    """Perpetuals of the exchange's own, and spot."""
    return [info("meta"), info("spotMeta")]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    return instruments.instruments(_read(body, frames.listing), rejected)


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """Whether bounds are included is in no document; a millisecond earlier the first candle is there either way."""
    count = min(limit or PAGE, PAGE)
    last_ms = min(end_ms, intervals.open_ms(interval, start_ms) + count * intervals.length_ms(interval)) - 1
    asked = {"coin": instrument.venue_symbol, "interval": interval, "startTime": max(start_ms - 1, 0)}
    return info("candleSnapshot", USUAL + -(-count // CANDLES), req={**asked, "endTime": max(last_ms, 0)})


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """Candles without trades can be missing. The running one is there where the range reaches now."""
    now = received_ns // 1_000_000 if now_ms is None else now_ms

    def read(raw: Raw) -> Candle:
        row = frames.candle_row(raw)
        if row.i != interval:
            raise BadFrame(f"a candle of {row.i[:20]} where {interval} was asked for", "interval")
        made = readings.candle(instrument.symbol, row, received_ns, closed=False)
        return replace(made, venue_symbol=instrument.venue_symbol, closed=made.close_ms < now)

    return sorted(rows.read(_read(body, frames.rows), read, rejected), key=lambda candle: candle.open_ms)


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    """The newest few, however many the exchange gives."""
    if from_id is not None:
        raise Refused("trades are not served from an id on")
    return info("recentTrades", USUAL + TRADES // ROWS, coin=instrument.venue_symbol)


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    """They come newest first."""

    def read(raw: Raw) -> Trade:
        return readings.trade(instrument.symbol, frames.trade_row(raw), received_ns)

    found = rows.read(_read(body, frames.rows)[::-1], read, rejected)
    return sorted(found, key=lambda trade: trade.trade_us or 0)


def ticker_request(instrument: Instrument) -> Request:
    """The states of every market of its kind: there is no call for one."""
    if instrument.kind == "spot":
        return info("spotMetaAndAssetCtxs")
    dex, colon, _ = instrument.venue_symbol.rpartition(":")
    return info("metaAndAssetCtxs", USUAL, dex=dex) if colon else info("metaAndAssetCtxs")


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    """The day's figures; neither the last price nor the best ones are in these answers."""
    listed, contexts = _read(body, frames.contexts)
    found = _context([one.name for one in listed.universe], contexts, instrument.venue_symbol)
    figures = readings.day(found)
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        open_24h=figures["open_24h"], volume_24h=figures["volume_24h"], quote_volume_24h=figures["quote_volume_24h"],
    )  # fmt: skip


def depth_request(instrument: Instrument, limit: int) -> Request:
    """Twenty levels a side, always."""
    return info("l2Book", LIGHT, coin=instrument.venue_symbol)


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    book = _read(body, frames.book)
    bids, asks = book.levels
    return Depth(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=book.time * 1000, type="snapshot", bids=readings.levels(bids), asks=readings.levels(asks),
    )  # fmt: skip


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError | None:
    """A market that they do not know is the answer `null`, with status 200."""
    if status == 200:
        return UnknownMarket("the exchange knows nothing of it") if body.strip() == b"null" else None
    words = f"HTTP {status}: {body[:200].decode(errors='replace')}"
    if status == 429:
        return RateLimited(words, _retry_after_s(headers) or MINUTE_S)
    if status in (403, 451):
        return Forbidden(words)
    if status >= 500:
        return ServerFault(words, _retry_after_s(headers))
    return Refused(words) if status >= 400 else None


def used_weight(headers: Mapping[str, str]) -> int | None:
    """No header says."""
    return None


def _context(names: list[str], contexts: list[Raw], coin: str) -> frames.Context:
    """Spot names the coin in each, and may have more of them than markets; perpetuals are in the listing's order."""
    read = [_read(bytes(raw), frames.context) for raw in contexts]
    for one in read:
        if one.coin == coin:
            return one
    place = names.index(coin) if coin in names else -1
    if not 0 <= place < len(read) or read[place].coin is not None:
        raise UnknownMarket(f"{coin} is not among those answered")
    return read[place]


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _read(body: bytes, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"{type(error).__name__}: {error}"[:300], "body") from error
