"""Alpha Vantage's API: builds a request, reads its answer. All figures are text. Pure.

Source: https://www.alphavantage.co/documentation/
"""

from collections.abc import Mapping
from typing import TypeVar

from msgspec import MsgspecError, Raw
from msgspec.json import Decoder

from exchanges import rows
from exchanges.alphavantage import listings, names
from exchanges.alphavantage.refusals import read_error as read_error
from exchanges.contract import Request
from exchanges.decimals import Number, unsigned
from exchanges.errors import BadFrame, UnknownMarket
from exchanges.events import Candle, Depth, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, distinct

PATH = "/query"
PAGE = 100  # rows of `compact`; `full` is for premium plans
QUOTE, RATE, SERIES, META = "Global Quote", "Realtime Currency Exchange Rate", "Time Series", "Meta Data"

_body: Decoder[dict[str, Raw]] = Decoder(dict[str, Raw])
_texts: Decoder[dict[str, str]] = Decoder(dict[str, str])
T = TypeVar("T")


def instruments_requests() -> list[Request]:
    """US shares and funds; the currencies are files beside the API, which cost nothing of the quota."""
    return [
        Request.get(PATH, function="LISTING_STATUS"),
        Request.get("/digital_currency_list/", 0),
        Request.get("/physical_currency_list/", 0),
    ]


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """A list as CSV, or as JSON the matches of a search or the overview of one company."""
    if body.lstrip()[:1] != b"{":
        return distinct(rows.read(listings.csv_rows(body), listings.instrument, rejected))
    given = decoded(_body, body)
    if "Symbol" in given:
        texts = {name: value for name, value in given.items() if name in ("Symbol", "Currency")}
        return [listings.company({name: decoded(_text, bytes(value)) for name, value in texts.items()})]
    matches = decoded(_matches, bytes(given.get("bestMatches", Raw(b"null"))))
    return distinct(rows.read(matches, lambda row: listings.match(named(bytes(row))), rejected))


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """The newest hundred: a range takes a premium plan. Prices are raw, as daily ones are for everybody."""
    family, code = names.family(instrument.venue_symbol), names.code(instrument.venue_symbol)
    theirs, short = names.INTERVALS[interval], interval in ("1m", "5m", "15m", "30m", "1h")
    function = f"{names.PREFIX[family][0]}INTRADAY" if short else f"{names.PREFIX[family][1]}{theirs}"
    market: dict[str, dict[str, object]] = {
        "crypto": {"symbol": code, "market": instrument.quote},
        "stock": {"symbol": code},
        "forex": {"from_symbol": code, "to_symbol": instrument.quote},
    }
    more: dict[str, object] = {"interval": theirs, "outputsize": "compact"} if short else {}
    if short and family == "stock":
        more["adjusted"] = "false"
    elif interval == "1d" and family != "crypto":
        more["outputsize"] = "compact"
    return Request.get(PATH, 1, **{"function": function, **market[family], **more})


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """Oldest first. The newest row of a day, week or month that was made within it runs on."""
    now = received_ns // 1_000_000 if now_ms is None else now_ms
    given = decoded(_body, body)
    series = next((value for key, value in given.items() if SERIES in key), None)
    if series is None or META not in given:
        raise BadFrame("no time series in the answer", "shape")
    meta = named(bytes(given[META]))
    at = names.zone(meta.get("Time Zone", ""))
    made_within = len(meta.get("Last Refreshed", "")) > len("2026-11-19") and interval in ("1d", "1w", "1M")

    def candle(row: tuple[str, Raw]) -> Candle:
        open_ms, close_ms = names.spans(interval, row[0], at)
        figures = named(bytes(row[1]))
        open_, high, low, close = (
            _figure(figures, name, instrument.quote) for name in ("open", "high", "low", "close")
        )
        volume = figures.get("volume")
        return Candle(
            symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns, interval=interval,
            open_ms=open_ms, close_ms=close_ms, open=open_, high=high, low=low, close=close,
            volume=None if volume is None else unsigned(volume), quote_volume=None, trades=None,
            closed=close_ms < now and not (made_within and row[0] == newest),
        )  # fmt: skip

    labelled = decoded(_body, bytes(series))
    newest = max(labelled, default="")
    found = {candle.open_ms: candle for candle in rows.read(sorted(labelled.items()), candle, rejected)}
    return [found[open_ms] for open_ms in sorted(found)]


def ticker_request(instrument: Instrument) -> Request:
    code = names.code(instrument.venue_symbol)
    if names.family(instrument.venue_symbol) == "stock":
        return Request.get(PATH, function="GLOBAL_QUOTE", symbol=code)
    return Request.get(PATH, function="CURRENCY_EXCHANGE_RATE", from_currency=code, to_currency=instrument.quote)


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    """Of a share the figures of its latest trading day, of which only the date is told; of a currency its rate."""
    given = decoded(_body, body)
    quote = next((bytes(value) for key, value in given.items() if key.startswith(QUOTE)), None)
    if quote is not None:
        return _quote(named(quote), instrument, received_ns)
    if RATE not in given:
        raise BadFrame("no quote in the answer", "shape")
    rate = named(bytes(given[RATE]))
    refreshed, zone = rate.get("Last Refreshed"), rate.get("Time Zone", "")
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=names.micros(refreshed, names.zone(zone)) if refreshed else None,
        last_price=_lenient(rate.get("Exchange Rate")), bid_price=_lenient(rate.get("Bid Price")),
        ask_price=_lenient(rate.get("Ask Price")),
    )  # fmt: skip


def _quote(quote: dict[str, str], instrument: Instrument, received_ns: int) -> Ticker:
    if not quote:
        raise UnknownMarket("Alpha Vantage has no data for this symbol")
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        last_price=_lenient(quote.get("price")), open_24h=_lenient(quote.get("open")),
        high_24h=_lenient(quote.get("high")), low_24h=_lenient(quote.get("low")),
        volume_24h=_lenient(quote.get("volume")),
    )  # fmt: skip


def _figure(figures: Mapping[str, str], name: str, currency: str) -> Number:
    """Crypto rows had each figure twice once, the currency in brackets; the market's own is meant."""
    found = figures.get(name, figures.get(f"{name} ({currency})"))
    if found is None:
        raise BadFrame(f"a row without {name}", "shape")
    return unsigned(found)


def _lenient(text: str | None) -> Number | None:
    """A dash stands for no bid or ask (not documented, but met)."""
    return None if text is None or text.strip() in ("", "-", "None") else unsigned(text)


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    raise BadFrame("Alpha Vantage has no trades", "not offered")


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    raise BadFrame("Alpha Vantage has no order books", "not offered")


def used_weight(headers: Mapping[str, str]) -> int | None:
    return None


_text: Decoder[str] = Decoder(str)
_matches: Decoder[list[Raw]] = Decoder(list[Raw])


def named(body: bytes) -> dict[str, str]:
    """An object's fields without their ordinals; BadFrame where it is none of texts."""
    return {names.plain_name(key): value for key, value in decoded(_texts, body).items()}


def decoded(decoder: Decoder[T], body: bytes) -> T:
    """BadFrame for what is not in the shape; its words hold nothing of the body."""
    try:
        return decoder.decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"not in the documented shape: {error}"[:300], "shape") from error
