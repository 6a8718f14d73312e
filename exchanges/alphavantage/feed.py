"""Alpha Vantage's feed: one market in each request, asked in turn at the pace of 25 a day. Pure."""

from collections.abc import Sequence

from exchanges.alphavantage import names, rest
from exchanges.contract import Request
from exchanges.errors import BadFrame
from exchanges.events import Candle, Rejected, Ticker
from exchanges.polling import SECOND_NS, Pace, Poll, PollingFeed, Wanted
from exchanges.symbols import Instrument, Instruments

ANEW_NS = 3600 * SECOND_NS  # without a premium plan nothing changes before the day's end
# 25 a day: four at once and one each three hours are 12 of them, so that two feeds and a list can be.
PACE = Pace(turn_ns=3 * SECOND_NS, burst=4, refill_ns=3 * 3600 * SECOND_NS)
LONG = {"DAILY": "1d", "WEEKLY": "1w", "MONTHLY": "1M"}


class AlphaVantage:
    """Fulfils exchanges.polling.Source."""

    pace = PACE

    def polls(self, wanted: Sequence[Wanted]) -> list[Poll]:
        """Where the quota allows few, those first that the free plan answers."""
        return [_poll(stream, instrument) for stream, instrument in sorted(wanted, key=lambda want: _rank(want[0]))]

    def read(
        self, request: Request, body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]
    ) -> Sequence[Ticker | Candle]:
        """By the request's own words. An error inside HTTP 200 is raised, as in a recording."""
        error = rest.read_error(200, {}, body)
        if error is not None:
            raise error
        query = request.query
        function = query.get("function", "").removesuffix("_ADJUSTED")
        instrument = _instrument(query, instruments)
        if function in ("GLOBAL_QUOTE", "CURRENCY_EXCHANGE_RATE"):
            return [rest.read_ticker(body, instrument, received_ns)]
        long = LONG.get(function.rpartition("_")[2])
        short = {theirs: ours for ours, theirs in names.INTERVALS.items()}.get(query.get("interval", ""))
        interval = short if function.endswith("INTRADAY") else long
        if interval is None:
            raise BadFrame(f"an answer to {function[:40]!r}, which is not read", "function")
        return rest.read_candles(body, instrument, interval, received_ns, rejected=rejected)


def _rank(stream: str) -> int:
    """Tickers, then candles of days and longer, then those within a day."""
    return 0 if stream == "ticker" else 1 if stream.removeprefix("candle_") in LONG.values() else 2


def _poll(stream: str, instrument: Instrument) -> Poll:
    interval = stream.removeprefix("candle_")
    ticker = stream == "ticker"
    request = rest.ticker_request(instrument) if ticker else rest.candles_request(instrument, interval, 0, 0)
    return Poll(request, ((stream, instrument.symbol),), ANEW_NS, function=request.query["function"])


def _instrument(query: dict[str, str], instruments: Instruments) -> Instrument:
    """The market that the request names; of one that is not known, what its spelling tells."""
    of = next((name for name in ("symbol", "from_symbol", "from_currency") if name in query), "")
    code, currency = query.get(of, ""), query.get("market") or query.get("to_symbol") or query.get("to_currency")
    if of == "symbol":
        spellings = [names.CRYPTO + code if currency else code]
    else:
        spellings = [names.FOREX + code, names.CRYPTO + code]
    known = next((instruments.by_venue_symbol[one] for one in spellings if one in instruments.by_venue_symbol), None)
    if known:
        return known
    symbol = names.spelled(spellings[0]) or spellings[0]
    return Instrument(
        symbol=symbol, venue_symbol=spellings[0], base=code, quote=currency or names.QUOTE,
        kind="spot" if currency else "stock",
    )  # fmt: skip


def new_feed(instruments: Instruments) -> PollingFeed:
    return PollingFeed(instruments, AlphaVantage())
