"""CoinGecko's feed: tickers of many coins in one request, candles of one in each; asked in turn. Pure."""

from collections.abc import Sequence
from urllib.parse import unquote

from msgspec import Raw

from exchanges import rows
from exchanges.coingecko import names, rest
from exchanges.contract import Request
from exchanges.errors import BadFrame
from exchanges.events import Candle, Rejected, Ticker
from exchanges.polling import SECOND_NS, Pace, Poll, PollingFeed, Wanted
from exchanges.symbols import Instrument, Instruments

COINS = 100  # of one request: 250 are taken, but an address has a length
TICKER_NS, CANDLE_NS = 60 * SECOND_NS, 900 * SECOND_NS  # the source keeps its answers for so long
# 10,000 credits a month are 333 a day; 144 of them for one feed leave room for a second one, lists and history.
PACE = Pace(turn_ns=2 * SECOND_NS, burst=5, refill_ns=600 * SECOND_NS)


class CoinGecko:
    """Fulfils exchanges.polling.Source."""

    pace = PACE

    def polls(self, wanted: Sequence[Wanted]) -> list[Poll]:
        """Tickers by currency in chunks, first since a few requests bring them all; of candles each series."""
        candles, coins = [], dict[str, list[Instrument]]()
        for stream, instrument in wanted:
            if stream == "ticker":
                coins.setdefault(instrument.quote, []).append(instrument)
            elif stream.removeprefix("candle_") in names.INTERVALS:
                request = rest.candles_request(instrument, stream.removeprefix("candle_"), 0, 0)
                candles.append(Poll(request, ((stream, instrument.symbol),), CANDLE_NS))
        tickers = [
            _tickers(currency, instruments[start : start + COINS])
            for currency, instruments in coins.items()
            for start in range(0, len(instruments), COINS)
        ]
        return [*tickers, *candles]

    def read(
        self, request: Request, body: bytes, received_ns: int, instruments: Instruments, rejected: list[Rejected]
    ) -> Sequence[Ticker | Candle]:
        """By the request's own words."""
        currency = request.query.get("vs_currency", "").upper()
        if request.path.endswith(rest.MARKETS):
            return _read_tickers(body, received_ns, instruments, currency, rejected)
        if request.path.endswith(rest.OHLC):
            interval = {days: ours for ours, days in names.INTERVALS.items()}.get(request.query.get("days", ""))
            if interval is None:
                raise BadFrame(f"candles of {request.query.get('days')} days are of no interval of ours", "interval")
            coin_id = unquote(request.path.removesuffix(rest.OHLC).rpartition("/")[2])
            instrument = _instrument(coin_id, currency, instruments)
            return rest.read_candles(body, instrument, interval, received_ns, rejected=rejected)
        raise BadFrame(f"an answer to {request.path[:80]!r}, which is not read", "path")


def _tickers(currency: str, instruments: Sequence[Instrument]) -> Poll:
    request = rest.tickers_request([instrument.venue_symbol for instrument in instruments], currency)
    wants = tuple(("ticker", instrument.symbol) for instrument in instruments)
    return Poll(request, wants, TICKER_NS, for_each=True)


def _read_tickers(
    body: bytes, received_ns: int, instruments: Instruments, currency: str, rejected: list[Rejected]
) -> list[Ticker]:
    def ticker(row: Raw) -> Ticker:
        coin_id = rest.decoded(rest.coin_row, bytes(row)).id
        return rest.ticker(row, _instrument(coin_id, currency, instruments), received_ns)

    found = rest.decoded(rest.all_rows, body)
    return rows.read(found, ticker, rejected)


def _instrument(coin_id: str, currency: str, instruments: Instruments) -> Instrument:
    """The market; of one that is not known its id is all there is to say."""
    known = instruments.by_venue_symbol.get(coin_id)
    if known and known.quote == currency:
        return known
    return Instrument(symbol=coin_id, venue_symbol=coin_id, base=coin_id, quote=currency, kind="spot")


def new_feed(instruments: Instruments) -> PollingFeed:
    return PollingFeed(instruments, CoinGecko())
