"""The markets of an exchange as the database knows them, in the library's form."""

from threading import Lock

from exchanges.decimals import optional
from exchanges.symbols import Instrument, Instruments
from marketdata import times
from marketdata.ingest.metadata import FACTS, NUMBERS
from marketdata.models import Exchange, Symbol

_kept: dict[str, tuple[int, Instruments]] = {}
_keeping = Lock()


def load(code: str) -> Instruments:
    """All markets that are not delisted, the first listed first. An unknown exchange has none."""
    rows = Symbol.objects.filter(exchange=code).exclude(status="delisted").order_by("id")
    return Instruments(_instrument(row) for row in rows.values("symbol", *FACTS).iterator())


def version(code: str) -> int:
    """Rises with every change of a market of the exchange; one row is read. 0 where it was never synced."""
    return Exchange.objects.filter(code=code).values_list("metadata_version", flat=True).first() or 0


def current(code: str) -> Instruments:
    """load(), kept in this process until the version changes."""
    newest = version(code)  # before the rows: a change between the two is then read once more, not missed
    with _keeping:
        kept = _kept.get(code)
    if kept and kept[0] == newest:
        return kept[1]
    loaded = load(code)
    with _keeping:
        _kept[code] = (newest, loaded)
    return loaded


def instrument(symbol: Symbol) -> Instrument:
    """A row as an adapter takes it."""
    return _instrument({name: getattr(symbol, name) for name in ("symbol", *FACTS)})


def _instrument(row: dict) -> Instrument:
    expiry = row["expiry_time"]
    numbers = {name: optional(row[name]) for name in NUMBERS}
    texts = {name: value for name, value in row.items() if name not in NUMBERS and name != "expiry_time"}
    return Instrument(**texts, **numbers, expiry_us=None if expiry is None else times.to_us(expiry))
