"""The markets as Kraken spells and describes them, from the exchange's side; and how it writes numbers and times."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exchanges.symbols import Instrument

LOT_DECIMALS = 8
REST_DECIMALS = 5  # REST writes at least so many of a price
# Assets of the first years have an id with a letter in front, and two of them another name.
OLD_IDS = {
    "BTC": "XXBT", "ETH": "XETH", "DOGE": "XXDG", "XRP": "XXRP", "LTC": "XLTC", "ETC": "XETC", "XLM": "XXLM",
    "XMR": "XXMR", "ZEC": "XZEC", "USD": "ZUSD", "EUR": "ZEUR",
}  # fmt: skip
FEES = [[0, 0.4], [10_000, 0.35], [50_000, 0.24]]
MAKER_FEES = [[0, 0.25], [10_000, 0.2], [50_000, 0.14]]


@dataclass(frozen=True)
class Pair:
    """One market. `name` is the spelling of WebSocket v2, `key` that of REST's answers."""

    instrument: Instrument
    name: str
    key: str
    altname: str
    wsname: str
    decimals: int

    @property
    def symbol(self) -> str:
        return self.instrument.symbol


class Markets:
    """All markets, by every spelling that REST takes, and by WebSocket's one."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.pairs = [_pair(instrument) for instrument in instruments]
        self.by_name = {pair.name: pair for pair in self.pairs}
        self.by_symbol = {pair.symbol: pair for pair in self.pairs}
        self.by_spelling = {
            spelling: pair for pair in self.pairs for spelling in (pair.name, pair.wsname, pair.altname, pair.key)
        }


def asset_id(name: str) -> str:
    return OLD_IDS.get(name, name)


def altname(name: str) -> str:
    return OLD_IDS[name][1:] if name in OLD_IDS else name


def padded(number: str, places: int) -> str:
    """A canonical number with its zeros."""
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction:0<{places}}" if places else whole


def time_text(time_ms: int, places: int = 6) -> str:
    """RFC 3339 with microseconds, or nanoseconds."""
    second = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}{'':0<{places - 3}}Z"


def described_asset(name: str) -> dict[str, Any]:
    """One entry of Assets."""
    return {
        "aclass": "currency", "altname": altname(name), "decimals": 10, "display_decimals": 5, "status": "enabled",
    }  # fmt: skip


def described(pair: Pair) -> dict[str, Any]:
    """One entry of AssetPairs."""
    instrument = pair.instrument
    return {
        "altname": pair.altname, "wsname": pair.wsname, "aclass_base": "currency", "base": asset_id(instrument.base),
        "aclass_quote": "currency", "quote": asset_id(instrument.quote), "lot": "unit", "cost_decimals": 8,
        "pair_decimals": pair.decimals, "lot_decimals": LOT_DECIMALS, "lot_multiplier": 1, "leverage_buy": [],
        "leverage_sell": [], "fees": FEES, "fees_maker": MAKER_FEES, "fee_volume_currency": "ZUSD", "margin_call": 80,
        "margin_stop": 40, "ordermin": instrument.min_quantity or "0", "costmin": instrument.min_notional or "0",
        "tick_size": instrument.price_increment or "0", "status": "online", "execution_venue": "international",
    }  # fmt: skip


def _pair(instrument: Instrument) -> Pair:
    base, quote = instrument.base, instrument.quote
    short = altname(base) + altname(quote)
    old = base in OLD_IDS and quote in OLD_IDS
    decimals = len((instrument.price_increment or "0").partition(".")[2])
    return Pair(
        instrument, f"{base}/{quote}", asset_id(base) + asset_id(quote) if old else short, short,
        f"{altname(base)}/{altname(quote)}", decimals,
    )  # fmt: skip
