"""What is asked for by REST: candles above a minute, markets beyond the plan, and without keys everything. Pure."""

from collections.abc import Sequence
from urllib.parse import unquote

from exchanges import rows
from exchanges.alpaca import names, rest
from exchanges.contract import Request
from exchanges.errors import BadFrame
from exchanges.events import Candle, Depth, Gap, Rejected, Ticker, Trade
from exchanges.pictures import DEPTHS
from exchanges.polling import SECOND_NS, Pace, Poll, Polled, Wanted
from exchanges.symbols import Instrument, Instruments

# 200 requests a minute of an account: a fifth for one connection, so that history and lists have room beside it.
PACE = Pace(turn_ns=SECOND_NS // 4, burst=20, refill_ns=1_500_000_000)
MARKETS = 50  # of one request for snapshots
TRADES, CANDLES = 1000, 3  # of one request
ANEW_NS = 3 * SECOND_NS
CANDLE_NS = 15 * SECOND_NS
SETTLED_MS = 45_000  # late trades change a minute's bar half a minute after its end
TIMEFRAMES = {theirs: ours for ours, theirs in names.INTERVALS.items()}


class Alpaca:
    """Fulfils exchanges.polling.Source. It knows which trades were in a market's last answer."""

    pace = PACE

    def __init__(self) -> None:
        self._seen: dict[str, list[Trade]] = {}

    def polls(self, wanted: Sequence[Wanted]) -> list[Poll]:
        """Tickers in chunks of one kind, the depth streams of a market together, all else by itself."""
        polls: list[Poll] = []
        books: dict[str, list[Wanted]] = {}
        for stream, market in wanted:
            want = ((stream, market.symbol),)
            if stream == "trade":
                polls.append(Poll(rest.trades_request(market, limit=TRADES), want, ANEW_NS))
            elif stream in DEPTHS:
                books.setdefault(market.symbol, []).append((stream, market))
            elif stream.removeprefix("candle_") in names.INTERVALS:
                interval = stream.removeprefix("candle_")
                polls.append(Poll(rest.newest_candles_request(market, interval, CANDLES), want, CANDLE_NS))
        for of in books.values():
            wants = tuple((stream, market.symbol) for stream, market in of)
            polls.append(Poll(rest.depth_request(of[0][1], 0), wants, ANEW_NS))
        traded = {market.venue_symbol for stream, market in wanted if stream == "trade"}
        self._seen = {market: trades for market, trades in self._seen.items() if market in traded}
        return [*_tickers(wanted), *polls]

    def read(
        self, request: Request, body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]
    ) -> Sequence[Polled]:
        """By the request's own words."""
        path = request.path
        what = path.rpartition("/")[2]
        if what == "snapshots":
            return _read_tickers(body, received_ns, instruments, rejected)
        crypto = path.startswith(rest.CRYPTO)
        named = request.query.get("symbols", "") if crypto else unquote(path.removeprefix(rest.STOCKS).split("/")[1])
        market = instrument(named, instruments)
        if what == "bars":
            interval = TIMEFRAMES.get(request.query.get("timeframe", ""), "")
            settled_ms = received_ns // 1_000_000 - SETTLED_MS
            pages: list[Rejected] = []  # more pages are no fault: the newest bars are all that is asked for
            candles: list[Candle] = rest.read_candles(body, market, interval, received_ns, settled_ms, pages)
            rejected += [one for one in pages if one.kind != "page"]
            return candles
        if what == "trades":
            return self._trades(market, rest.read_trades(body, market, received_ns, rejected), received_ns)
        if what == "orderbooks":
            return _pictures(rest.read_depth(body, market, received_ns))
        raise BadFrame(f"an answer to {path[:80]!r}, which is not read", "path")

    def _trades(self, market: Instrument, trades: list[Trade], received_ns: int) -> Sequence[Polled]:
        """Those that were not in the last answer; where none of a full page was in it, some are lost."""
        before = self._seen.get(market.venue_symbol)
        self._seen[market.venue_symbol] = trades or before or []
        known = {(trade.trade_us, trade.trade_id) for trade in before or ()}
        new = [trade for trade in trades if (trade.trade_us, trade.trade_id) not in known]
        if not before or len(new) < max(len(trades), TRADES):
            return new
        gap = Gap(
            symbol=market.symbol, venue_symbol=market.venue_symbol, received_ns=received_ns, stream="trade",
            reason="sequence", from_us=before[-1].trade_us,
        )  # fmt: skip
        return [gap, *new]


def _tickers(wanted: Sequence[Wanted]) -> list[Poll]:
    polls = []
    for crypto in (True, False):
        markets = [
            market for stream, market in wanted if stream == "ticker" and names.is_pair(market.venue_symbol) == crypto
        ]
        for start in range(0, len(markets), MARKETS):
            chunk = markets[start : start + MARKETS]
            request = rest.tickers_request([market.venue_symbol for market in chunk], crypto)
            wants = tuple(("ticker", market.symbol) for market in chunk)
            polls.append(Poll(request, wants, ANEW_NS, for_each=True))
    return polls


def _read_tickers(body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]) -> list[Ticker]:
    found = [(name, raw) for name, raw in rest.snapshots(body).items() if bytes(raw) != b"null"]
    return rows.read(found, lambda row: rest.ticker(row[1], instrument(row[0], instruments), received_ns), rejected)


def _pictures(book: Depth) -> list[Depth]:
    """The book, and its best levels for each stream of these."""
    if rest.crossed(book):
        raise BadFrame(f"a crossed book of {book.symbol}", "crossed book")
    return [
        Depth(
            symbol=book.symbol, venue_symbol=book.venue_symbol, received_ns=book.received_ns, event_us=book.event_us,
            stream=stream, type="snapshot", bids=book.bids[:most], asks=book.asks[:most],
        )
        for stream, most in DEPTHS.items()
    ]  # fmt: skip


def instrument(venue_symbol: str, instruments: Instruments) -> Instrument:
    """The market; of one that is not known its spelling is all there is to say."""
    known = instruments.by_venue_symbol.get(venue_symbol)
    symbol = instruments.symbol(venue_symbol)
    return known or Instrument(
        symbol=symbol, venue_symbol=venue_symbol, base=symbol, quote=names.QUOTE,
        kind="spot" if names.is_pair(venue_symbol) else "stock",
    )  # fmt: skip
