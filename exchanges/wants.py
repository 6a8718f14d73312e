"""What a connection is asked to carry, by the exchange's own symbols. Pure."""

from collections.abc import Iterable

from exchanges.contract import Want
from exchanges.events import State, Status
from exchanges.pictures import DEPTHS
from exchanges.symbols import Instruments


def markets_of(wants: Iterable[Want], stream: str, instruments: Instruments) -> set[str]:
    """The markets of which this stream is wanted."""
    return {instruments.venue_symbol(symbol) for wanted, symbol in wants if wanted == stream}


def depths_of(wants: Iterable[Want], instruments: Instruments) -> dict[str, set[str]]:
    """The wanted depth streams of each market."""
    found: dict[str, set[str]] = {}
    for stream, symbol in wants:
        if stream in DEPTHS:
            found.setdefault(instruments.venue_symbol(symbol), set()).add(stream)
    return found


def candles_of(wants: Iterable[Want], instruments: Instruments) -> set[tuple[str, str]]:
    """Market and interval of each wanted candle."""
    found = ((stream.partition("_"), symbol) for stream, symbol in wants)
    return {(instruments.venue_symbol(symbol), interval) for (kind, _, interval), symbol in found if kind == "candle"}


def status_of(want: Want, instruments: Instruments, status: State, detail: str, received_ns: int) -> Status:
    """What is said of a wanted stream."""
    stream, symbol = want
    return Status(
        symbol=symbol, venue_symbol=instruments.venue_symbol(symbol), received_ns=received_ns, stream=stream,
        status=status, detail=detail,
    )  # fmt: skip
