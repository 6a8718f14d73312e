"""Alpha Vantage's answers from its side: series newest first, quotes, lists; every figure a text."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from exchanges.alphavantage import sandbox_words as words
from exchanges.alphavantage.names import ZONES
from exchanges.alphavantage.sandbox_markets import Markets
from exchanges.decimals import plain
from exchanges.intervals import DAY_MS, open_ms
from exchanges.invented import Invented, InventedCandle

COMPACT, MOST_DAYS = 100, 1500
LENGTHS = {"DAILY": "1d", "WEEKLY": "1w", "MONTHLY": "1M"}
SHORT = {"1min": "1m", "5min": "5m", "15min": "15m", "30min": "30m", "60min": "1h"}
TITLES = {
    "TIME_SERIES": {"DAILY": "Time Series (Daily)", "WEEKLY": "Weekly Time Series", "MONTHLY": "Monthly Time Series"},
    "FX": {name: f"Time Series FX ({name.title()})" for name in LENGTHS},
    "DIGITAL_CURRENCY": {name: f"Time Series (Digital Currency {name.title()})" for name in LENGTHS},
}
ET = "US/Eastern"
Query = Mapping[str, str]


class Refusal(Exception):
    """Said in place of data, below `key`."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


class Answers:
    """What each function answers: a tree for JSON, or bytes of CSV."""

    def __init__(self, market: Invented, markets: Markets) -> None:
        self._market, self._markets = market, markets

    def of(self, query: Query, premium: bool) -> Any:
        function = query.get("function", "")
        family, _, length = function.rpartition("_")
        if function == "LISTING_STATUS":
            return self._listing()
        if function == "GLOBAL_QUOTE":
            return {"Global Quote": self._quote(query)}
        if function == "CURRENCY_EXCHANGE_RATE":
            return {"Realtime Currency Exchange Rate": self._rate(query)}
        if function == "SYMBOL_SEARCH":
            return {"bestMatches": self._search(query.get("keywords", ""))}
        if family in TITLES and length in LENGTHS:
            return self._series(family, length, query, premium)
        if family in ("TIME_SERIES", "FX", "CRYPTO") and length == "INTRADAY":
            return self._within_a_day(family, query, premium)
        raise _invalid(query)

    def currencies(self, path: str) -> bytes:
        names = self._markets.digital if path.startswith("/digital") else {"USD": "", **self._markets.physical}
        return _csv(["currency code", "currency name"], [[name, f"{name} invented"] for name in sorted(names)])

    def _listing(self) -> bytes:
        columns = ["symbol", "name", "exchange", "assetType", "ipoDate", "delistingDate", "status"]
        rows = [[name, f"{name} Inc", "NYSE", "Stock", "2000-01-03", "null", "Active"] for name in self._markets.shares]
        return _csv(columns, rows)

    def _search(self, keywords: str) -> Any:
        found = [name for name in self._markets.shares if keywords.upper() in name]
        labels = ("1. symbol", "2. name", "3. type", "4. region", "5. marketOpen", "6. marketClose", "7. timezone",
                  "8. currency", "9. matchScore")  # fmt: skip
        values = ("Equity", "United States", "09:30", "16:00", "UTC-04", "USD", "1.0000")
        return [dict(zip(labels, (name, f"{name} Inc", *values), strict=True)) for name in found]

    def _quote(self, query: Query) -> Any:
        """The last whole day's; an unknown symbol has an empty one."""
        symbol = self._markets.shares.get(query.get("symbol", ""))
        if symbol is None:
            return {}
        before, last = self._days(symbol, shares=True, running=False)[-2:]
        change = Decimal(last.close) - Decimal(before.close)
        percent = f"{change / Decimal(before.close) * 100:.4f}%"
        return {
            "01. symbol": query["symbol"], "02. open": _padded(last.open), "03. high": _padded(last.high),
            "04. low": _padded(last.low), "05. price": _padded(last.close), "06. volume": last.volume,
            "07. latest trading day": _date(last.open_ms), "08. previous close": _padded(before.close),
            "09. change": f"{change:.4f}", "10. change percent": percent,
        }  # fmt: skip

    def _rate(self, query: Query) -> Any:
        name = query.get("from_currency", "")
        symbol = {**self._markets.digital, **self._markets.physical}.get(name)
        if symbol is None or query.get("to_currency") != "USD":
            raise _invalid(query)
        window = self._market.window(symbol, DAY_MS)
        return {
            "1. From_Currency Code": name, "2. From_Currency Name": f"{name} invented", "3. To_Currency Code": "USD",
            "4. To_Currency Name": "United States Dollar", "5. Exchange Rate": _padded(window.last),
            "6. Last Refreshed": _time(window.close_ms), "7. Time Zone": "UTC",
            "8. Bid Price": _padded(window.bid[0]), "9. Ask Price": _padded(window.ask[0]),
        }  # fmt: skip

    def _series(self, family: str, length: str, query: Query, premium: bool) -> Any:
        symbol, shares = self._symbol(family, query), family == "TIME_SERIES"
        if query.get("outputsize", "compact") == "full" and length == "DAILY" and not premium:
            raise Refusal("Information", words.PREMIUM)
        days = self._days(symbol, shares, running=family == "DIGITAL_CURRENCY")
        grouped: dict[int, list[InventedCandle]] = {}
        for day in days:
            grouped.setdefault(open_ms(LENGTHS[length], day.open_ms), []).append(day)
        compact = query.get("outputsize", "compact") == "compact" and length == "DAILY"
        groups = [grouped[at_ms] for at_ms in sorted(grouped)][-COMPACT if compact else 0 :]
        rows = {_date(group[-1].open_ms): _row(group, family != "FX") for group in reversed(groups)}
        refreshed = next(iter(rows)) + (" 00:00:00" if family == "DIGITAL_CURRENCY" else "")
        return {
            "Meta Data": _meta(length.title(), query, refreshed, ET if shares else "UTC"),
            TITLES[family][length]: rows,
        }

    def _within_a_day(self, family: str, query: Query, premium: bool) -> Any:
        symbol, theirs = self._symbol(family, query), query.get("interval", "")
        if not premium:
            raise Refusal("Information", words.PREMIUM)
        if theirs not in SHORT:
            raise _invalid(query)
        candles = self._market.candles(symbol, SHORT[theirs], None, None, COMPACT)
        zone = ET if family == "TIME_SERIES" else "UTC"
        rows = {_time(candle.open_ms, zone): _row([candle], family != "FX") for candle in reversed(candles)}
        title = {"TIME_SERIES": "", "FX": "FX ", "CRYPTO": "Crypto "}[family]
        meta = _meta(f"Intraday ({theirs})", query, next(iter(rows)), zone)
        return {"Meta Data": meta, f"Time Series {title}({theirs})": rows}

    def _symbol(self, family: str, query: Query) -> str:
        """The invented market; a share, or a currency in dollars."""
        if family == "TIME_SERIES":
            found = self._markets.shares.get(query.get("symbol", ""))
        elif family == "FX":
            found = (
                self._markets.physical.get(query.get("from_symbol", "")) if query.get("to_symbol") == "USD" else None
            )
        else:
            found = self._markets.digital.get(query.get("symbol", "")) if query.get("market") == "USD" else None
        if found is None:
            raise _invalid(query)
        return found

    def _days(self, symbol: str, shares: bool, running: bool) -> list[InventedCandle]:
        """Shares have none on Saturday and Sunday."""
        days = self._market.candles(symbol, "1d", None, None, MOST_DAYS)
        return [day for day in days if (running or day.closed) and not (shares and _weekend(day.open_ms))]


def _row(candles: Sequence[InventedCandle], with_volume: bool) -> dict[str, str]:
    high = max((candle.high for candle in candles), key=Decimal)
    low = min((candle.low for candle in candles), key=Decimal)
    row = {"1. open": _padded(candles[0].open), "2. high": _padded(high), "3. low": _padded(low),
           "4. close": _padded(candles[-1].close)}  # fmt: skip
    volume = plain(sum((Decimal(candle.volume) for candle in candles), Decimal(0)))
    return {**row, "5. volume": volume} if with_volume else row


def _meta(what: str, query: Query, refreshed: str, zone: str) -> dict[str, str]:
    """Their ordinals differ between functions."""
    fields = {"Information": f"{what} Prices", "Symbol": query.get("symbol") or query.get("from_symbol", ""),
              "Last Refreshed": refreshed}  # fmt: skip
    if "outputsize" in query:
        fields["Output Size"] = query["outputsize"].title()
    fields["Time Zone"] = zone
    return {f"{number}. {name}": value for number, (name, value) in enumerate(fields.items(), 1)}


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    return "".join(",".join(row) + "\r\n" for row in (columns, *rows)).encode()


def _padded(number: str) -> str:
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction:0<4}"


def _weekend(time_ms: int) -> bool:
    return datetime.fromtimestamp(time_ms // 1000, UTC).weekday() > 4


def _date(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%d}"


def _time(time_ms: int, zone: str = "UTC") -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, ZONES[zone.casefold()]):%Y-%m-%d %H:%M:%S}"


def _invalid(query: Query) -> Refusal:
    return Refusal("Error Message", words.INVALID.format(function=query.get("function", "")))
