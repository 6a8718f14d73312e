"""CoinGecko's REST answers from its side: lists, markets, prices, candles stamped with their end."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from exchanges.coingecko.sandbox_coins import Coins
from exchanges.encoder import rows
from exchanges.intervals import DAY_MS
from exchanges.invented import Invented, InventedCandle, InventedWindow
from exchanges.symbols import Instrument

CURRENCIES = ("usd",)
DAYS = {
    "1": ("30m", 48),
    "7": ("4h", 42),
    "14": ("4h", 84),
    "30": ("4h", 180),
    "90": ("4d", 23),
    "180": ("4d", 45),
    "365": ("4d", 92),
}
FOUR_DAYS_MS = 4 * DAY_MS
MOST_PER_PAGE = 250
ORDERS = ("market_cap_desc", "market_cap_asc", "volume_desc", "volume_asc", "id_asc", "id_desc")
Query = Mapping[str, str]


class Wrong(Exception):
    """A refused request: the status, CoinGecko's own code where it has one, and its words."""

    def __init__(self, status: int, words: str, code: int = 0) -> None:
        super().__init__(words)
        self.status, self.code = status, code


class Answers:
    """What each path answers."""

    def __init__(self, market: Invented, coins: Coins) -> None:
        self._market, self._coins = market, coins
        self._paths: dict[str, Callable[[Query], Any]] = {
            "/ping": lambda query: {"gecko_says": "(V3) To the Moon!"},
            "/coins/list": self._list,
            "/coins/markets": self._markets,
            "/simple/price": self._prices,
            "/simple/supported_vs_currencies": lambda query: list(CURRENCIES),
        }

    def of(self, path: str, query: Query) -> Any:
        if path in self._paths:
            return self._paths[path](query)
        _, coins, coin_id, *rest = f"{path}//".split("/")[:4]
        if coins == "coins" and rest == ["ohlc"]:
            return self._candles(coin_id, query)
        raise Wrong(404, "Incorrect path. Please check the documentation.")

    def _list(self, query: Query) -> Any:
        named = sorted(self._coins.by_id.items())
        return [{"id": coin_id, "symbol": coin.base.lower(), "name": coin.base} for coin_id, coin in named]

    def _markets(self, query: Query) -> Any:
        _currency(query)
        order = query.get("order", ORDERS[0])
        if order not in ORDERS:
            raise Wrong(422, "Invalid order")
        per_page, page = _whole(query, "per_page", 100, MOST_PER_PAGE), _whole(query, "page", 1, 10_000)
        asked = set(query["ids"].split(",")) if query.get("ids") else set(self._coins.by_id)
        ranked = [(rank, coin_id) for rank, coin_id in enumerate(self._coins.by_id, 1) if coin_id in asked]
        ranked.sort(key=lambda one: one[1] if order.startswith("id") else one[0], reverse=order in ("id_desc",))
        chosen = ranked[(page - 1) * per_page : page * per_page]
        return [self._row(coin_id, rank, query) for rank, coin_id in chosen]

    def _row(self, coin_id: str, rank: int, query: Query) -> Any:
        coin = self._coins.by_id[coin_id]
        window = self._market.window(coin.symbol, DAY_MS)
        change = Decimal(window.last) - Decimal(window.open)
        return {
            "id": coin_id, "symbol": coin.base.lower(), "name": coin.base, "image": "",
            "current_price": _price(window.last, query), "market_cap": None, "market_cap_rank": rank,
            "fully_diluted_valuation": None, "total_volume": Decimal(window.quote_volume),
            "high_24h": _price(window.high, query), "low_24h": _price(window.low, query), "price_change_24h": change,
            "price_change_percentage_24h": (change / Decimal(window.open) * 100).quantize(Decimal("0.00001")),
            "market_cap_change_24h": None, "market_cap_change_percentage_24h": None, "circulating_supply": None,
            "total_supply": None, "max_supply": None, "ath": None, "ath_change_percentage": None, "ath_date": None,
            "atl": None, "atl_change_percentage": None, "atl_date": None, "roi": None,
            "last_updated": _iso(window.close_ms),
        }  # fmt: skip

    def _prices(self, query: Query) -> Any:
        currencies = query.get("vs_currencies", "").split(",")
        if currencies == [""]:
            raise Wrong(422, "Missing parameter vs_currencies")
        found = [coin_id for coin_id in query.get("ids", "").split(",") if coin_id in self._coins.by_id]
        return {coin_id: self._simple(self._coins.by_id[coin_id], currencies, query) for coin_id in found}

    def _simple(self, coin: Instrument, currencies: Sequence[str], query: Query) -> Any:
        window: InventedWindow = self._market.window(coin.symbol, DAY_MS)
        row: dict[str, Any] = {}
        for currency in set(currencies) & set(CURRENCIES):
            row[currency] = _price(window.last, query)
            if query.get("include_24hr_vol") == "true":
                row[f"{currency}_24h_vol"] = Decimal(window.quote_volume)
        if query.get("include_last_updated_at") == "true":
            row["last_updated_at"] = window.close_ms // 1000
        return row

    def _candles(self, coin_id: str, query: Query) -> Any:
        _currency(query)
        if coin_id not in self._coins.by_id:
            raise Wrong(404, "coin not found")
        if "interval" in query or query.get("days") == "max":
            raise Wrong(401, "Your request exceeds the allowed plan. This parameter is for paid plans only.", 10005)
        if query.get("days", "") not in DAYS:
            raise Wrong(422, "Invalid days parameter")
        interval, count = DAYS[query["days"]]
        found = self._four_days(coin_id, count) if interval == "4d" else self._of(coin_id, interval, count)
        return [[end_ms, *(_price(figure, query) for figure in figures)] for end_ms, *figures in found]

    def _of(self, coin_id: str, interval: str, count: int) -> list[tuple[int, str, str, str, str]]:
        return [_figures([candle]) for candle in self._daily(coin_id, interval, count)]

    def _four_days(self, coin_id: str, count: int) -> list[tuple[int, str, str, str, str]]:
        groups: dict[int, list[InventedCandle]] = {}
        for candle in self._daily(coin_id, "1d", 4 * count):
            groups.setdefault(candle.open_ms // FOUR_DAYS_MS, []).append(candle)
        return [_figures(group) for _, group in sorted(groups.items())]

    def _daily(self, coin_id: str, interval: str, count: int) -> Sequence[InventedCandle]:
        return self._market.candles(self._coins.by_id[coin_id].symbol, interval, None, None, count)


def _figures(candles: Sequence[InventedCandle]) -> tuple[int, str, str, str, str]:
    """One row, stamped with its end."""
    high = max((candle.high for candle in candles), key=Decimal)
    low = min((candle.low for candle in candles), key=Decimal)
    return candles[-1].close_ms + 1, candles[0].open, high, low, candles[-1].close


def _currency(query: Query) -> str:
    currency = query.get("vs_currency")
    if not currency:
        raise Wrong(422, "Missing parameter vs_currency")
    if currency not in CURRENCIES:
        raise Wrong(422, "invalid vs_currency")
    return currency


def _whole(query: Query, name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= most):
        raise Wrong(422, f"Invalid {name}")
    return int(text)


def _price(text: str, query: Query) -> Decimal:
    """Rounded, unless `precision` asks for more: two places, or six where it is below one."""
    precision = query.get("precision")
    value = Decimal(text)
    if precision == "full":
        return value
    if precision is not None and not (precision.isascii() and precision.isdigit() and int(precision[:3]) <= 18):
        raise Wrong(422, "Invalid precision")
    places = int(precision) if precision is not None else 2 if value >= 1 else 6
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def _iso(time_ms: int) -> str:
    time = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


def written(body: object) -> bytes:
    return rows(body)
