"""What runs whether anybody listens or not: the pins as topics, those of a first start, and the signals beside them."""

from marketdata import cards
from streams import signals
from streams.models import Pin

FIRST = [
    ("binance", symbol, stream)
    for symbol in ("BTC-USDT", "ETH-USDT")
    for stream in ("trade", "ticker", "depth", "candle_1m")
]


def lasting() -> set[str]:
    """The topics that run whether anybody listens or not, and that other programs are told of: of pins and signals."""
    return pinned() | signals.topics()


def pinned() -> set[str]:
    """The topics that an operator has pinned."""
    return {pin.topic for pin in Pin.objects.filter(enabled=True)}


def pin_defaults() -> int:
    """On a first start, pins two markets so that something moves at once; later the operator's choice stands."""
    wanted = [pin for pin in FIRST if pin[0] in cards.codes()]
    rows = [Pin(exchange=code, symbol=symbol, stream=stream, note="first start") for code, symbol, stream in wanted]
    return len(Pin.objects.bulk_create(rows, ignore_conflicts=True))


def pinned_candles() -> list[tuple[str, str, str]]:
    """Exchange, symbol and interval of the pinned candle streams: their series are kept whole in the database too."""
    pins = Pin.objects.filter(enabled=True, stream__startswith="candle_")
    return [(pin.exchange, pin.symbol, pin.stream.removeprefix("candle_")) for pin in pins]
