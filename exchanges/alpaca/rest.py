"""Alpaca's REST API for market data, stocks v2 and crypto v1beta3: builds a request, reads its answer. Pure.

Source: https://docs.alpaca.markets/reference (stock bars, trades and snapshots; crypto bars, trades, snapshots and
order books; assets)
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote, urlencode

from msgspec import MsgspecError, Raw
from msgspec.json import Decoder
from msgspec.structs import replace

from exchanges import rows
from exchanges.alpaca import frames, names, readings
from exchanges.alpaca.refusals import read_error as read_error
from exchanges.contract import Request
from exchanges.decimals import Number, unsigned
from exchanges.errors import BadFrame, Refused, UnknownMarket
from exchanges.events import Candle, Depth, Rejected, Ticker, Trade
from exchanges.symbols import Instrument, SymbolStatus, distinct

PAGE = 1000  # candles asked for in one range; a page may hold ten times as many
MOST = 10_000
CRYPTO = "/v1beta3/crypto/us"  # Alpaca's own book
STOCKS = "/v2/stocks"
FEED = "iex"  # open in real time to every plan, and the same for history, so that a series has one origin
OLDEST = "2016-01-01"  # without a start only the current day is answered
# The pairs that Alpaca names on https://alpaca.markets/support/what-cryptocurrencies-does-alpaca-currently-support/
PAIRS = {
    "USD": "AAVE AVAX BAT BCH BTC CRV DOGE DOT ETH GRT LINK LTC MKR PEPE SHIB SOL SUSHI TRUMP UNI USDC USDG USDT XRP "
    "XTZ YFI",
    "USDC": "AAVE AVAX BAT BCH BTC CRV DOGE DOT ETH GRT LINK LTC MKR SHIB SUSHI UNI XTZ YFI",
    "USDT": "AAVE BCH BTC DOGE ETH LINK LTC SUSHI UNI YFI",
    "BTC": "BCH ETH LTC UNI",
}  # fmt: skip
T = TypeVar("T")


def instruments_requests() -> list[Request]:
    """Each answer is the whole list: there are no pages."""
    return [_listing("crypto"), _listing("us_equity")]


def _listing(asset_class: str) -> Request:
    query = urlencode({"status": "active", "asset_class": asset_class})
    return Request(f"/v2/assets?{query}", host=names.TRADING)


def open_list() -> Request:
    """What is quoted of the pairs that are known to be: the listing itself is for those with keys."""
    named = [f"{base}/{quoted}" for quoted, bases in PAIRS.items() for base in bases.split()]
    return Request.get(f"{CRYPTO}/latest/quotes", symbols=",".join(named))


def read_instruments(body: bytes, rejected: list[Rejected] | None = None) -> list[Instrument]:
    """Pairs and US shares. Those traded over the counter are left out: their data is for partners alone.

    Of an answer to `open_list` the pairs that are in it, without their increments.
    """
    if body.lstrip()[:1] == b"{":
        return rows.read(_quoted(body), lambda name: _pair(name, "trading"), rejected)
    assets: list[Raw] = decoded(frames.rows, body)
    listed = rows.read(assets, frames.asset.decode, rejected)
    offered = [one for one in listed if one.exchange != "OTC"]
    return distinct(rows.read(offered, _instrument, rejected))


def _instrument(asset: frames.Asset) -> Instrument:
    trading = asset.status == "active" and asset.tradable
    if asset.class_ == "crypto":
        return replace(
            _pair(asset.symbol, "trading" if trading else "halted"), price_increment=_number(asset.price_increment),
            quantity_increment=_number(asset.min_trade_increment), min_quantity=_number(asset.min_order_size),
        )  # fmt: skip
    symbol = names.symbol_of(asset.symbol)
    if asset.class_ != "us_equity" or symbol is None or names.is_pair(asset.symbol):
        raise BadFrame(f"no market of ours: {asset.class_[:20]} {asset.symbol[:40]!r}", "asset")
    return Instrument(
        symbol=symbol, venue_symbol=symbol, base=symbol, quote=names.QUOTE, kind="stock",
        status="trading" if trading else "halted",
    )  # fmt: skip


def _pair(name: str, status: SymbolStatus) -> Instrument:
    """Data is asked for with the slash alone."""
    base, quoted = names.pair(name)
    return Instrument(
        symbol=f"{base}-{quoted}", venue_symbol=f"{base}/{quoted}", base=base, quote=quoted, kind="spot", status=status
    )


def _quoted(body: bytes) -> list[str]:
    given = decoded(frames.members, body)
    by_name = decoded(frames.members, bytes(given.get("quotes", Raw(b"null"))))
    return list(by_name)


def _number(text: str | None) -> Number | None:
    return unsigned(text) if text else None


def candles_request(
    instrument: Instrument, interval: str, start_ms: int, end_ms: int, limit: int | None = None
) -> Request:
    """Both bounds are included there. More are asked for than there can be, as pages may come out shorter."""
    return _get(
        instrument, "bars", timeframe=names.INTERVALS[interval], start=names.rfc3339(start_ms),
        end=names.rfc3339(max(end_ms - 1, start_ms)), limit=MOST, sort="asc",
    )  # fmt: skip


def newest_candles_request(instrument: Instrument, interval: str, limit: int) -> Request:
    return _get(
        instrument, "bars", timeframe=names.INTERVALS[interval], start=OLDEST, limit=limit, sort="desc",
    )  # fmt: skip


def read_candles(
    body: bytes, instrument: Instrument, interval: str, received_ns: int, now_ms: int | None = None,
    rejected: list[Rejected] | None = None,
) -> list[Candle]:  # fmt: skip
    """Oldest first. A page that is not the range's last one counts as a broken row: what comes after it is unknown."""
    now = received_ns // 1_000_000 if now_ms is None else now_ms

    def candle(raw: Raw) -> Candle:
        bar = decoded(frames.bar, bytes(raw))
        made = readings.candle(instrument.symbol, instrument.venue_symbol, interval, bar, received_ns, closed=False)
        return replace(made, closed=made.close_ms < now)

    found = rows.read(_rows(body, "bars", instrument.venue_symbol), candle, rejected)
    if rejected is not None and _token(body):
        rejected.append(Rejected("the answer goes on on another page", "page"))
    return sorted(found, key=lambda one: one.open_ms)


def trades_request(
    instrument: Instrument, from_id: str | None = None, limit: int | None = None, from_us: int | None = None
) -> Request:
    """The newest, or those from a time on, which is taken down to its millisecond."""
    if from_id is not None:
        raise Refused("trades are served from a time on, not from an id")
    if from_us is not None:
        start = names.rfc3339(from_us // 1000)
        return _get(instrument, "trades", start=start, limit=min(limit or PAGE, MOST), sort="asc")
    return _get(instrument, "trades", start=OLDEST, limit=min(limit or PAGE, MOST), sort="desc")


def read_trades(
    body: bytes, instrument: Instrument, received_ns: int, rejected: list[Rejected] | None = None
) -> list[Trade]:
    """Oldest first, without those of stocks that were cancelled."""
    found = rows.read(_rows(body, "trades", instrument.venue_symbol), _trade_row, rejected)
    valid = [row for row in found if row.u not in readings.VOID]
    made = rows.read(
        valid, lambda row: readings.trade(instrument.symbol, instrument.venue_symbol, row, received_ns), rejected
    )
    return made[::-1] if _is_descending(valid) else made


def _is_descending(found: list[frames.TradeRow]) -> bool:
    try:
        return len(found) > 1 and names.nanos(found[0].t) > names.nanos(found[-1].t)
    except BadFrame:
        return False


def _trade_row(raw: Raw) -> frames.TradeRow:
    return decoded(frames.trade, bytes(raw))


def ticker_request(instrument: Instrument) -> Request:
    return tickers_request([instrument.venue_symbol], names.is_pair(instrument.venue_symbol))


def tickers_request(venue_symbols: Sequence[str], crypto: bool) -> Request:
    """Of markets of one kind."""
    symbols = ",".join(venue_symbols)
    if crypto:
        return Request.get(f"{CRYPTO}/snapshots", symbols=symbols)
    return Request.get(f"{STOCKS}/snapshots", symbols=symbols, feed=FEED)


def read_ticker(body: bytes, instrument: Instrument, received_ns: int) -> Ticker:
    """Of a snapshot, or of quotes. The day's bar is no window of 24 hours and is not told."""
    given = decoded(frames.members, body)
    raw = Raw(body) if "latestQuote" in given else snapshots(body).get(instrument.venue_symbol)
    if raw is not None:
        return ticker(raw, instrument, received_ns)
    quotes = _rows(body, "quotes", instrument.venue_symbol) if {"quotes", "quote"} & given.keys() else []
    if not quotes:
        raise UnknownMarket(f"Alpaca left {instrument.venue_symbol} out of its answer")
    quoted = decoded(frames.quote, bytes(quotes[-1]))
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=names.micros(quoted.t), **readings.offers(quoted),
    )  # fmt: skip


def snapshots(body: bytes) -> dict[str, Raw]:
    """By venue symbol: of crypto inside `snapshots`, of stocks bare."""
    given = decoded(frames.members, body)
    return decoded(frames.members, bytes(given["snapshots"])) if "snapshots" in given else given


def ticker(raw: Raw, instrument: Instrument, received_ns: int) -> Ticker:
    """The last trade and the best offers, of the time of the younger one."""
    if bytes(raw) == b"null":
        raise UnknownMarket(f"Alpaca knows nothing of {instrument.venue_symbol}")
    said = decoded(frames.snapshot, bytes(raw))
    figures = readings.last(said.latestTrade) if said.latestTrade else {}
    figures |= readings.offers(said.latestQuote) if said.latestQuote else {}
    times = [names.micros(part.t) for part in (said.latestTrade, said.latestQuote) if part]
    return Ticker(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=max(times, default=None), **figures,
    )  # fmt: skip


def depth_request(instrument: Instrument, limit: int) -> Request:
    """The whole book, always."""
    if not names.is_pair(instrument.venue_symbol):
        raise Refused("there is no order book of stocks")
    return Request.get(f"{CRYPTO}/latest/orderbooks", symbols=instrument.venue_symbol)


def read_depth(body: bytes, instrument: Instrument, received_ns: int) -> Depth:
    found = _rows(body, "orderbooks", instrument.venue_symbol)
    if not found:
        raise UnknownMarket(f"Alpaca left {instrument.venue_symbol} out of its answer")
    book = decoded(frames.book, bytes(found[0]))
    bids, asks = readings.levels(book.b), readings.levels(book.a)
    return Depth(
        symbol=instrument.symbol, venue_symbol=instrument.venue_symbol, received_ns=received_ns,
        event_us=names.micros(book.t), type="snapshot", bids=tuple(bids), asks=tuple(asks),
    )  # fmt: skip


def crossed(book: Depth) -> bool:
    return bool(book.bids and book.asks) and Decimal(book.bids[0][0]) >= Decimal(book.asks[0][0])


def used_weight(headers: Mapping[str, str]) -> int | None:
    """Requests of the current minute, of any plan."""
    most, left = headers.get("x-ratelimit-limit", ""), headers.get("x-ratelimit-remaining", "")
    if not all(one.isascii() and one.isdigit() and len(one) < 10 for one in (most, left)):
        return None
    return max(int(most) - int(left), 0)


def decoded(decoder: Decoder[T], body: bytes) -> T:
    """BadFrame for what is not in the shape."""
    try:
        return decoder.decode(body)
    except (MsgspecError, UnicodeError, RecursionError) as error:
        raise BadFrame(f"not in the documented shape: {error}"[:300], "shape") from error


def _get(instrument: Instrument, what: str, **query: object) -> Request:
    if names.is_pair(instrument.venue_symbol):
        return Request(f"{CRYPTO}/{what}?{urlencode({'symbols': instrument.venue_symbol, **query})}")
    return Request(f"{STOCKS}/{quote(instrument.venue_symbol, safe='')}/{what}?{urlencode({'feed': FEED, **query})}")


def _rows(body: bytes, name: str, venue_symbol: str) -> list[Raw]:
    """One market's rows: a list, a list or one row by symbol, or null where there are none; or the row of the market
    that was asked for alone (`quote` in place of `quotes`)."""
    given = decoded(frames.members, body)
    alone = name.removesuffix("s")
    if name not in given and alone not in given:
        raise BadFrame(f"an answer without {name}", "shape")
    found = bytes(given[name] if name in given else given[alone])
    if found[:1] == b"{" and name in given:
        found = bytes(decoded(frames.members, found).get(venue_symbol, Raw(b"null")))
    if found == b"null":
        return []
    return [Raw(found)] if found[:1] == b"{" else decoded(frames.rows, found)


def _token(body: bytes) -> str | None:
    return decoded(frames.token, bytes(decoded(frames.members, body).get("next_page_token", Raw(b"null"))))
