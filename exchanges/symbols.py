"""Markets and how they are spelled: an instrument, all instruments of one exchange, the topic that names a stream."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Literal, NamedTuple

from msgspec import Struct

from exchanges.decimals import Number

Kind = Literal["spot", "perpetual", "future", "option", "stock", "index"]
SymbolStatus = Literal["trading", "halted", "delisted"]


class Instrument(Struct, frozen=True, kw_only=True):
    """One market of one exchange. Increments and limits are None where the exchange sets none."""

    symbol: str
    venue_symbol: str
    base: str
    quote: str
    kind: Kind
    status: SymbolStatus = "trading"
    settle: str | None = None  # the asset a derivative settles in
    price_increment: Number | None = None
    quantity_increment: Number | None = None  # base units
    min_quantity: Number | None = None
    max_quantity: Number | None = None
    min_notional: Number | None = None  # quote units
    max_notional: Number | None = None
    contract_size: Number | None = None  # base units (or quote units of an inverse contract) in one contract
    expiry_us: int | None = None
    strike: Number | None = None
    option_type: Literal["call", "put"] | None = None


REPLAY = "replay-"  # the first word of a replay's topics begins so; no exchange's code does


class Topic(NamedTuple):
    """`<exchange>.<stream>.<symbol>`, split at the first two dots (a symbol may hold more).

    A replay's has one word more in front, `replay-<id>.`: that `replay` is the id.
    """

    exchange: str
    stream: str
    symbol: str
    replay: str = ""

    @classmethod
    def parse(cls, text: str) -> "Topic":
        """ValueError where there are not three parts."""
        front, _, rest = text.partition(".") if text.startswith(REPLAY) else ("", "", text)
        exchange, stream, symbol = rest.split(".", 2)
        replay = front.removeprefix(REPLAY)
        if not (exchange and stream and symbol and bool(front) == bool(replay)):
            raise ValueError(f"a topic is <exchange>.<stream>.<symbol>, not {text!r}")
        return cls(exchange, stream, symbol, replay)

    @property
    def original(self) -> "Topic":
        """What a replay's topic repeats."""
        return self._replace(replay="")

    def __str__(self) -> str:
        front = f"{REPLAY}{self.replay}." if self.replay else ""
        return f"{front}{self.exchange}.{self.stream}.{self.symbol}"


def kind_of(symbol: str) -> Kind:
    """What our spelling alone says of a market: by the number of its parts, and whether the third is a day."""
    parts = symbol.partition(".")[0].split("-")
    if len(parts) < 3:
        return "stock" if len(parts) == 1 else "spot"
    if parts[2].startswith("PERP"):
        return "perpetual"
    return "future" if len(parts) == 3 else "option"


class Instruments:
    """All instruments of one exchange, found by any spelling. Built once, read often."""

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self.spelled: Callable[[str], str | None] | None = None  # our symbol of a market that is not among them
        self.become(instruments)

    def become(self, instruments: Iterable[Instrument]) -> None:
        """These instruments instead, for all who hold this object."""
        self.by_symbol: dict[str, Instrument] = {}
        self.by_venue_symbol: dict[str, Instrument] = {}
        self._by_folded: dict[str, list[str]] = {}
        for instrument in instruments:
            self.by_symbol[instrument.symbol] = instrument
            self.by_venue_symbol[instrument.venue_symbol] = instrument
            for spelling in {folded(instrument.symbol), folded(instrument.venue_symbol)}:
                self._by_folded.setdefault(spelling, []).append(instrument.symbol)

    def __len__(self) -> int:
        return len(self.by_symbol)

    def symbol(self, venue_symbol: str) -> str:
        """Our spelling; of a market that is not known, what its spelling tells, else the exchange's own."""
        instrument = self.by_venue_symbol.get(venue_symbol)
        if instrument:
            return instrument.symbol
        return (self.spelled(venue_symbol) if self.spelled else None) or venue_symbol

    def venue_symbol(self, symbol: str) -> str:
        """The exchange's spelling; ours where it is not known."""
        instrument = self.by_symbol.get(symbol)
        return instrument.venue_symbol if instrument else symbol

    def find(self, spelling: str) -> Instrument | None:
        """The one market that `spelling` means (btc-usdt, BTC/USDT, BTCUSDT …); None if unknown or ambiguous."""
        exact = self.by_symbol.get(spelling) or self.by_venue_symbol.get(spelling)
        if exact:
            return exact
        found = self._by_folded.get(folded(spelling), [])
        return self.by_symbol[found[0]] if len(found) == 1 else None

    def nearest(self, spelling: str, limit: int = 3) -> list[str]:
        """The symbols that look most like `spelling`; all meanings of an ambiguous one."""
        exact = self._by_folded.get(folded(spelling))
        if exact:
            return exact[:limit]
        close = get_close_matches(folded(spelling), self._by_folded, n=limit, cutoff=0.5)
        return list(dict.fromkeys(symbol for match in close for symbol in self._by_folded[match]))[:limit]


def folded(spelling: str) -> str:
    """A spelling without case and separators, for comparison only."""
    return "".join(letter for letter in spelling.casefold() if letter not in "-/_: ")


def distinct(
    instruments: Iterable[Instrument], own_id: Callable[[Instrument], str] = lambda one: one.venue_symbol
) -> list[Instrument]:
    """Unique symbols: where markets share one, all but the first listed carry their own id behind a dot.

    A market that is listed twice, as when a ranking moved between two pages, is one market.
    """
    seen: set[str] = set()
    listed: set[tuple[str, str]] = set()
    result = []
    for instrument in instruments:
        market = instrument.symbol, instrument.venue_symbol
        if market in listed:
            continue
        listed.add(market)
        symbol = instrument.symbol
        if symbol in seen:
            symbol = f"{symbol}.{own_id(instrument)}"
        seen.add(symbol)
        result.append(instrument if symbol == instrument.symbol else _renamed(instrument, symbol))
    return result


def _renamed(instrument: Instrument, symbol: str) -> Instrument:
    fields = {name: getattr(instrument, name) for name in instrument.__struct_fields__}
    return Instrument(**{**fields, "symbol": symbol})
