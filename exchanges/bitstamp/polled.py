"""What no channel carries and is asked for by REST: tickers, all in one answer, and candles. Pure."""

from collections.abc import Sequence
from urllib.parse import unquote

from exchanges import rows
from exchanges.bitstamp import frames, names, readings, rest
from exchanges.contract import Request
from exchanges.errors import BadFrame
from exchanges.events import Rejected, Ticker
from exchanges.polling import SECOND_NS, Pace, Poll, Polled, Wanted
from exchanges.symbols import Instrument, Instruments

# 10,000 requests in ten minutes: a quarter for live figures, so that history and lists have room beside them.
PACE = Pace(turn_ns=SECOND_NS // 10, burst=20, refill_ns=SECOND_NS // 4)
TICKER_NS, CANDLE_NS = 2 * SECOND_NS, 10 * SECOND_NS
CANDLES = 10  # of one request, so that none is missed where many are asked for in turn
SETTLED_MS = 10_000  # nothing says when a candle is final, and answers come from a cache


class Bitstamp:
    """Fulfils exchanges.polling.Source."""

    pace = PACE

    def polls(self, wanted: Sequence[Wanted]) -> list[Poll]:
        """One request for all tickers, one for each series of candles."""
        tickers = tuple((stream, market.symbol) for stream, market in wanted if stream == "ticker")
        polls = [Poll(rest.tickers_request(), tickers, TICKER_NS, for_each=True)] if tickers else []
        for stream, market in wanted:
            interval = stream.removeprefix("candle_")
            if interval in names.INTERVALS:
                request = rest.newest_candles_request(market, interval, CANDLES)
                polls.append(Poll(request, ((stream, market.symbol),), CANDLE_NS))
        return polls

    def read(
        self, request: Request, body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]
    ) -> Sequence[Polled]:
        """By the request's path."""
        if request.path == rest.TICKERS:
            return _tickers(body, received_ns, instruments, rejected)
        if request.path.startswith(rest.CANDLES):
            market = _instrument(unquote(request.path.removeprefix(rest.CANDLES).rstrip("/")), instruments)
            interval = names.OUR_INTERVALS.get(request.query.get("step", ""))
            if interval is None:
                raise BadFrame(f"candles of a step that is none of ours: {request.target[:80]}", "interval")
            settled_ms = received_ns // 1_000_000 - SETTLED_MS
            return rest.read_candles(body, market, interval, received_ns, settled_ms, rejected)
        raise BadFrame(f"an answer to {request.path[:80]!r}, which is not read", "path")


def _tickers(body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]) -> list[Ticker]:
    """Of the markets that are ours: perpetuals are in the same list."""
    days = rows.read(rest.read(body, frames.rows), frames.day, rejected)
    found = [(day.pair.replace("/", "").lower(), day) for day in days]
    known = [(market, day) for market, day in found if market in instruments.by_venue_symbol]
    return rows.read(
        known, lambda row: readings.ticker(instruments.symbol(row[0]), row[0], row[1], received_ns), rejected
    )


def _instrument(venue_symbol: str, instruments: Instruments) -> Instrument:
    """The market; of one that is not known its spelling is all there is to say."""
    return instruments.by_venue_symbol.get(venue_symbol) or Instrument(
        symbol=venue_symbol, venue_symbol=venue_symbol, base=venue_symbol, quote="", kind="spot"
    )
