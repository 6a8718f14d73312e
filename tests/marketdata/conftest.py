"""An exchange of the registry with two markets, in the database."""

from collections.abc import Callable

import pytest

from exchanges import registry
from exchanges.events import Candle as CandleEvent
from exchanges.symbols import Instrument
from marketdata import ingest, times
from marketdata.models import Exchange, Interval, Symbol

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000  # a full minute


def instrument(base: str, quote: str = "USDT", **facts: object) -> Instrument:
    return Instrument(
        symbol=f"{base}-{quote}", venue_symbol=f"{base}{quote}", base=base, quote=quote, kind="spot", **facts
    )


@pytest.fixture
def binance(db: None) -> Exchange:
    exchange = ingest.exchange(registry.card("binance"))
    ingest.instruments("binance", [instrument("BTC"), instrument("ETH")], times.now())
    return exchange


@pytest.fixture
def btc(binance: Exchange) -> Symbol:
    return Symbol.objects.get(exchange=binance, symbol="BTC-USDT")


@pytest.fixture
def minutes(btc: Symbol) -> ingest.Series:
    return ingest.series(btc, Interval.objects.get(exchange="binance", code="1m"))


@pytest.fixture
def candle() -> Callable[..., CandleEvent]:
    """A closed candle of BTC-USDT, `number` minutes after START_MS; figures by name."""

    def made(number: int, **figures: object) -> CandleEvent:
        open_ms = START_MS + number * MINUTE_MS
        fields = {
            "open": "10",
            "high": "12",
            "low": "9",
            "close": "11",
            "volume": "5",
            "quote_volume": "50",
            "trades": 7,
            "closed": True,
        }
        return CandleEvent(
            symbol="BTC-USDT",
            venue_symbol="BTCUSDT",
            received_ns=0,
            interval="1m",
            open_ms=open_ms,
            close_ms=open_ms + MINUTE_MS - 1,
            **{**fields, **figures},
        )

    return made
